package ehr

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// notification is what a Bundle of the backport says.
type notification struct {
	status, kind, topic string
	total               int // events since the subscription began, -1 = not said
	events              []changed
}

// changed is one event.
type changed struct {
	number    int
	at        time.Time
	reference string // as the EHR writes it
}

type part struct {
	Name           string `json:"name"`
	ValueCode      string `json:"valueCode"`
	ValueCanonical string `json:"valueCanonical"`
	ValueString    string `json:"valueString"`
	ValueUnsigned  *int   `json:"valueUnsignedInt"`
	ValueInteger   *int   `json:"valueInteger"`
	ValueInstant   string `json:"valueInstant"`
	ValueReference struct {
		Reference string `json:"reference"`
	} `json:"valueReference"`
	Part []part `json:"part"`
}

// count reads a number in any of the types that versions of the backport give it.
func (p *part) count() int {
	switch {
	case p.ValueUnsigned != nil:
		return *p.ValueUnsigned
	case p.ValueInteger != nil:
		return *p.ValueInteger
	}
	n, err := strconv.Atoi(p.ValueString)
	if err != nil {
		return -1
	}
	return n
}

// kinds of notifications.
var kinds = []string{"handshake", "heartbeat", "event-notification", "query-status", "query-event"}

// notificationOf reads the status that stands first in a Bundle.
func notificationOf(b *bundle) (*notification, error) {
	if len(b.Entry) == 0 {
		return nil, ErrNotification
	}
	var p struct {
		ResourceType string `json:"resourceType"`
		Parameter    []part `json:"parameter"`
	}
	if json.Unmarshal(b.Entry[0].Resource, &p) != nil || p.ResourceType != "Parameters" {
		return nil, ErrNotification
	}
	n := &notification{total: -1}
	for i := range p.Parameter {
		v := &p.Parameter[i]
		switch v.Name {
		case "status":
			n.status = v.ValueCode
		case "type":
			n.kind = v.ValueCode
		case "topic":
			n.topic = v.ValueCanonical
		case "events-since-subscription-start":
			n.total = v.count()
		case "notification-event":
			n.events = append(n.events, eventOf(v.Part))
		}
	}
	if !slices.Contains(kinds, n.kind) {
		return nil, ErrNotification
	}
	slices.SortStableFunc(n.events, func(a, b changed) int { return a.number - b.number })
	return n, nil
}

func eventOf(parts []part) changed {
	e := changed{number: -1}
	for i := range parts {
		switch parts[i].Name {
		case "event-number":
			e.number = parts[i].count()
		case "timestamp":
			if t, err := time.Parse(time.RFC3339Nano, parts[i].ValueInstant); err == nil {
				e.at = t
			}
		case "focus":
			e.reference = parts[i].ValueReference.Reference
		}
	}
	return e
}

// mostMissing bounds how many missed numbers are remembered.
const mostMissing = 1000

// take does what a notification says: it stores resources that came with it, remembers
// what has to be read, and notices what was missed by the numbers.
func (f *Follower) take(ctx context.Context, n *notification, entries []bundleEntry) error {
	f.taking.Lock()
	defer f.taking.Unlock()
	s := f.now()
	var read []string
	var came []int
	last, known, blind := s.Last, s.Known, false
	for _, e := range n.events {
		if e.number >= 0 && e.number <= s.Last && !slices.Contains(s.Missing, e.number) {
			continue // seen before
		}
		came = append(came, e.number)
		blind = blind || e.reference == "" // an event that does not say of what
		last = max(last, e.number)
		if e.at.After(known) {
			known = e.at
		}
		if typ, id, ok := f.local(e.reference); ok {
			stored, err := f.bring(ctx, typ, id, entries)
			if err != nil {
				return err
			}
			if !stored {
				read = append(read, typ+"/"+id)
			}
		}
	}
	last = max(last, n.total)
	err := f.change(func(s *followed) {
		s.Heard = f.client.opt.Now()
		s.Active = n.status == "active" || n.kind == "handshake" || n.kind == "event-notification"
		missed := s.miss(last, came)
		// What changes between handshake and activation is no event for the EHR.
		shaken := n.kind == "handshake"
		if (missed || blind || shaken || s.Fresh) && s.Behind.IsZero() {
			s.Behind = s.Known
		}
		s.Fresh = shaken
		if !missed && !blind && known.After(s.Known) {
			s.Known = known
		}
		for _, ref := range read {
			s.Seq++
			s.Pending[ref] = s.Seq
		}
		if n.status == "error" || n.status == "off" {
			s.Until = time.Time{} // made anew
		}
	})
	if err != nil {
		return err
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
	return nil
}

// miss moves to a number and notes which below it did not come; it reports whether there
// are new ones.
func (s *followed) miss(last int, came []int) (missed bool) {
	s.Missing = slices.DeleteFunc(s.Missing, func(n int) bool { return slices.Contains(came, n) })
	for n := max(s.Last+1, last-mostMissing); n <= last; n++ {
		if !slices.Contains(came, n) {
			s.Missing, missed = append(s.Missing, n), true
		}
	}
	s.Missing = s.Missing[max(0, len(s.Missing)-mostMissing):]
	s.Last = max(s.Last, last)
	return missed
}

// local is a reference to this EHR.
func (f *Follower) local(ref string) (typ, id string, ok bool) {
	ref = strings.TrimPrefix(ref, f.client.base+"/")
	if strings.Contains(ref, "://") || ref != path.Clean(ref) {
		return "", "", false
	}
	ref, _, _ = strings.Cut(ref, "/_history/")
	m := reference.FindStringSubmatch(ref)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}

// bring stores what came with an event; stored is false when it has to be read. A resource
// is believed when its version is not older than the one that is stored.
func (f *Follower) bring(ctx context.Context, typ, id string, entries []bundleEntry) (stored bool, err error) {
	for i := range entries {
		e := &entries[i]
		if len(e.Resource) == 0 {
			continue
		}
		h, ok := headOf(e.Resource)
		if !ok || h.ResourceType != typ || h.ID != id || h.Meta.LastUpdated == "" {
			continue
		}
		_, updated, err := f.sink.Stored(ctx, typ, id)
		if err != nil {
			return false, err
		}
		if updated != "" && !newer(h.Meta.LastUpdated, updated) {
			return false, nil // older, or the same moment: the EHR itself says what holds
		}
		return true, f.store(ctx, e.Resource)
	}
	return false, nil
}

// newer compares instants; what cannot be read is not newer.
func newer(a, b string) bool {
	x, err := time.Parse(time.RFC3339Nano, a)
	if err != nil {
		return false
	}
	y, err := time.Parse(time.RFC3339Nano, b)
	return err != nil || x.After(y)
}

func (f *Follower) store(ctx context.Context, raw []byte) error {
	line, err := oneLine(raw)
	if err != nil {
		return err
	}
	_, err = f.sink.Load(ctx, line, "notification.ndjson")
	return err
}

// oneLine makes a line of a resource; inside strings JSON has no line breaks.
func oneLine(raw []byte) ([]byte, error) {
	line := slices.Clone(raw)
	for i, c := range line {
		if c == '\n' || c == '\r' {
			line[i] = ' '
		}
	}
	return append(line, '\n'), nil
}

// margin is how far before the moment up to which everything is known a search begins:
// what is committed may become visible later than its time says.
const margin = time.Minute

// CatchUp reads what was heard of, and asks and searches for what was missed. What fails
// stays to be done.
func (f *Follower) CatchUp(ctx context.Context) error {
	if err := f.again(ctx); err != nil {
		return err
	}
	if behind := f.now().Behind; !behind.IsZero() {
		began := f.client.opt.Now()
		since := behind.Add(-margin).UTC().Format(time.RFC3339)
		for _, typ := range f.want.Types {
			if err := f.client.Search(ctx, typ+"?_lastUpdated=ge"+since+"&_count=200", func(raw []byte) error { return f.store(ctx, raw) }); err != nil {
				return err
			}
		}
		err := f.change(func(s *followed) {
			if s.Behind.Equal(behind) {
				s.Behind = time.Time{}
				if began.Add(-margin).After(s.Known) {
					s.Known = began.Add(-margin)
				}
			}
		})
		if err != nil {
			return err
		}
	}
	pending := f.now().Pending
	for _, ref := range slices.Sorted(maps.Keys(pending)) {
		if err := f.fetch(ctx, ref); err != nil {
			return err
		}
		err := f.change(func(s *followed) {
			if s.Pending[ref] == pending[ref] { // not heard of again meanwhile
				delete(s.Pending, ref)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// fetch stores a resource as the EHR has it now, or deletes what it has no more.
func (f *Follower) fetch(ctx context.Context, ref string) error {
	typ, id, _ := strings.Cut(ref, "/")
	raw, found, err := f.client.Read(ctx, typ, id)
	if err == nil && found {
		return f.store(ctx, raw)
	}
	if err == nil {
		_, err = f.sink.Delete(ctx, typ, id)
	}
	return err
}

// again asks the EHR for events that did not come: it tells of deletions, which no search
// does. An EHR that does not know how is not asked twice.
func (f *Follower) again(ctx context.Context) error {
	s := f.now()
	if len(s.Missing) == 0 || s.ID == "" {
		return nil
	}
	address := fmt.Sprintf("%s/Subscription/%s/$events?eventsSinceNumber=%d&eventsUntilNumber=%d", f.client.base, s.ID, slices.Min(s.Missing), slices.Max(s.Missing))
	b, err := f.client.bundle(ctx, "asking for events again", address)
	if err == nil {
		var n *notification
		if n, err = notificationOf(b); err == nil {
			n.total = -1
			if err = f.take(ctx, n, b.Entry[1:]); err != nil {
				return err
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return f.change(func(s *followed) { s.Missing = nil })
}
