package ehrtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The R4 backport of topic-based subscriptions.
const (
	backport        = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
	payloadContent  = backport + "backport-payload-content"
	heartbeatPeriod = backport + "backport-heartbeat-period"
)

// subscription is one that was accepted.
type subscription struct {
	id, endpoint, topic, content, status string
	header                               [][2]string
	end                                  time.Time
	heartbeat                            time.Duration
	raw                                  map[string]json.RawMessage
	events                               []event
}

type event struct {
	number int
	at     time.Time
	typ    string
	id     string
	raw    []byte
	create bool
}

type sent struct {
	Criteria, Reason, Status string
	End                      string
	Channel                  struct {
		Type, Endpoint, Payload string
		Header                  []string
		Extension               []extension
		XPayload                struct{ Extension []extension } `json:"_payload"`
	}
}

type extension struct {
	URL           string `json:"url"`
	ValueCode     string `json:"valueCode"`
	ValueUnsigned int    `json:"valueUnsignedInt"`
	ValueString   string `json:"valueString"`
}

func value(list []extension, url string) extension {
	i := slices.IndexFunc(list, func(e extension) bool { return e.URL == url })
	if i < 0 {
		return extension{}
	}
	return list[i]
}

// subscribe accepts a Subscription, shakes hands with its endpoint and activates it.
func (s *Server) subscribe(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.next++
	id := fmt.Sprintf("sub-%d", s.next)
	s.mu.Unlock()
	s.accept(w, r, id, http.StatusCreated)
}

func (s *Server) resubscribe(w http.ResponseWriter, r *http.Request) {
	s.accept(w, r, r.PathValue("id"), http.StatusOK)
}

func (s *Server) accept(w http.ResponseWriter, r *http.Request, id string, status int) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	var m map[string]json.RawMessage
	var in sent
	if err != nil || json.Unmarshal(body, &m) != nil || json.Unmarshal(body, &in) != nil {
		outcome(w, http.StatusBadRequest, "structure")
		return
	}
	content := value(in.Channel.XPayload.Extension, payloadContent).ValueCode
	if s.fault().NoSubscriptions || in.Criteria != Topic || in.Channel.Type != "rest-hook" || in.Status != "requested" ||
		!slices.Contains([]string{"empty", "id-only", "full-resource"}, content) {
		outcome(w, http.StatusUnprocessableEntity, "not-supported")
		return
	}
	sub := &subscription{id: id, endpoint: in.Channel.Endpoint, topic: in.Criteria, content: content, status: "requested", raw: m,
		heartbeat: time.Duration(value(in.Channel.Extension, heartbeatPeriod).ValueUnsigned) * time.Second}
	for _, h := range in.Channel.Header {
		if name, v, ok := strings.Cut(h, ":"); ok {
			sub.header = append(sub.header, [2]string{strings.TrimSpace(name), strings.TrimSpace(v)})
		}
	}
	if in.End != "" {
		if sub.end, err = time.Parse(time.RFC3339Nano, in.End); err != nil {
			outcome(w, http.StatusBadRequest, "value")
			return
		}
	}
	s.mu.Lock()
	s.subs[id] = sub
	s.mu.Unlock()
	w.Header().Set("Location", "http://"+r.Host+"/fhir/Subscription/"+id)
	send(w, status, s.shown(sub))
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
	go s.Handshake(id)
}

// shown is the Subscription as it is read, without its secrets.
func (s *Server) shown(sub *subscription) map[string]json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := map[string]json.RawMessage{}
	for k, v := range sub.raw {
		m[k] = v
	}
	m["id"], m["status"] = json.RawMessage(strconv.Quote(sub.id)), json.RawMessage(strconv.Quote(sub.status))
	return m
}

// Handshake tries a subscription's endpoint, and activates it if it answers.
func (s *Server) Handshake(id string) {
	s.mu.Lock()
	sub := s.subs[id]
	s.mu.Unlock()
	if sub == nil {
		return
	}
	status := "error"
	if s.deliver(sub, "handshake", nil) == nil {
		status = "active"
	}
	s.mu.Lock()
	sub.status = status
	s.mu.Unlock()
}

// Heartbeat tells every active subscription that it lives.
func (s *Server) Heartbeat() {
	for _, sub := range s.active() {
		_ = s.deliver(sub, "heartbeat", nil)
	}
}

func (s *Server) active() (all []*subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sub := range s.subs {
		if sub.status == "active" && (sub.end.IsZero() || s.opt.Now().Before(sub.end)) {
			all = append(all, sub)
		}
	}
	return all
}

// SetStatus gives every subscription a status: what an EHR does that gives up.
func (s *Server) SetStatus(status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sub := range s.subs {
		sub.status = status
	}
}

// Subscriptions are the statuses of what was subscribed, by id.
func (s *Server) Subscriptions() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]string{}
	for id, sub := range s.subs {
		all[id] = sub.status
	}
	return all
}

// notify tells who has subscribed of a change, at once and in order.
func (s *Server) notify(h *held, created bool) {
	if h.patient() == "" {
		return
	}
	for _, sub := range s.active() {
		s.mu.Lock()
		e := event{number: len(sub.events) + 1, at: h.updated, typ: h.typ, id: h.id, raw: h.raw, create: created}
		sub.events = append(sub.events, e)
		f := s.faults
		if f.Lose > 0 {
			s.faults.Lose--
		}
		s.mu.Unlock()
		if f.Quiet || f.Lose > 0 {
			continue
		}
		times := 1
		if f.Twice {
			times = 2
		}
		for range times {
			if s.deliver(sub, "event-notification", []event{e}) != nil {
				s.mu.Lock()
				sub.status = "error"
				s.mu.Unlock()
			}
		}
	}
}

// deliver sends a notification.
func (s *Server) deliver(sub *subscription, kind string, events []event) error {
	b, err := json.Marshal(s.notification(sub, kind, events))
	if err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodPost, sub.endpoint, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/fhir+json")
	for _, h := range sub.header {
		req.Header.Set(h[0], h[1])
	}
	resp, err := s.opt.Client.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("ehrtest: the endpoint answered %d", resp.StatusCode)
	}
	return nil
}

func (s *Server) notification(sub *subscription, kind string, events []event) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	base := s.base + "/fhir/"
	status := []any{
		map[string]any{"name": "subscription", "valueReference": map[string]string{"reference": base + "Subscription/" + sub.id}},
		map[string]any{"name": "topic", "valueCanonical": sub.topic},
		map[string]any{"name": "status", "valueCode": sub.status},
		map[string]any{"name": "type", "valueCode": kind},
		map[string]any{"name": "events-since-subscription-start", "valueString": strconv.Itoa(len(sub.events))},
	}
	entries := []any{}
	for _, e := range events {
		part := []any{map[string]any{"name": "event-number", "valueString": strconv.Itoa(e.number)}, map[string]any{"name": "timestamp", "valueInstant": e.at.Format(time.RFC3339Nano)}}
		if sub.content != "empty" {
			part = append(part, map[string]any{"name": "focus", "valueReference": map[string]string{"reference": base + e.typ + "/" + e.id}})
			method := "PUT"
			if e.create {
				method = "POST"
			}
			entry := map[string]any{"fullUrl": base + e.typ + "/" + e.id, "request": map[string]string{"method": method, "url": e.typ + "/" + e.id}, "response": map[string]string{"status": "200"}}
			if sub.content == "full-resource" {
				entry["resource"] = json.RawMessage(e.raw)
			}
			entries = append(entries, entry)
		}
		status = append(status, map[string]any{"name": "notification-event", "part": part})
	}
	first := map[string]any{"fullUrl": "urn:uuid:0d5f0f6b-7f5c-4f3a-9a31-0cbb3c7d1a11", "resource": map[string]any{"resourceType": "Parameters",
		"meta": map[string]any{"profile": []string{backport + "backport-subscription-status-r4"}}, "parameter": status},
		"request": map[string]string{"method": "GET", "url": base + "Subscription/" + sub.id + "/$status"}, "response": map[string]string{"status": "200"}}
	return map[string]any{"resourceType": "Bundle", "type": "history", "timestamp": s.opt.Now().UTC().Format(time.RFC3339Nano),
		"meta": map[string]any{"profile": []string{backport + "backport-subscription-notification-r4"}}, "entry": append([]any{first}, entries...)}
}

func (s *Server) subscriptionOf(w http.ResponseWriter, r *http.Request) *subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.subs[r.PathValue("id")]
	if sub == nil {
		outcome(w, http.StatusNotFound, "not-found")
	}
	return sub
}

func (s *Server) subscriptionStatus(w http.ResponseWriter, r *http.Request) {
	sub := s.subscriptionOf(w, r)
	if sub == nil {
		return
	}
	b := s.notification(sub, "query-status", nil)
	b["type"] = "searchset"
	b["entry"].([]any)[0].(map[string]any)["request"] = nil
	send(w, http.StatusOK, b)
}

// subscriptionEvents gives past events again.
func (s *Server) subscriptionEvents(w http.ResponseWriter, r *http.Request) {
	sub := s.subscriptionOf(w, r)
	if sub == nil {
		return
	}
	from, to := 1, len(sub.events)
	if n, err := strconv.Atoi(r.URL.Query().Get("eventsSinceNumber")); err == nil {
		from = n
	}
	if n, err := strconv.Atoi(r.URL.Query().Get("eventsUntilNumber")); err == nil {
		to = n
	}
	var events []event
	for _, e := range sub.events {
		if e.number >= from && e.number <= to {
			events = append(events, e)
		}
	}
	send(w, http.StatusOK, s.notification(sub, "query-event", events))
}

func (s *Server) unsubscribe(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	delete(s.subs, r.PathValue("id"))
	s.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}
