package notify

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	longestPause = 5 * time.Minute
	idle         = time.Minute // without heartbeats, ends are looked at so often
)

func itoa(n int) string { return strconv.Itoa(n) }

// Run sends what there is to send until ctx ends, and returns when nothing is on its way.
func (s *Service) Run(ctx context.Context) {
	var g sync.WaitGroup
	defer g.Wait()
	for ctx.Err() == nil {
		wait := s.turn(ctx, &g)
		timer := time.NewTimer(wait)
		select {
		case <-s.wake:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// turn begins what is due, one notification a subscription at a time, and says when the
// next is.
func (s *Service) turn(ctx context.Context, g *sync.WaitGroup) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, wait := s.opt.Now(), idle
	for _, sub := range s.subs {
		kind, due := sub.due(now)
		switch {
		case kind == "" || s.busy[sub.ID]:
			continue
		case due.After(now):
			wait = min(wait, due.Sub(now))
			continue
		}
		s.busy[sub.ID] = true
		job := *sub
		g.Go(func() {
			s.work(ctx, job, kind)
			s.mu.Lock()
			delete(s.busy, job.ID)
			s.mu.Unlock()
			s.hurry()
		})
	}
	return wait
}

// due is what a subscription is to be sent next, and when; "" = nothing.
func (sub *Subscription) due(now time.Time) (kind string, at time.Time) {
	switch {
	case sub.Status == "off":
		return "", now
	case !sub.End.IsZero() && !now.Before(sub.End):
		return "end", now
	case sub.Status == "requested" || sub.Spoke.IsZero():
		return "handshake", sub.Next
	case sub.Sent < sub.Count:
		return "event-notification", sub.Next
	case sub.Heartbeat > 0:
		at = sub.Spoke.Add(sub.Heartbeat)
		if at.Before(sub.Next) {
			at = sub.Next
		}
		return "heartbeat", at
	case sub.Status == "error":
		return "heartbeat", sub.Next
	}
	return "", now
}

// work sends one notification and notes what came of it.
func (s *Service) work(ctx context.Context, sub Subscription, kind string) {
	if kind == "end" {
		s.note(sub, func(sub *Subscription) { sub.Status, sub.Error = "off", "its end has come" })
		return
	}
	upTo, err := sub.Sent, error(nil)
	var events []numbered
	if !s.may(sub.Owner, "") {
		err = errors.New("who subscribed may not be told any more")
	} else if kind == "event-notification" {
		if events, err = s.events(sub.ID, sub.Sent+1, sub.Count, sub.Max); err == nil {
			if upTo = sub.Count; len(events) == sub.Max {
				upTo = events[len(events)-1].number
			}
			if events = s.tellable(sub.Owner, events); len(events) == 0 { // all were erased, or may not be told of
				s.note(sub, func(sub *Subscription) { sub.Sent = upTo })
				return
			}
		}
	}
	if err == nil {
		err = s.send(ctx, sub, kind, events)
	}
	if ctx.Err() != nil {
		return // the process ends: it is sent again by the next one
	}
	now := s.opt.Now()
	s.note(sub, func(sub *Subscription) {
		if err == nil {
			sub.Status, sub.Error, sub.Failures, sub.Failing, sub.Next = "active", "", 0, time.Time{}, time.Time{}
			sub.Spoke, sub.Sent = now, max(sub.Sent, upTo)
			return
		}
		if sub.Failures == 0 {
			sub.Failing = now
		}
		sub.Failures++
		sub.Status, sub.Error = "error", err.Error()
		sub.Next = now.Add(min(s.opt.Pause<<min(sub.Failures-1, 20), longestPause))
		if now.Sub(sub.Failing) >= s.opt.GiveUp {
			sub.Status, sub.Error = "off", "switched off: "+sub.Error
		}
	})
}

// note changes a subscription, unless it was changed by its owner since the job was made.
func (s *Service) note(job Subscription, change func(*Subscription)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.subs[job.ID]
	if sub == nil || sub.generation != job.generation {
		return
	}
	before, next := *sub, *sub
	change(&next)
	if next.Status != before.Status {
		next.Version, next.Updated = next.Version+1, s.opt.Now().UTC()
	}
	if err := s.keep(next.Status != before.Status || next.Sent != before.Sent, nil, &next); err != nil {
		s.opt.Log.Error("the state of a subscription could not be kept", "error", err)
		return
	}
	*sub = next
}

// send posts a notification; its error is in words that may be shown, without address.
func (s *Service) send(ctx context.Context, sub Subscription, kind string, events []numbered) error {
	if why := s.allowed(sub.Endpoint); why != "" {
		return errors.New("the endpoint " + why)
	}
	patients := make([]string, 0, len(events))
	for _, e := range events {
		patients = append(patients, e.Patient)
	}
	if len(events) > 0 && sub.Content != "empty" {
		if err := s.opt.Record(ctx, sub.Owner, patients); err != nil {
			return errors.New("the delivery could not be recorded")
		}
	}
	body, err := s.notification(ctx, sub, kind, events)
	if err != nil {
		return errors.New("the notification could not be made")
	}
	ctx, cancel := context.WithTimeout(ctx, sub.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, sub.Endpoint, bytes.NewReader(body))
	if err != nil {
		return errors.New("the endpoint is no address")
	}
	for _, h := range sub.Header {
		name, value, _ := strings.Cut(h, ":")
		req.Header.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	req.Header.Set("Content-Type", "application/fhir+json")
	resp, err := s.http.Do(req)
	switch {
	case errors.Is(err, errPrivate):
		return errors.New("the endpoint's name leads to a private address")
	case err != nil:
		var u *url.Error
		if errors.As(err, &u) && u.Timeout() {
			return errors.New("the endpoint took too long")
		}
		return errors.New("the endpoint could not be reached")
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
	if resp.StatusCode >= 300 {
		return fmt.Errorf("the endpoint answered %d", resp.StatusCode)
	}
	return nil
}

type entry struct {
	FullURL  string            `json:"fullUrl"`
	Resource any               `json:"resource,omitempty"`
	Request  map[string]string `json:"request,omitempty"`
	Response map[string]string `json:"response,omitempty"`
	Search   map[string]string `json:"search,omitempty"`
}

type parameter struct {
	Name           string            `json:"name"`
	ValueReference map[string]string `json:"valueReference,omitempty"`
	ValueCanonical string            `json:"valueCanonical,omitempty"`
	ValueCode      string            `json:"valueCode,omitempty"`
	ValueString    string            `json:"valueString,omitempty"`
	ValueInstant   string            `json:"valueInstant,omitempty"`
	Part           []parameter       `json:"part,omitempty"`
}

// uuid is a random URN for what has no address.
func uuid() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return "urn:uuid:" + h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// notification is the Bundle of a notification: its status first, then what the events
// are about, as the content says.
func (s *Service) notification(ctx context.Context, sub Subscription, kind string, events []numbered) ([]byte, error) {
	status, entries, err := s.parts(ctx, sub, kind, events)
	if err != nil {
		return nil, err
	}
	first := entry{FullURL: uuid(), Resource: status, Request: map[string]string{"method": "GET", "url": s.opt.Base + "/Subscription/" + sub.ID + "/$status"}, Response: map[string]string{"status": "200"}}
	return json.Marshal(map[string]any{"resourceType": "Bundle", "type": "history", "timestamp": s.opt.Now().UTC().Format(time.RFC3339Nano),
		"meta": map[string]any{"profile": []string{backport + "backport-subscription-notification-r4"}}, "entry": append([]entry{first}, entries...)})
}

// parts are the status and the entries behind it.
func (s *Service) parts(ctx context.Context, sub Subscription, kind string, events []numbered) (status map[string]any, entries []entry, err error) {
	shown := sub.Status
	if kind == "event-notification" || kind == "heartbeat" {
		shown = "active" // by being taken, it is
	}
	list := []parameter{
		{Name: "subscription", ValueReference: map[string]string{"reference": s.opt.Base + "/Subscription/" + sub.ID}},
		{Name: "topic", ValueCanonical: s.Canonical(sub.Topic)},
		{Name: "status", ValueCode: shown},
		{Name: "type", ValueCode: kind},
		{Name: "events-since-subscription-start", ValueString: itoa(sub.Count)},
	}
	there := map[string]bool{}
	for _, e := range events {
		part := []parameter{{Name: "event-number", ValueString: itoa(e.number)}, {Name: "timestamp", ValueInstant: e.At.UTC().Format(time.RFC3339Nano)}}
		if sub.Content != "empty" {
			focus := s.opt.Base + "/Patient/" + e.Patient
			part = append(part, parameter{Name: "focus", ValueReference: map[string]string{"reference": focus}})
			if !there[focus] {
				there[focus] = true
				one, err := s.patient(ctx, sub, focus, e.Patient)
				if err != nil {
					return nil, nil, err
				}
				entries = append(entries, one)
			}
			if sub.Content == "full-resource" && len(e.Resource) > 0 {
				urn := uuid()
				part = append(part, parameter{Name: "additional-context", ValueReference: map[string]string{"reference": urn}})
				entries = append(entries, entry{FullURL: urn, Resource: e.Resource, Request: map[string]string{"method": "POST", "url": typeOf(e.Resource)}, Response: map[string]string{"status": "201"}})
			}
		}
		list = append(list, parameter{Name: "notification-event", Part: part})
	}
	return map[string]any{"resourceType": "Parameters", "id": strings.TrimPrefix(uuid(), "urn:uuid:"), "meta": map[string]any{"profile": []string{backport + "backport-subscription-status-r4"}}, "parameter": list}, entries, nil
}

// patient is the entry of the focus, whole where that is wanted and there still is one.
func (s *Service) patient(ctx context.Context, sub Subscription, focus, id string) (entry, error) {
	e := entry{FullURL: focus, Request: map[string]string{"method": "PUT", "url": "Patient/" + id}, Response: map[string]string{"status": "200"}}
	if sub.Content != "full-resource" {
		return e, nil
	}
	raw, err := s.opt.Read(ctx, id)
	if err != nil {
		return e, err
	}
	if raw != nil {
		e.Resource = raw
	}
	return e, nil
}

func typeOf(raw json.RawMessage) string {
	var h struct {
		ResourceType string `json:"resourceType"`
	}
	if json.Unmarshal(raw, &h) != nil {
		return ""
	}
	return h.ResourceType
}

// Status is the Bundle of $status, of the subscriptions named.
func (s *Service) Status(ctx context.Context, subs ...Subscription) ([]byte, error) {
	entries := make([]entry, 0, len(subs))
	for _, sub := range subs {
		status, _, err := s.parts(ctx, sub, "query-status", nil)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{FullURL: uuid(), Resource: status, Search: map[string]string{"mode": "match"}})
	}
	return json.Marshal(map[string]any{"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries})
}

// Events is the Bundle of $events: events that were sent or are to be, from a number to
// another (0 = the last), as the subscription's content has them, or another. patients are
// those it names.
func (s *Service) Events(ctx context.Context, sub Subscription, from, to int, content string) (raw []byte, patients []string, err error) {
	if to == 0 || to > sub.Count {
		to = sub.Count
	}
	if content != "" {
		sub.Content = content
	}
	events, err := s.events(sub.ID, max(from, sub.Count-kept), to, kept)
	if err != nil {
		return nil, nil, err
	}
	events = s.tellable(sub.Owner, events)
	for _, e := range events {
		patients = append(patients, e.Patient)
	}
	raw, err = s.notification(ctx, sub, "query-event", events)
	return raw, patients, err
}
