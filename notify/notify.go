// Package notify tells others what they have subscribed to: topic-based subscriptions of
// the R4 backport (1.1) by rest-hook, with handshake, heartbeats, numbered events, and
// content that is empty, of ids only, or of whole resources.
//
// Its invariants: nothing is sent to a host that was not allowed, nor to a private address
// by a name; an event is on disk before it is sent, and is sent again until it was taken;
// what belongs to a patient is kept so that it is erased with the patient; no delivery
// happens that was not recorded first, nor one that may not happen at that moment.
package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// The topics.
const (
	NewRecommendation  = "new-recommendation"
	RiskAboveThreshold = "risk-above-threshold"
)

// Topic is what can be subscribed to.
type Topic struct{ Name, Title, About string }

var topics = []Topic{
	{NewRecommendation, "New recommendation", "A treatment has come among the first of what is recommended for a patient. The focus is the patient; $recommend says more."},
	{RiskAboveThreshold, "Risk above threshold", "What a model says of a patient has risen above the threshold that this site has set. The focus is the patient; the RiskAssessment comes with whole resources."},
}

// Topics are all that there can be, whether or not a site offers them.
func Topics() []Topic { return slices.Clone(topics) }

// Pair is a key with its value; it is erased with Patient, "" = nobody's.
type Pair struct {
	Key, Value []byte
	Patient    string
}

// Space keeps pairs, sealed.
type Space interface {
	Get(key []byte) (value []byte, found bool, err error)
	Put(pairs []Pair, sync bool) error
	Keep
}

// Keep is what else a space can do.
type Keep interface {
	Delete(keys [][]byte, sync bool) error
	All() iter.Seq2[Pair, error]
}

// Options are the settings of a [Service].
type Options struct {
	// Base is the FHIR address that others know this server by: "https://ember.example.org/fhir".
	Base string
	// Hosts may be notified: HOST, or HOST:PORT. None: nobody can subscribe.
	Hosts []string
	// Topics are those offered, by their names; none: all.
	Topics []string
	// Private lets hosts have private addresses: of this machine and of the site's own
	// network, though never link-local ones, where clouds give out secrets.
	Private bool
	// Ranges are further addresses that hosts may have.
	Ranges []netip.Prefix
	Space  Space
	Now    func() time.Time
	// Record writes into the audit record before something is sent; without an entry
	// nothing is.
	Record func(ctx context.Context, owner string, patients []string) error
	// May reports whether an owner may be told now: at all where patient is "", else of the
	// patient. Rights may have gone and consent been withdrawn since the subscription, or
	// the event. nil: whoever could subscribe may be told of everybody.
	May func(owner, patient string) bool
	// Read is a patient's resource as it is served, nil where there is none.
	Read func(ctx context.Context, patient string) (json.RawMessage, error)
	Log  *slog.Logger
	// GiveUp is for how long an endpoint may fail before its subscription is switched off:
	// 24 h.
	GiveUp time.Duration
	// Pause is how long after a failure the next attempt is; it doubles up to 5 min: 1 s.
	Pause time.Duration
}

// Event is something that others may want to hear of.
type Event struct {
	Topic, Patient string // logical id
	Model          string // "" = none
	At             time.Time
	// Resource comes along where whole resources are wanted; nil = none.
	Resource json.RawMessage
}

// Subscription is one that was taken.
type Subscription struct {
	ID, Owner string
	Topic     string // its short name
	Patient   string // "" = every patient
	Model     string // "" = every model
	Endpoint  string
	Header    []string
	Content   string // empty, id-only or full-resource
	Heartbeat time.Duration
	Timeout   time.Duration
	Max       int // events in a notification
	End       time.Time
	Reason    string
	Status    string // requested, active, error or off
	Error     string // why, in words
	Version   int
	Updated   time.Time
	Count     int // number of the last event
	Sent      int // number of the last event that was taken
	Failures  int
	Failing   time.Time // since when
	Next      time.Time // not tried before
	Spoke     time.Time // last taken

	generation uint64 // of what its owner said last, in this process
}

// Fault is why a Subscription is not taken.
type Fault struct {
	Path, Detail, Hint string
}

// Error is the detail with its path.
func (f *Fault) Error() string { return "notify: " + f.Path + ": " + f.Detail }

// ErrNotFound: there is no such subscription.
var ErrNotFound = errors.New("notify: no such subscription")

// kept is how many events of a subscription are kept for who asks for them again.
const kept = 1000

// most is how many subscriptions there may be.
const most = 1000

// Service keeps subscriptions and sends notifications. It is safe for concurrent use.
type Service struct {
	opt  Options
	http *http.Client
	wake chan struct{}
	mu   sync.Mutex
	subs map[string]*Subscription
	busy map[string]bool
	last uint64 // generation
}

// Open takes up what was kept.
func Open(opt Options) (*Service, error) {
	if opt.GiveUp <= 0 {
		opt.GiveUp = 24 * time.Hour
	}
	if opt.Pause <= 0 {
		opt.Pause = time.Second
	}
	s := &Service{opt: opt, wake: make(chan struct{}, 1), subs: map[string]*Subscription{}, busy: map[string]bool{}}
	s.http = s.newClient()
	for pair, err := range opt.Space.All() {
		if err != nil {
			return nil, fmt.Errorf("notify: %w", err)
		}
		if !strings.HasPrefix(string(pair.Key), "sub|") {
			continue
		}
		var sub Subscription
		if err := json.Unmarshal(pair.Value, &sub); err != nil {
			return nil, errors.New("notify: a subscription cannot be read")
		}
		s.subs[sub.ID] = &sub
	}
	return s, nil
}

func subKey(id string) []byte { return []byte("sub|" + id) }

func eventKey(id string, number int) []byte { return fmt.Appendf(nil, "ev|%s|%010d", id, number) }

// Topics are those that can be subscribed to.
func (s *Service) Topics() []Topic {
	if len(s.opt.Topics) == 0 {
		return topics
	}
	return slices.DeleteFunc(slices.Clone(topics), func(t Topic) bool { return !slices.Contains(s.opt.Topics, t.Name) })
}

// hurry wakes Run.
func (s *Service) hurry() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// keep writes subscriptions with what belongs to them. The caller holds mu.
func (s *Service) keep(sync bool, more []Pair, subs ...*Subscription) error {
	for _, sub := range subs {
		value, err := json.Marshal(sub)
		if err != nil {
			return fmt.Errorf("notify: %w", err)
		}
		more = append(more, Pair{Key: subKey(sub.ID), Value: value, Patient: sub.Patient})
	}
	return s.opt.Space.Put(more, sync)
}

// List are all subscriptions, by id.
func (s *Service) List() []Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Subscription, 0, len(s.subs))
	for _, sub := range s.subs {
		all = append(all, *sub)
	}
	slices.SortFunc(all, func(a, b Subscription) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// Get is one subscription, or [ErrNotFound].
func (s *Service) Get(id string) (Subscription, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sub := s.subs[id]; sub != nil {
		return *sub, nil
	}
	return Subscription{}, ErrNotFound
}

// Wanted reports whether anybody wants to hear of a topic.
func (s *Service) Wanted(topic string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sub := range s.subs {
		if sub.Topic == topic && sub.Status != "off" {
			return true
		}
	}
	return false
}

// Put takes a Subscription under an id: a new one, or in the place of one that is the
// owner's. It is activated by a handshake. The error is a [*Fault] where it cannot be taken.
func (s *Service) Put(owner, id string, raw []byte) (Subscription, error) {
	sub, _, err := s.Replace(owner, id, raw, func(old Subscription) bool { return old.Owner == owner })
	return sub, err
}

// Replace is Put with what decides, at the moment of the change, whether one that is there
// may be replaced; [ErrNotFound] where not. Events of before go on while they are of what
// the new one asks for; else they are gone, and the numbers go on.
func (s *Service) Replace(owner, id string, raw []byte, owns func(old Subscription) bool) (taken Subscription, created bool, err error) {
	sub, err := s.parse(raw)
	if err != nil {
		return Subscription{}, false, err
	}
	sub.ID, sub.Owner, sub.Version, sub.Updated = id, owner, 1, s.opt.Now().UTC()
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.subs[id]
	switch {
	case old != nil && !owns(*old):
		return Subscription{}, false, ErrNotFound
	case old == nil && len(s.subs) >= most:
		return Subscription{}, false, &Fault{"Subscription", "there are too many subscriptions", "delete those that are not needed"}
	}
	var stale [][]byte
	if old != nil {
		sub.Version, sub.Count, sub.Sent = old.Version+1, old.Count, old.Sent
		if sub.Owner != old.Owner || sub.Topic != old.Topic || sub.Patient != old.Patient || sub.Model != old.Model {
			if stale, err = s.eventKeys(id); err != nil {
				return Subscription{}, false, err
			}
			sub.Sent = sub.Count
		}
	}
	if len(stale) > 0 {
		if err := s.opt.Space.Delete(stale, true); err != nil {
			return Subscription{}, false, err
		}
	}
	if err := s.keep(true, nil, sub); err != nil {
		return Subscription{}, false, err
	}
	s.last++
	sub.generation = s.last
	s.subs[id] = sub
	s.hurry()
	return *sub, old == nil, nil
}

// eventKeys are those of all events that are kept of a subscription.
func (s *Service) eventKeys(id string) (keys [][]byte, err error) {
	for pair, err := range s.opt.Space.All() {
		if err != nil {
			return nil, fmt.Errorf("notify: %w", err)
		}
		if strings.HasPrefix(string(pair.Key), "ev|"+id+"|") {
			keys = append(keys, pair.Key)
		}
	}
	return keys, nil
}

// Delete removes a subscription and its events.
func (s *Service) Delete(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subs[id] == nil {
		return ErrNotFound
	}
	return s.drop(id)
}

// drop is Delete for who holds mu.
func (s *Service) drop(id string) error {
	keys, err := s.eventKeys(id)
	if err != nil {
		return err
	}
	if err := s.opt.Space.Delete(append(keys, subKey(id)), true); err != nil {
		return err
	}
	delete(s.subs, id)
	return nil
}

// Forget removes the subscriptions to a patient who was erased.
func (s *Service) Forget(patient string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for id, sub := range s.subs {
		if patient != "" && sub.Patient == patient {
			errs = append(errs, s.drop(id))
		}
	}
	return errors.Join(errs...)
}

// Publish numbers events for whom they concern, on disk when it returns.
func (s *Service) Publish(events ...Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var pairs []Pair
	var old [][]byte
	var changed []*Subscription
	before := map[string]int{}
	for _, sub := range s.subs {
		for _, e := range events {
			if sub.Status == "off" || sub.Topic != e.Topic || sub.Patient != "" && sub.Patient != e.Patient || sub.Model != "" && sub.Model != e.Model {
				continue
			}
			if _, seen := before[sub.ID]; !seen {
				before[sub.ID] = sub.Count
				changed = append(changed, sub)
			}
			sub.Count++
			value, err := json.Marshal(e)
			if err != nil {
				return fmt.Errorf("notify: %w", err)
			}
			pairs = append(pairs, Pair{Key: eventKey(sub.ID, sub.Count), Value: value, Patient: e.Patient})
			if gone := sub.Count - kept; gone > 0 && gone <= sub.Sent {
				old = append(old, eventKey(sub.ID, gone))
			}
		}
	}
	if len(pairs) == 0 {
		return nil
	}
	if err := s.keep(true, pairs, changed...); err != nil {
		for _, sub := range changed {
			sub.Count = before[sub.ID]
		}
		return err
	}
	s.hurry()
	if len(old) > 0 {
		return s.opt.Space.Delete(old, false)
	}
	return nil
}

// may is [Options.May].
func (s *Service) may(owner, patient string) bool {
	return s.opt.May == nil || s.opt.May(owner, patient)
}

// tellable leaves out events of whom the owner may not be told any more.
func (s *Service) tellable(owner string, events []numbered) []numbered {
	return slices.DeleteFunc(events, func(e numbered) bool { return !s.may(owner, e.Patient) })
}

// numbered is an event with its number.
type numbered struct {
	Event
	number int
}

// events are those of a subscription from a number to another; what was erased, or is too
// old, is left out.
func (s *Service) events(id string, from, to, most int) ([]numbered, error) {
	var all []numbered
	for n := max(1, from); n <= to && len(all) < most; n++ {
		value, found, err := s.opt.Space.Get(eventKey(id, n))
		if err != nil {
			return nil, err
		}
		if !found {
			continue
		}
		e := numbered{number: n}
		if err := json.Unmarshal(value, &e.Event); err != nil {
			return nil, errors.New("notify: an event cannot be read")
		}
		all = append(all, e)
	}
	return all, nil
}
