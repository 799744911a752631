package notify_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"ember/notify"
)

const ofP1 = `"_criteria":{"extension":[{"url":"http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-filter-criteria","valueString":"Patient?patient=p1"}]},`

// TestAnotherTopicDropsEvents: what was found for one topic, or one patient, is not told to
// who now asks for another; numbers go on.
func TestAnotherTopicDropsEvents(t *testing.T) {
	for name, other := range map[string]func(e *ear) string{
		"topic":   func(e *ear) string { return e.sub(notify.NewRecommendation, "id-only", "") },
		"patient": func(e *ear) string { return e.sub(notify.RiskAboveThreshold, "id-only", ofP1) },
		"same":    func(e *ear) string { return e.sub(notify.RiskAboveThreshold, "full-resource", "") },
	} {
		e := newEar(t, func(opt *notify.Options) { opt.Pause = time.Hour }) // nothing is on its way when it is replaced
		e.put("s1", e.sub(notify.RiskAboveThreshold, "id-only", ""))
		e.is("s1", "active")
		e.answer(500)
		if err := e.svc.Publish(event(notify.RiskAboveThreshold, "secret")); err != nil {
			t.Fatal(err)
		}
		e.is("s1", "error")
		e.answer(200)
		sub := e.put("s1", other(e))
		raw, patients, err := e.svc.Events(t.Context(), sub, 0, 0, "")
		if kept := name == "same"; err != nil || (len(patients) == 1) != kept || strings.Contains(string(raw), "secret") != kept || sub.Count != 1 {
			t.Errorf("%s: %v %v %d", name, patients, err, sub.Count)
		}
		e.is("s1", "active")
		topic := notify.RiskAboveThreshold
		if name == "topic" {
			topic = notify.NewRecommendation
		}
		if err := e.svc.Publish(event(topic, "p1")); err != nil {
			t.Fatal(err)
		}
		want := map[bool]string{true: "1 2", false: "2"}[name == "same"]
		e.until(name+" hears "+want, func() bool { return strings.Join(e.numbers(), " ") == want })
	}
}

// TestSubscriptionsToAnErasedPatient are erased with them, here and by the store.
func TestSubscriptionsToAnErasedPatient(t *testing.T) {
	e := newEar(t, nil)
	e.put("s1", e.sub(notify.RiskAboveThreshold, "id-only", ofP1))
	e.put("s2", e.sub(notify.RiskAboveThreshold, "id-only", ""))
	e.is("s1", "active")
	e.is("s2", "active")
	e.store.erase("p1")
	if err := errors.Join(e.svc.Forget("p1"), e.svc.Forget("")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := e.svc.Get("s1"); !errors.Is(err, notify.ErrNotFound) {
			t.Error(err)
		}
		if _, err := e.svc.Get("s2"); err != nil {
			t.Error(err)
		}
		for key, pair := range e.store.pairs {
			if strings.Contains(string(pair.Value), `"p1"`) {
				t.Errorf("%s is left", key)
			}
		}
		e.stop()
		e.start()
	}
}

// TestReplacedWhileItIsTold: what came of a notification that was on its way when its
// subscription was replaced says nothing of the new one, even at one and the same moment.
func TestReplacedWhileItIsTold(t *testing.T) {
	arrived, free := make(chan struct{}), make(chan struct{})
	var once sync.Once
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		once.Do(func() { close(arrived) })
		<-free
	}))
	defer slow.Close()
	at := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	e := newEar(t, func(o *notify.Options) {
		o.Now = func() time.Time { return at }
		o.Hosts = append(o.Hosts, strings.TrimPrefix(slow.URL, "http://"))
	})
	raw := e.sub(notify.RiskAboveThreshold, "id-only", "")
	e.put("s1", strings.ReplaceAll(raw, e.URL, slow.URL))
	<-arrived
	e.answer(500)
	e.put("s1", raw)
	close(free)
	e.is("s1", "error") // the new endpoint's own answer
}

// TestSubscriptionsOfOthers cannot be replaced, whoever comes first.
func TestSubscriptionsOfOthers(t *testing.T) {
	e := newEar(t, nil)
	raw := []byte(e.sub(notify.RiskAboveThreshold, "id-only", ""))
	var g sync.WaitGroup
	owners := []string{"a", "b", "c", "d"}
	errs := make([]error, len(owners))
	for i, owner := range owners {
		g.Go(func() { _, errs[i] = e.svc.Put(owner, "s1", raw) })
	}
	g.Wait()
	sub, err := e.svc.Get("s1")
	if err != nil {
		t.Fatal(err)
	}
	for i, owner := range owners {
		if (errs[i] == nil) != (owner == sub.Owner) || errs[i] != nil && !errors.Is(errs[i], notify.ErrNotFound) {
			t.Errorf("%s of %s: %v", owner, sub.Owner, errs[i])
		}
	}
	if _, created, err := e.svc.Replace("root", "s1", raw, func(notify.Subscription) bool { return true }); err != nil || created {
		t.Error(created, err)
	}
}

// TestAddresses: what is not of the internet is notified only where the site says so.
func TestAddresses(t *testing.T) {
	bad := []string{"127.0.0.1", "[::1]", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "0.0.0.0", "[::]", "100.64.0.1", "100.100.100.200",
		"[::ffff:10.0.0.1]", "[64:ff9b::a00:1]", "[2002:a00:1::]", "240.0.0.1", "255.255.255.255", "224.0.0.1", "198.18.0.1", "168.63.129.16", "192.0.2.1", "[2001:db8::1]"}
	private := []string{"127.0.0.1", "[::1]", "10.0.0.1", "172.16.3.4", "192.168.1.1", "100.64.0.1", "[::ffff:10.0.0.1]", "[fd12::1]"}
	ranged := []string{"169.254.7.7", "10.20.3.4"}
	take := func(change func(*notify.Options), hosts, taken []string) {
		t.Helper()
		e := newEar(t, func(o *notify.Options) {
			o.Private = false
			for _, h := range hosts {
				o.Hosts = append(o.Hosts, strings.Trim(h, "[]"))
			}
			change(o)
		})
		for _, host := range hosts {
			_, err := e.svc.Put("x", "x", []byte(strings.ReplaceAll(e.sub(notify.NewRecommendation, "id-only", ""), e.URL, "https://"+host)))
			if ok := strings.Contains(" "+strings.Join(taken, " ")+" ", " "+host+" "); (err == nil) != ok {
				t.Errorf("%s: %v", host, err)
			}
		}
	}
	take(func(*notify.Options) {}, append([]string{"93.184.215.14", "[2606:2800::1]", "[fd12::1]"}, bad...), []string{"93.184.215.14", "[2606:2800::1]"})
	take(func(o *notify.Options) { o.Private = true }, append([]string{"[fd12::1]"}, bad...), private)
	take(func(o *notify.Options) {
		o.Ranges = []netip.Prefix{netip.MustParsePrefix("169.254.7.0/24"), netip.MustParsePrefix("10.20.0.0/16")}
	}, append(ranged, bad...), ranged)
}

// TestNamesAreLookedAtWhenDialed: a name that is allowed and leads to this machine, as after
// it was bound anew, is not connected to.
func TestNamesAreLookedAtWhenDialed(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		e := newEar(t, func(o *notify.Options) {
			o.Private, o.Hosts = false, []string{"localhost"}
			o.Ranges = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} // so that http is taken
			if allowed {
				o.Ranges = append(o.Ranges, netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
			}
		})
		e.put("s1", strings.ReplaceAll(e.sub(notify.NewRecommendation, "id-only", ""), "127.0.0.1", "localhost"))
		if allowed {
			e.is("s1", "active")
			continue
		}
		e.is("s1", "error")
		if sub, _ := e.svc.Get("s1"); !strings.Contains(sub.Error, "private address") || len(e.heard) > 0 {
			t.Errorf("%q, %d heard", sub.Error, len(e.heard))
		}
	}
}
