package feedback

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"ember/record"
)

const (
	listed = 5
	beyond = 5
	rate   = .2
)

// site is a place where some orders are taken up otherwise than their
// probabilities say.
type site struct {
	rng   *rand.Rand
	taken [20]float64 // factor by order
}

func newSite(seed uint64, odd bool) *site {
	s := &site{rng: rand.New(rand.NewPCG(seed, 1))}
	for i := range s.taken {
		s.taken[i] = 1
		if odd && i%4 == 0 {
			s.taken[i] = .1
		}
	}
	return s
}

// ask makes the items of one question: orders with probabilities, best first.
func (s *site) ask(n int) Answer {
	a := Answer{ID: fmt.Sprintf("%06d", n), Patient: fmt.Sprint("p", n/3), Want: "treatments", Listed: listed}
	p := .6
	for _, order := range s.rng.Perm(len(s.taken))[:listed+beyond] {
		p *= .85 + .1*s.rng.Float64()
		a.Items = append(a.Items, Item{Kind: record.Medication, System: "s", Code: fmt.Sprint(order), Probability: p})
	}
	return a
}

func (s *site) accepts(x *Item) float64 {
	var order int
	_, _ = fmt.Sscan(x.Code, &order)
	return .5 * x.Probability * s.taken[order]
}

// show explores, and has the items responded to.
func (s *site) show(a *Answer) {
	for i := range a.Items {
		a.Items[i].Shown = i < listed
		a.Items[i].Propensity = 1
		if i >= listed {
			a.Items[i].Propensity = rate / beyond
		}
	}
	a.Items[listed-1].Propensity = 1 - rate
	if s.rng.Float64() < rate {
		a.Items[listed-1].Shown = false
		a.Items[listed+s.rng.IntN(beyond)].Shown = true
	}
	var said []Response
	for i := range a.Items {
		if x := &a.Items[i]; x.Shown && s.rng.Float64() < s.accepts(x) {
			said = append(said, Response{System: x.System, Code: x.Code, Outcome: Accepted})
		}
	}
	if err := a.Respond(time.Unix(1, 0), said); err != nil {
		panic(err)
	}
}

func (s *site) answers(n int) []Answer {
	out := make([]Answer, n)
	for i := range out {
		out[i] = s.ask(i)
		s.show(&out[i])
	}
	return out
}

// worth is the true gain of preferences, where the site is asked again.
func (s *site) worth(l Learned, n int) float64 {
	shift := map[Order]float64{}
	for _, p := range l.Preferences {
		shift[p.Order] = p.Shift
	}
	sum := 0.
	for i := range n {
		a := s.ask(i)
		for _, k := range a.list(shift) {
			sum += s.accepts(&a.Items[k])
		}
		for _, k := range a.list(nil) {
			sum -= s.accepts(&a.Items[k])
		}
	}
	return sum / float64(n)
}

// TestTheEstimateOffPolicyHolds: at a site with preferences the interval of the
// gain contains what new lists bring, and they are believed; at one without they are not.
func TestTheEstimateOffPolicyHolds(t *testing.T) {
	const sites = 40
	held, believed, mistaken := 0, 0, 0
	for seed := range uint64(sites) {
		s := newSite(seed, true)
		l := Learn(s.answers(3000), 400, seed)
		if w := s.worth(l, 20000); l.Gain.Low <= w && w <= l.Gain.High {
			held++
		}
		if l.Believed {
			believed++
		}
		if Learn(newSite(seed, false).answers(3000), 400, seed).Believed {
			mistaken++
		}
	}
	t.Logf("of %d sites: interval holds %d, believed %d, believed without cause %d", sites, held, believed, mistaken)
	if held < sites*85/100 || believed < sites*9/10 || mistaken > sites/10 {
		t.Errorf("interval holds %d, believed %d, without cause %d, of %d", held, believed, mistaken, sites)
	}
}

// TestNothingIsLearnedOfWhatCouldNotBeShown: without exploration the other orders
// have no chance, so that no preference can be shown to be worth anything.
func TestNothingIsLearnedOfWhatCouldNotBeShown(t *testing.T) {
	s := newSite(3, true)
	answers := s.answers(1000)
	for i := range answers {
		for k := range answers[i].Items {
			x := &answers[i].Items[k]
			x.Shown, x.Propensity = k < listed, 1
			if k >= listed {
				x.Propensity = 0
			}
		}
	}
	if l := Learn(answers, 200, 1); l.Believed || l.Gain.Value > 0 {
		t.Errorf("believed %v, gain %v", l.Believed, l.Gain)
	}
}

func TestLearnHeedsOnlyWhatWasRespondedTo(t *testing.T) {
	s := newSite(1, true)
	answers := s.answers(300)
	want := Learn(answers, 100, 1)
	silent := append([]Answer{}, answers...)
	for i := range 50 {
		a := s.ask(1000 + i)
		silent = append(silent, a)
	}
	silent[0], silent[200] = silent[200], silent[0]
	got := Learn(silent, 100, 1)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("with answers nobody responded to, in another order: %v, want %v", got, want)
	}
	if got.Accepted+got.Overridden+got.Ignored != 300*listed {
		t.Errorf("%d outcomes, want %d", got.Accepted+got.Overridden+got.Ignored, 300*listed)
	}
	if zero := Learn(nil, 100, 1); zero.Believed || zero.Answers != 0 {
		t.Errorf("of nothing: %v", zero)
	}
}

func TestRespond(t *testing.T) {
	item := func(code string, shown bool) Item {
		return Item{Kind: record.Test, System: "s", Code: code, Shown: shown, Propensity: 1}
	}
	for _, tt := range []struct {
		name string
		say  []Response
		err  error
		want [2]Outcome
	}{
		{"nothing taken", nil, nil, [2]Outcome{Ignored, Ignored}},
		{"accepted", []Response{{"s", "a", Accepted, ""}}, nil, [2]Outcome{Accepted, Ignored}},
		{"overridden with a reason", []Response{{"s", "b", Overridden, "already-done"}}, nil, [2]Outcome{Ignored, Overridden}},
		{"said twice", []Response{{"s", "a", Accepted, ""}, {"s", "a", Overridden, ""}}, nil, [2]Outcome{Overridden, Ignored}},
		{"not shown", []Response{{"s", "c", Accepted, ""}}, ErrNotShown, [2]Outcome{}},
		{"of another system", []Response{{"t", "a", Accepted, ""}}, ErrNotShown, [2]Outcome{}},
		{"unknown outcome", []Response{{"s", "a", "liked", ""}}, ErrResponse, [2]Outcome{}},
		{"reason of what was accepted", []Response{{"s", "a", Accepted, "later"}}, ErrResponse, [2]Outcome{}},
		{"free text", []Response{{"s", "a", Overridden, "the patient said no"}}, ErrResponse, [2]Outcome{}},
		{"one of two is wrong", []Response{{"s", "a", Accepted, ""}, {"s", "z", Accepted, ""}}, ErrNotShown, [2]Outcome{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := Answer{Items: []Item{item("a", true), item("b", true), item("c", false)}, Listed: 2}
			err := a.Respond(time.Unix(5, 0), tt.say)
			if !errors.Is(err, tt.err) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if got := [2]Outcome{a.Items[0].Outcome, a.Items[1].Outcome}; got != tt.want {
				t.Errorf("outcomes %q, want %q", got, tt.want)
			}
			if (err == nil) == a.Responded.IsZero() || a.Items[2].Outcome != "" {
				t.Errorf("responded %v, third %q", a.Responded, a.Items[2].Outcome)
			}
		})
	}
}

func TestAnswersAreKeptWhole(t *testing.T) {
	a := newSite(7, true).answers(1)[0]
	a.At, a.Model = time.Unix(99, 0).UTC(), "abc"
	a.Responded = a.Responded.UTC()
	b, err := a.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if back, err := Parse(b); err != nil || fmt.Sprint(back) != fmt.Sprint(a) {
		t.Errorf("came back as %v (%v), want %v", back, err, a)
	}
	if _, err := Parse(b[:len(b)/2]); err == nil {
		t.Error("half an answer was read")
	}
}

func ExampleLearn() {
	answers := newSite(1, true).answers(3000)
	l := Learn(answers, 500, 1)
	fmt.Println(l.Answers, "answers; believed:", l.Believed)
	fmt.Println("more is accepted:", l.Gain.Low > 0)
	// Output:
	// 3000 answers; believed: true
	// more is accepted: true
}
