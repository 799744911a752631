package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"ember/notify"
	"ember/server/auth"
)

// Notifier keeps the subscriptions of others; *notify.Service is it.
type Notifier interface {
	Subscriber
	Teller
}

// Subscriber takes subscriptions.
type Subscriber interface {
	Replace(owner, id string, raw []byte, owns func(old notify.Subscription) bool) (sub notify.Subscription, created bool, err error)
	Get(id string) (notify.Subscription, error)
	Delete(id string) error
	List() []notify.Subscription
}

// Teller says how subscriptions are.
type Teller interface {
	Resource(sub notify.Subscription) ([]byte, error)
	Status(ctx context.Context, subs ...notify.Subscription) ([]byte, error)
	Events(ctx context.Context, sub notify.Subscription, from, to int, content string) (raw []byte, patients []string, err error)
	Topics
}

// Topics says what can be subscribed to.
type Topics interface {
	Topics() []notify.Topic
	Canonical(topic string) string
}

const subscriptionPath = "/fhir/Subscription"

// subscriptionRoutes are those of Subscription. Without a notifier it is a type like any
// other.
func (s *Server) subscriptionRoutes() []route {
	return []route{
		{http.MethodPost, subscriptionPath, auth.Write, false, classData, s.subscribed(s.subscribe, s.typed(s.create))},
		{http.MethodGet, subscriptionPath, auth.Read, false, classData, s.subscribed(s.listSubscriptions, s.typed(s.finding(s.findByURL)))},
		{http.MethodGet, subscriptionPath + "/{id}", auth.Read, false, classData, s.subscribed(s.readSubscription, s.typed(s.read))},
		{http.MethodPut, subscriptionPath + "/{id}", auth.Write, false, classData, s.subscribed(s.resubscribe, s.typed(s.update))},
		{http.MethodDelete, subscriptionPath + "/{id}", auth.Write, false, classData, s.subscribed(s.unsubscribe, s.typed(s.remove))},
		{http.MethodGet, subscriptionPath + "/$status", auth.Read, false, classData, s.subscribed(s.subscriptionStatus, nothingThere)},
		{http.MethodGet, subscriptionPath + "/{id}/$status", auth.Read, false, classData, s.subscribed(s.subscriptionStatus, nothingThere)},
		{http.MethodPost, subscriptionPath + "/{id}/$status", auth.Read, false, classData, s.subscribed(s.subscriptionStatus, nothingThere)},
		{http.MethodGet, subscriptionPath + "/{id}/$events", auth.Read, false, classData, s.subscribed(s.subscriptionEvents, nothingThere)},
	}
}

func nothingThere(context.Context, *call) error { return ErrNotFound }

// subscribed is a handler that needs the notifier; other answers without one.
func (s *Server) subscribed(h, other func(context.Context, *call) error) func(context.Context, *call) error {
	if s.deps.Notifier == nil {
		return other
	}
	return h
}

// typed gives a handler of /fhir/{type} the type that the path has already.
func (s *Server) typed(h func(context.Context, *call) error) func(context.Context, *call) error {
	return func(ctx context.Context, c *call) error {
		c.params = append(slices.Clip(c.params), gin.Param{Key: "type", Value: "Subscription"})
		return h(ctx, c)
	}
}

// subscribe is POST /fhir/Subscription.
func (s *Server) subscribe(ctx context.Context, c *call) error {
	id, err := uuid.NewRandom()
	if err != nil {
		return err
	}
	return c.putSubscription(ctx, id.String())
}

// resubscribe is PUT /fhir/Subscription/{id}: of one's own, or a new one.
func (s *Server) resubscribe(ctx context.Context, c *call) error {
	id, err := c.idParam()
	if err != nil {
		return err
	}
	return c.putSubscription(ctx, id)
}

// owns reports whether a subscription is the caller's.
func (c *call) owns(sub notify.Subscription) bool {
	return c.who.Name == auth.OwnerName || sub.Owner == c.who.Name
}

// MaySubscribe reports whether somebody may hear of every patient for whom there is
// something new.
func MaySubscribe(who auth.Principal) bool {
	return who.Has(auth.Read|auth.Recommend) && !who.Limited()
}

// maySubscribe refuses who may not.
func (c *call) maySubscribe(ctx context.Context) error {
	if !MaySubscribe(c.who) {
		return c.deny(ctx, "", "who subscribes hears of every patient: the rights read and recommend are needed, without a list of patients", "give the token these rights in the token file")
	}
	return nil
}

func (c *call) putSubscription(ctx context.Context, id string) error {
	if err := c.maySubscribe(ctx); err != nil {
		return err
	}
	body, err := c.smallBody()
	if err != nil {
		return err
	}
	var sub notify.Subscription
	created := false
	err = c.changed(ctx, ref("Subscription", id), http.StatusOK, func() (err error) {
		sub, created, err = c.s.deps.Notifier.Replace(c.who.Name, id, body, c.owns)
		var f *notify.Fault
		switch {
		case errors.As(err, &f):
			return &Fault{Status: http.StatusUnprocessableEntity, Code: "not-supported", Path: f.Path, Detail: f.Detail, Hint: f.Hint}
		case errors.Is(err, notify.ErrNotFound): // another's: whether it is there is none of this caller's business
			return ErrNotFound
		}
		return err
	})
	if err != nil {
		return err
	}
	if created {
		return c.sendSubscription(http.StatusCreated, sub)
	}
	return c.sendSubscription(http.StatusOK, sub)
}

func (c *call) sendSubscription(status int, sub notify.Subscription) error {
	b, err := c.s.deps.Notifier.Resource(sub)
	if err != nil {
		return err
	}
	c.setVersion("Subscription", sub.ID, uint64(sub.Version), sub.Updated)
	c.send(status, fhirJSON, b)
	return nil
}

// subscription is the one in the path, of the caller.
func (c *call) subscription(ctx context.Context) (notify.Subscription, error) {
	id, err := c.idParam()
	if err != nil {
		return notify.Subscription{}, err
	}
	sub, err := c.s.deps.Notifier.Get(id)
	if errors.Is(err, notify.ErrNotFound) || err == nil && !c.owns(sub) {
		return sub, ErrNotFound
	}
	if err != nil {
		return sub, err
	}
	return sub, c.looked(ctx, ref("Subscription", id))
}

func (s *Server) readSubscription(ctx context.Context, c *call) error {
	sub, err := c.subscription(ctx)
	if err != nil {
		return err
	}
	return c.sendSubscription(http.StatusOK, sub)
}

// own are the caller's subscriptions, with what the query asks of them.
func (c *call) own() (subs []notify.Subscription) {
	q := c.r.URL.Query()
	for _, sub := range c.s.deps.Notifier.List() {
		if c.owns(sub) && meets(q["_id"], sub.ID) && meets(q["id"], sub.ID) && meets(q["status"], sub.Status) && meets(q["url"], sub.Endpoint) && meets(q["criteria"], c.s.deps.Notifier.Canonical(sub.Topic)) {
			subs = append(subs, sub)
		}
	}
	return subs
}

func meets(asked []string, value string) bool {
	for _, a := range asked {
		if a != value {
			return false
		}
	}
	return true
}

// listSubscriptions is GET /fhir/Subscription: the caller's own, all at once.
func (s *Server) listSubscriptions(ctx context.Context, c *call) error {
	if err := c.looked(ctx, "Subscription"); err != nil {
		return err
	}
	subs := c.own()
	entries := make([]map[string]any, 0, len(subs))
	for _, sub := range subs {
		b, err := s.deps.Notifier.Resource(sub)
		if err != nil {
			return err
		}
		entries = append(entries, map[string]any{"fullUrl": c.base() + "/Subscription/" + sub.ID, "resource": json.RawMessage(b), "search": map[string]string{"mode": "match"}})
	}
	out := map[string]any{"resourceType": "Bundle", "type": "searchset", "total": len(entries), "link": []any{map[string]string{"relation": "self", "url": c.base() + "/Subscription"}}}
	if len(entries) > 0 {
		out["entry"] = entries
	}
	b, err := encode(out)
	if err != nil {
		return err
	}
	c.send(http.StatusOK, fhirJSON, b)
	return nil
}

func (s *Server) unsubscribe(ctx context.Context, c *call) error {
	sub, err := c.subscription(ctx)
	if err != nil {
		return err
	}
	err = c.changed(ctx, ref("Subscription", sub.ID), http.StatusNoContent, func() error { return s.deps.Notifier.Delete(sub.ID) })
	if err != nil {
		return err
	}
	c.send(http.StatusNoContent, fhirJSON, nil)
	return nil
}

// subscriptionStatus is $status, of one subscription or of all that are the caller's.
func (s *Server) subscriptionStatus(ctx context.Context, c *call) error {
	var subs []notify.Subscription
	if c.params.ByName("id") == "" {
		if err := c.looked(ctx, "Subscription"); err != nil {
			return err
		}
		subs = c.own()
	} else {
		sub, err := c.subscription(ctx)
		if err != nil {
			return err
		}
		subs = append(subs, sub)
	}
	b, err := s.deps.Notifier.Status(ctx, subs...)
	if err != nil {
		return err
	}
	c.send(http.StatusOK, fhirJSON, b)
	return nil
}

// subscriptionEvents is $events: what was missed.
func (s *Server) subscriptionEvents(ctx context.Context, c *call) error {
	if err := c.maySubscribe(ctx); err != nil { // rights may have gone since
		return err
	}
	sub, err := c.subscription(ctx)
	if err != nil {
		return err
	}
	q := c.r.URL.Query()
	number := func(name string) int {
		n, err := strconv.Atoi(q.Get(name))
		if err != nil || n < 0 {
			return 0
		}
		return n
	}
	content := q.Get("content")
	if content != "" && content != "empty" && content != "id-only" && content != "full-resource" {
		return badParameter("content", "empty, id-only or full-resource")
	}
	b, patients, err := s.deps.Notifier.Events(ctx, sub, number("eventsSinceNumber"), number("eventsUntilNumber"), content)
	if err != nil {
		return err
	}
	var entries []auth.Entry
	for _, p := range patients {
		entries = append(entries, c.entry(auth.ActionRead, p, ref("Subscription", sub.ID), http.StatusOK))
	}
	if err := c.audit(ctx, entries...); err != nil {
		return err
	}
	c.send(http.StatusOK, fhirJSON, b)
	return nil
}

// topicExtension lists a topic at the type Subscription of a CapabilityStatement.
const topicExtension = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/capabilitystatement-subscriptiontopic-canonical"

// describeTopics says what can be subscribed to.
func (s *Server) describeTopics(rest *capabilityRest) {
	if s.deps.Notifier == nil {
		return
	}
	r := capabilityResource{Type: "Subscription", Versioning: "versioned", UpdateCreate: true, ConditionalRead: "not-supported", ConditionalDelete: "not-supported",
		Interaction: []codeOnly{{"read"}, {"update"}, {"delete"}, {"create"}, {"search-type"}}, SearchParam: []capabilityParam{{"_id", "token"}, {"status", "token"}, {"url", "uri"}, {"criteria", "string"}},
		ReferencePolicy: []string{"literal"},
		Operation: []capabilityOperation{{"status", "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription-status"},
			{"events", "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription-events"}}}
	for _, t := range s.deps.Notifier.Topics() {
		r.Extension = append(r.Extension, map[string]string{"url": topicExtension, "valueCanonical": s.deps.Notifier.Canonical(t.Name)})
	}
	for i := range rest.Resource {
		if rest.Resource[i].Type == "Subscription" {
			rest.Resource[i] = r
			return
		}
	}
	rest.Resource = append(rest.Resource, r)
}
