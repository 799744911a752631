package embeddings

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"ember/record"
)

// Options say how to fit. Zero values mean the defaults named here.
type Options struct {
	Dim        int    // 128; less when there are fewer codes
	Seed       uint64 // of the random projection
	Vocabulary int    // most codes kept, the most frequent: 8,000
	Least      int    // patients a code must have: 3
	Window     int    // days within which two events belong together: 30
	HalfLife   int    // days after which an event counts half for a patient: 365
}

func (o Options) defaults() Options {
	o.Dim = cmp.Or(o.Dim, 128)
	o.Vocabulary = cmp.Or(o.Vocabulary, 8000)
	o.Least = cmp.Or(o.Least, 3)
	o.Window = cmp.Or(o.Window, 30)
	o.HalfLife = cmp.Or(o.HalfLife, 365)
	return o
}

func (o Options) validate() error {
	var faults []error
	for _, f := range []struct {
		name string
		v    int
		top  int
	}{{"Dim", o.Dim, 4096}, {"Vocabulary", o.Vocabulary, 1 << 20}, {"Least", o.Least, math.MaxInt32}, {"Window", o.Window, 36500},
		{"HalfLife", o.HalfLife, 365000}} {
		if f.v < 1 || f.v > f.top {
			faults = append(faults, fmt.Errorf("embeddings: %s is %d, must be in [1, %d]", f.name, f.v, f.top))
		}
	}
	return errors.Join(faults...)
}

// ErrNoCodes is returned when no code has enough patients to learn from.
var ErrNoCodes = errors.New("embeddings: no code has enough patients")

// Fit learns from timelines, in one pass over them; patients who opted out, records that were merged into another, and
// cancelled events are left aside. Memory is 8 bytes a distinct code and day of a
// patient besides the model.
func Fit(ctx context.Context, timelines iter.Seq[record.Timeline], opt Options) (*Model, error) {
	opt = opt.defaults()
	if err := opt.validate(); err != nil {
		return nil, err
	}
	c := corpus{ids: make(map[key]uint32)}
	for t := range timelines {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c.add(t)
	}
	c.keep(opt.Least, opt.Vocabulary)
	if len(c.codes) == 0 {
		return nil, ErrNoCodes
	}
	m := &Model{dim: opt.Dim, halfLife: float64(opt.HalfLife), codes: c.codes,
		index: make(map[key]uint32, len(c.codes)), idf: c.idf(), rare: c.rare()}
	for i, code := range m.codes {
		m.index[keyOf(code)] = uint32(i)
	}
	links, err := c.links(ctx, opt.Window)
	if err != nil {
		return nil, err
	}
	if m.vectors, err = decompose(ctx, links, opt.Dim, opt.Seed); err != nil {
		return nil, err
	}
	if err := m.fitWords(ctx); err != nil {
		return nil, err
	}
	return m, nil
}

// fitWords gives the codes' vectors length 1, fits the words to them, and places
// the codes that go with nothing by their words.
func (m *Model) fitWords(ctx context.Context) error {
	placed := slices.Clone(m.codes)
	for i := range m.codes {
		if !normalise(m.at(uint32(i))) {
			placed[i] = record.Code{}
		}
	}
	var err error
	if m.words, err = fitWords(ctx, placed, m.vectors, m.dim); err != nil {
		return err
	}
	for i, c := range placed {
		if c.Zero() {
			m.words.add(m.at(uint32(i)), wordsOf(m.codes[i]), 1)
			normalise(m.at(uint32(i)))
		}
	}
	return nil
}

// mention is one code on one day (since 1970) of a patient.
type mention struct {
	code uint32
	day  int32
}

// corpus is what Fit needs of the timelines.
type corpus struct {
	ids      map[key]uint32
	codes    []record.Code
	patients []int     // that have the code
	all      []mention // patient by patient, by day then code
	start    []int     // of each patient in all
}

func (c *corpus) add(t record.Timeline) {
	if t.Person.OptOut || t.Person.ReplacedBy != "" {
		return
	}
	from := len(c.all)
	c.start = append(c.start, from)
	for _, e := range t.Events {
		if e.Cancelled || e.Concept.Zero() {
			continue
		}
		c.all = append(c.all, mention{c.id(e), int32(e.Known.Unix() / int64(24*time.Hour/time.Second))})
	}
	own := c.all[from:]
	slices.SortFunc(own, func(a, b mention) int { return cmp.Or(cmp.Compare(a.code, b.code), cmp.Compare(a.day, b.day)) })
	own = slices.Compact(own)
	for i, m := range own {
		if i == 0 || own[i-1].code != m.code {
			c.patients[m.code]++
		}
	}
	sortByDay(own)
	c.all = c.all[:from+len(own)]
}

func sortByDay(m []mention) {
	slices.SortFunc(m, func(a, b mention) int { return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.code, b.code)) })
}

// id numbers an event's concept and keeps the first words found for it.
func (c *corpus) id(e record.Event) uint32 {
	id, ok := c.ids[keyOf(e.Concept)]
	if !ok {
		id = uint32(len(c.codes))
		k := key{strings.Clone(e.Concept.System), strings.Clone(e.Concept.Value)}
		c.ids[k] = id
		c.codes = append(c.codes, record.Code{System: k.system, Value: k.value})
		c.patients = append(c.patients, 0)
	}
	if c.codes[id].Display == "" {
		c.codes[id].Display = strings.Clone(eventWords(e))
	}
	return id
}

func eventWords(e record.Event) string {
	if w := wordsOf(e.Concept); w != "" || e.Text != "" {
		return cmp.Or(w, e.Text)
	}
	for _, code := range e.Codes {
		if code.Display != "" {
			return code.Display
		}
	}
	return ""
}

// keep drops codes with fewer than least patients, and all but the most frequent,
// and renumbers the rest by frequency, ties by code.
func (c *corpus) keep(least, most int) {
	order := make([]uint32, 0, len(c.codes))
	for i, n := range c.patients {
		if n >= least {
			order = append(order, uint32(i))
		}
	}
	slices.SortFunc(order, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(c.patients[b], c.patients[a]),
			cmp.Compare(c.codes[a].System, c.codes[b].System), cmp.Compare(c.codes[a].Value, c.codes[b].Value))
	})
	order = order[:min(most, len(order))]
	const none = math.MaxUint32
	renumber := slices.Repeat([]uint32{none}, len(c.codes))
	codes, patients := make([]record.Code, len(order)), make([]int, len(order))
	for i, old := range order {
		renumber[old], codes[i], patients[i] = uint32(i), c.codes[old], c.patients[old]
	}
	c.codes, c.patients, c.ids = codes, patients, nil
	kept := c.all[:0]
	for p, from := range c.start {
		to := len(c.all)
		if p+1 < len(c.start) {
			to = c.start[p+1]
		}
		c.start[p] = len(kept)
		for _, m := range c.all[from:to] {
			if id := renumber[m.code]; id != none {
				kept = append(kept, mention{id, m.day})
			}
		}
		sortByDay(kept[c.start[p]:])
	}
	c.all = kept
}

// idf is log((1+patients)/(1+patients with the code)), with a floor so that what
// everybody has still counts for something.
func (c *corpus) idf() []float32 {
	w := make([]float32, len(c.codes))
	for i, n := range c.patients {
		w[i] = float32(max(.05, math.Log(float64(1+len(c.start))/float64(1+n))))
	}
	return w
}

// rare is the weight of codes never seen: half that of the rarest, as only their
// words are known.
func (c *corpus) rare() float32 { return slices.Max(c.idf()) / 2 }
