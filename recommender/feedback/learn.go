package feedback

import (
	"cmp"
	"hash/fnv"
	"math"
	"slices"

	"ember/learn"
	"ember/record"
)

// Order names an order of a want.
type Order struct {
	Want string
	Kind record.Kind
	Code record.Code // without display
}

// Preference is by how much an order is taken up more or less than its
// probability says, as an addition to the log odds it is ranked by.
type Preference struct {
	Order
	Shift                       float64
	Shown, Accepted, Overridden int // in answers that were responded to
}

// Learned is what answers taught.
type Learned struct {
	Answers  int // that were responded to
	Patients int
	Accepted, Overridden,
	Ignored int
	// Value is how many items of a list are accepted as it was ranked; Gain how many
	// more would be with the preferences. Both are doubly robust estimates
	// off policy (Dudík, Langford and Li, 2011), with 95 % intervals by resampling
	// patients, the gain on answers whose preferences were learned from others.
	Value, Gain learn.Estimate
	// Believed says whether the preferences are used: where the whole interval of
	// Gain is above 0, on Fewest answers and more.
	Believed    bool
	Preferences []Preference // by order
}

const (
	// Fewest is how many answers must have been responded to before anything is believed.
	Fewest = 200
	// prior is by how many acceptances a preference is held back.
	prior = 10.
	// most is the strongest preference.
	most  = 2.
	folds = 5
)

// Learn learns from answers; those that nobody responded to are left out. The
// result depends on the answers and the seed, not on their order.
func Learn(answers []Answer, reps int, seed uint64) Learned {
	seen := make([]Answer, 0, len(answers))
	for _, a := range answers {
		if !a.Responded.IsZero() {
			seen = append(seen, a)
		}
	}
	slices.SortFunc(seen, func(a, b Answer) int { return cmp.Compare(a.ID, b.ID) })
	out := Learned{Answers: len(seen)}
	if len(seen) == 0 {
		return out
	}
	out.Preferences = sums(seen, func(int) bool { return true }).preferences()
	for _, p := range out.Preferences {
		out.Accepted, out.Overridden = out.Accepted+p.Accepted, out.Overridden+p.Overridden
		out.Ignored += p.Shown - p.Accepted - p.Overridden
	}
	out.judge(seen, reps, seed)
	return out
}

// judge estimates what the preferences are worth, each answer by preferences
// learned from other patients.
func (l *Learned) judge(seen []Answer, reps int, seed uint64) {
	fold := make([]int, len(seen))
	group, number := make([]int, len(seen)), map[string]int{}
	for i := range seen {
		fold[i] = foldOf(seen[i].Patient)
		n, ok := number[seen[i].Patient]
		if !ok {
			n = len(number)
			number[seen[i].Patient] = n
		}
		group[i] = n
	}
	l.Patients = len(number)
	with, without := make([]float64, len(seen)), make([]float64, len(seen))
	for f := range folds {
		t := sums(seen, func(i int) bool { return fold[i] != f })
		shift := t.shifts()
		for i := range seen {
			if fold[i] == f {
				without[i] = seen[i].value(nil, t.rate())
				with[i] = seen[i].value(shift, t.rate())
			}
		}
	}
	l.Value = learn.Mean(without, group, reps, seed)
	l.Gain = learn.Diff(with, without, group, reps, seed)
	l.Believed = l.Answers >= Fewest && l.Gain.Low > 0
}

// foldOf keeps a patient's answers together.
func foldOf(patient string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(patient))
	return int(h.Sum32() % folds)
}

// value is the doubly robust estimate of how many items are accepted of the list
// that the shifts make of the answer's items. rate turns a probability of
// being ordered into one of being accepted. An item that could not have been shown
// counts as never accepted: nothing is known of it.
func (a *Answer) value(shift map[Order]float64, rate float64) (sum float64) {
	for _, i := range a.list(shift) {
		x := &a.Items[i]
		if x.Propensity <= 0 {
			continue
		}
		expected := min(1, rate*x.Probability*math.Exp(shift[a.order(x)]))
		sum += expected
		if x.Shown {
			sum += (x.accepted() - expected) / x.Propensity
		}
	}
	return sum
}

func (x *Item) accepted() float64 {
	if x.Outcome == Accepted {
		return 1
	}
	return 0
}

func (a *Answer) order(x *Item) Order {
	return Order{a.Want, x.Kind, record.Code{System: x.System, Value: x.Code}}
}

// list are the items that would be shown with the shifts, without exploration.
func (a *Answer) list(shift map[Order]float64) []int {
	at := make([]int, len(a.Items))
	score := make([]float64, len(a.Items))
	for i := range a.Items {
		at[i] = i
		score[i] = learn.Logit(a.Items[i].Probability) + shift[a.order(&a.Items[i])]
	}
	if shift != nil {
		slices.SortStableFunc(at, func(i, j int) int { return cmp.Compare(score[j], score[i]) })
	}
	return at[:min(a.Listed, len(at))]
}

// table counts what was shown, by order.
type table struct {
	rows               map[Order]*row
	accepted, promised float64
}

type row struct {
	shown, accepted, overridden int
	promised                    float64
}

func sums(seen []Answer, keep func(i int) bool) *table {
	t := &table{rows: map[Order]*row{}}
	for i := range seen {
		if !keep(i) {
			continue
		}
		a := &seen[i]
		for k := range a.Items {
			if x := &a.Items[k]; x.Shown {
				t.add(a.order(x), x)
			}
		}
	}
	return t
}

func (t *table) add(o Order, x *Item) {
	r := t.rows[o]
	if r == nil {
		r = &row{}
		t.rows[o] = r
	}
	r.shown++
	r.promised += x.Probability
	t.promised += x.Probability
	switch x.Outcome {
	case Accepted:
		r.accepted++
		t.accepted++
	case Overridden:
		r.overridden++
	}
}

// rate is how much of what was promised was accepted.
func (t *table) rate() float64 { return t.accepted / max(t.promised, 1e-9) }

// shift is the log ratio of what was accepted to what would be at the rate of all orders, shrunk.
func (t *table) shift(r *row) float64 {
	s := math.Log((float64(r.accepted) + prior) / (t.rate()*r.promised + prior))
	return max(-most, min(most, s))
}

func (t *table) shifts() map[Order]float64 {
	out := make(map[Order]float64, len(t.rows))
	for o, r := range t.rows {
		out[o] = t.shift(r)
	}
	return out
}

func (t *table) preferences() []Preference {
	out := make([]Preference, 0, len(t.rows))
	for o, r := range t.rows {
		out = append(out, Preference{Order: o, Shift: t.shift(r), Shown: r.shown, Accepted: r.accepted, Overridden: r.overridden})
	}
	slices.SortFunc(out, func(a, b Preference) int {
		return cmp.Or(cmp.Compare(a.Want, b.Want), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Code.System, b.Code.System), cmp.Compare(a.Code.Value, b.Code.Value))
	})
	return out
}
