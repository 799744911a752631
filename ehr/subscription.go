package ehr

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// The extensions of the R4 backport of topic-based subscriptions (1.1).
const (
	backport        = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
	payloadContent  = backport + "backport-payload-content"
	filterCriteria  = backport + "backport-filter-criteria"
	heartbeatPeriod = backport + "backport-heartbeat-period"
	timeoutPeriod   = backport + "backport-timeout"
	maxCount        = backport + "backport-max-count"
)

// Wanted is a subscription that is kept at the EHR.
type Wanted struct {
	// Topic is the canonical address of the topic, Filter a search that narrows it.
	Topic, Filter string
	// Endpoint is where the EHR sends notifications.
	Endpoint string
	// Full asks for whole resources in notifications; else they are read by their ids.
	Full bool
	// Types are searched for what was missed; none: those that Ember makes something of.
	Types []string
	// Heartbeat is how often the EHR says that it lives: 5 min. Silence of twice as long
	// makes Ember look.
	Heartbeat time.Duration
	// Life is how long the subscription is taken for before it is renewed: 7 days.
	Life time.Duration
	// Every is how often Ember looks whether all is well: 1 min.
	Every time.Duration
}

// Follower keeps a subscription at the EHR and takes in what has changed there. It is safe
// for concurrent use.
type Follower struct {
	client *Client
	sink   ChangeSink
	memory Memory
	want   Wanted
	wake   chan struct{}
	taking sync.Mutex // one notification at a time, so that their numbers tell of gaps
	mu     sync.Mutex
	state  followed
}

// ChangeSink takes single changes.
type ChangeSink interface {
	Sink
	// Stored is the EHR's own version and time of what is stored, "" where they are not
	// known or nothing is stored.
	Stored(ctx context.Context, typ, id string) (version, updated string, err error)
}

// followed is what outlives the process.
type followed struct {
	ID      string    `json:"id"` // at the EHR
	Secret  string    `json:"secret"`
	Terms   string    `json:"terms"` // hash of what was asked for
	Until   time.Time `json:"until"`
	Active  bool      `json:"active"`
	Fresh   bool      `json:"fresh"`   // shaken hands with, and nothing came since
	Last    int       `json:"last"`    // number of the last event that was taken
	Known   time.Time `json:"known"`   // up to here every change was heard of, by the EHR's clock
	Behind  time.Time `json:"behind"`  // what changed since has to be searched for; zero = nothing
	Missing []int     `json:"missing"` // numbers below Last of events that did not come, the last of them
	Seq     int       `json:"seq"`     // counts what was put into Pending
	// Pending are the references that have to be read, with Seq as it was when they were
	// last heard of.
	Pending map[string]int `json:"pending"`
	Heard   time.Time      `json:"heard"` // of the EHR, by our clock
}

// Errors of notifications.
var (
	// ErrSecret: the notification does not show the secret of the subscription.
	ErrSecret = errors.New("ehr: the notification does not show the secret of the subscription")
	// ErrNotification: what came is no notification of this subscription.
	ErrNotification = errors.New("ehr: this is no notification of the subscription")
)

// NewFollower takes up what the last process knew.
func NewFollower(c *Client, sink ChangeSink, memory Memory, want Wanted) (*Follower, error) {
	fill := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	fill(&want.Heartbeat, 5*time.Minute)
	fill(&want.Life, 7*24*time.Hour)
	fill(&want.Every, time.Minute)
	if len(want.Types) == 0 {
		want.Types = reads
	}
	f := &Follower{client: c, sink: sink, memory: memory, want: want, wake: make(chan struct{}, 1)}
	value, found, err := memory.Get(f.key())
	if err != nil {
		return nil, fmt.Errorf("ehr: what is known of the subscription: %w", err)
	}
	if found && json.Unmarshal(value, &f.state) != nil {
		return nil, errors.New("ehr: what is known of the subscription cannot be read")
	}
	return f, nil
}

func (f *Follower) key() []byte { return []byte("subscription|" + f.client.base) }

// change changes the state and keeps it on disk.
func (f *Follower) change(do func(s *followed)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := f.state
	next.Pending, next.Missing = maps.Clone(next.Pending), slices.Clone(next.Missing)
	if next.Pending == nil {
		next.Pending = map[string]int{}
	}
	do(&next)
	value, err := json.Marshal(next)
	if err == nil {
		err = f.memory.Put(f.key(), value, true)
	}
	if err != nil {
		return fmt.Errorf("ehr: keeping the state of the subscription: %w", err)
	}
	f.state = next
	return nil
}

func (f *Follower) now() followed {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

// Run keeps the subscription and works off what was heard of, until ctx ends. report
// hears of what went wrong; it is tried again.
func (f *Follower) Run(ctx context.Context, report func(error)) {
	for ctx.Err() == nil {
		if err := f.Tend(ctx); err != nil && ctx.Err() == nil {
			report(err)
		}
		if err := f.CatchUp(ctx); err != nil && ctx.Err() == nil {
			report(err)
		}
		timer := time.NewTimer(f.want.Every)
		select {
		case <-f.wake:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// terms stand for what is asked for: when it changes, the EHR is asked anew.
func (f *Follower) terms() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s|%s|%s|%t|%s", f.want.Topic, f.want.Filter, f.want.Endpoint, f.want.Full, f.want.Heartbeat))
	return hex.EncodeToString(sum[:8])
}

// Tend sees that there is a subscription that works: it makes one, renews it before its
// end, and makes it anew when the EHR has given it up.
func (f *Follower) Tend(ctx context.Context) error {
	s, now := f.now(), f.client.opt.Now()
	switch {
	case s.ID == "" || s.Terms != f.terms() || !now.Before(s.Until):
		return f.subscribe(ctx)
	case s.Until.Sub(now) < f.want.Life/4:
		return f.renew(ctx)
	case now.Sub(s.Heard) > 2*f.want.Heartbeat:
		return f.look(ctx)
	}
	return nil
}

// resource is the Subscription that is sent.
func (f *Follower) resource(id, secret string, until time.Time) ([]byte, error) {
	content := "id-only"
	if f.want.Full {
		content = "full-resource"
	}
	extension := func(url, kind string, v any) map[string]any { return map[string]any{"url": url, kind: v} }
	m := map[string]any{
		"resourceType": "Subscription", "meta": map[string]any{"profile": []string{backport + "backport-subscription"}},
		"status": "requested", "reason": "Ember follows what changes", "criteria": f.want.Topic, "end": until.UTC().Format(time.RFC3339),
		"channel": map[string]any{
			"type": "rest-hook", "endpoint": f.want.Endpoint, "payload": "application/fhir+json", "header": []string{"Authorization: Bearer " + secret},
			"_payload": map[string]any{"extension": []any{extension(payloadContent, "valueCode", content)}},
			"extension": []any{extension(heartbeatPeriod, "valueUnsignedInt", int(f.want.Heartbeat.Seconds())),
				extension(timeoutPeriod, "valueUnsignedInt", 30), extension(maxCount, "valuePositiveInt", 100)},
		},
	}
	if f.want.Filter != "" {
		m["_criteria"] = map[string]any{"extension": []any{extension(filterCriteria, "valueString", f.want.Filter)}}
	}
	if id != "" {
		m["id"] = id
	}
	return json.Marshal(m)
}

// subscribe makes a new subscription, and one fewer of the old. What changed in between is
// searched for.
func (f *Follower) subscribe(ctx context.Context) error {
	if old := f.now().ID; old != "" {
		q := request{doing: "deleting the former subscription", method: http.MethodDelete, address: f.client.base + "/Subscription/" + old, once: true, final: func(int) bool { return true }}
		if resp, err := f.client.ask(ctx, q); err == nil {
			resp.Body.Close()
		}
	}
	random := make([]byte, 32)
	rand.Read(random) // never fails: crypto/rand ends the program instead
	secret, now := hex.EncodeToString(random), f.client.opt.Now()
	// The secret is known before the EHR can use it: the handshake may come first.
	err := f.change(func(s *followed) {
		s.ID, s.Secret, s.Terms, s.Active, s.Last, s.Missing, s.Until = "", secret, f.terms(), false, 0, nil, now.Add(f.want.Life)
		if s.Behind.IsZero() {
			s.Behind = s.Known
		}
	})
	if err != nil {
		return err
	}
	body, err := f.resource("", secret, now.Add(f.want.Life))
	if err != nil {
		return err
	}
	id, err := f.put(ctx, http.MethodPost, "/Subscription", body)
	if err != nil {
		return err
	}
	return f.change(func(s *followed) {
		s.ID, s.Heard = id, f.client.opt.Now()
		if s.Known.IsZero() {
			s.Known = now
		}
	})
}

// renew asks for the same subscription for longer.
func (f *Follower) renew(ctx context.Context) error {
	s := f.now()
	until := f.client.opt.Now().Add(f.want.Life)
	body, err := f.resource(s.ID, s.Secret, until)
	if err != nil {
		return err
	}
	if _, err := f.put(ctx, http.MethodPut, "/Subscription/"+s.ID, body); err != nil {
		return f.subscribe(ctx)
	}
	return f.change(func(s *followed) { s.Until, s.Heard = until, f.client.opt.Now() })
}

var logicalID = regexp.MustCompile(`^[A-Za-z0-9.\-]{1,64}$`)

// put sends a Subscription and finds the id that it got.
func (f *Follower) put(ctx context.Context, method, path string, body []byte) (id string, err error) {
	q := request{doing: "subscribing to the topic", method: method, address: f.client.base + path, body: body, once: true, header: map[string]string{"Content-Type": "application/fhir+json"}}
	resp, err := f.client.ask(ctx, q)
	if err != nil {
		return "", err
	}
	b, err := f.client.document(q, resp)
	if err != nil {
		return "", err
	}
	if h, ok := headOf(b); ok && h.ResourceType == "Subscription" {
		return h.ID, nil
	}
	_, rest, found := strings.Cut(resp.Header.Get("Location"), "/Subscription/")
	rest, _, _ = strings.Cut(rest, "/")
	if !found || !logicalID.MatchString(rest) {
		return "", &Failure{Doing: q.doing, Status: resp.StatusCode, Why: "the answer does not say under which id it is kept"}
	}
	return rest, nil
}

// look asks the EHR how the subscription is, after it was silent.
func (f *Follower) look(ctx context.Context) error {
	s := f.now()
	b, err := f.client.bundle(ctx, "asking for the status of the subscription", f.client.base+"/Subscription/"+s.ID+"/$status")
	if err != nil {
		var failure *Failure
		if errors.As(err, &failure) && (failure.Status == http.StatusNotFound || failure.Status == http.StatusGone) {
			return f.subscribe(ctx)
		}
		return err
	}
	n, err := notificationOf(b)
	if err != nil {
		return err
	}
	if n.status == "error" || n.status == "off" {
		return f.subscribe(ctx)
	}
	return f.take(ctx, n, nil)
}

// Admits returns [ErrSecret] where authorization, the header of that name, does not hold
// the secret of the subscription. How long it takes tells nothing of the secret.
func (f *Follower) Admits(authorization string) error {
	secret := f.now().Secret
	scheme, token, _ := strings.Cut(authorization, " ")
	if secret == "" || !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare([]byte(strings.TrimSpace(token)), []byte(secret)) != 1 {
		return ErrSecret
	}
	return nil
}

// Notify takes a notification; authorization is the header of that name. When it returns
// nil, what it says is stored or will be read, whatever happens here.
func (f *Follower) Notify(ctx context.Context, authorization string, body []byte) error {
	if err := f.Admits(authorization); err != nil {
		return err
	}
	var b bundle
	if json.Unmarshal(body, &b) != nil || b.ResourceType != "Bundle" {
		return ErrNotification
	}
	n, err := notificationOf(&b)
	if err != nil {
		return err
	}
	if n.topic != "" && n.topic != f.want.Topic {
		return ErrNotification
	}
	return f.take(ctx, n, b.Entry[1:])
}

// Waiting is how much was heard of and is not stored yet; behind says that more has to be
// searched for.
func (f *Follower) Waiting() (references int, behind bool) {
	s := f.now()
	return len(s.Pending), !s.Behind.IsZero()
}

// Active reports whether the EHR has shaken hands with the endpoint.
func (f *Follower) Active() bool { return f.now().Active }
