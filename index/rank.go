package index

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

// rankedPatient is a patient with the score that orders one list.
type rankedPatient struct {
	ord   uint32
	score float64
}

// tally is what the concepts found say of one patient.
type tally struct {
	mask   uint32 // words of the query
	events uint32
	score  float32
}

// tallies are by ordinal; they are reused between searches, and clean then.
type tallies struct {
	of      []tally
	touched []uint32
}

// coded are the best patients of the concepts, best first, and all of
// them in no order. Each word of the query counts once, by the best concept found by it; how
// many events there are decides between patients who are level.
func (v View) coded(found []match, admit func(uint32) bool, limit int) (best []rankedPatient, all []uint32) {
	t := v.s.concepts.tallies.Get().(*tallies)
	defer v.s.concepts.tallies.Put(t)
	if len(t.of) < int(v.s.people.n) {
		t.of = make([]tally, v.s.people.n+v.s.people.n/8)
	}
	t.touched = t.touched[:0]
	for _, m := range found {
		for _, l := range v.s.layers {
			if i, ok := l.find(m.concept); ok {
				t.count(m, l, l.postings(i), admit)
			}
		}
	}
	top := leaders{v: v, n: max(limit, fuseBest)}
	for _, ord := range t.touched {
		top.add(rankedPatient{ord, float64(t.of[ord].score) + 0.01*math.Log1p(float64(t.of[ord].events))})
		t.of[ord] = tally{}
	}
	return top.done(), slices.Clone(t.touched)
}

func (t *tallies) count(m match, l layer, rows []Posting, admit func(uint32) bool) {
	for j := 0; j < len(rows); {
		ord, n := rows[j].Patient, j
		for j++; j < len(rows) && rows[j].Patient == ord; j++ {
		}
		if l.hides(ord) || !admit(ord) {
			continue
		}
		one := &t.of[ord]
		if one.mask == 0 {
			t.touched = append(t.touched, ord)
		}
		if fresh := m.mask &^ one.mask; fresh != 0 {
			one.score += m.score * float32(bits.OnesCount32(fresh)) / float32(bits.OnesCount32(m.mask))
			one.mask |= m.mask
		}
		one.events += uint32(j - n)
	}
}

// leaders keeps the best n of many patients.
type leaders struct {
	v      View
	n      int
	list   []rankedPatient
	sorted bool // the list was cut to n once; least is then the last of them
	least  rankedPatient
}

func (l *leaders) add(p rankedPatient) {
	if l.sorted && l.v.compare(p, l.least) > 0 {
		return
	}
	if l.list = append(l.list, p); len(l.list) < 4*l.n {
		return
	}
	slices.SortFunc(l.list, l.v.compare)
	l.list = l.list[:l.n]
	l.sorted, l.least = true, l.list[l.n-1]
}

func (l *leaders) done() []rankedPatient {
	slices.SortFunc(l.list, l.v.compare)
	return l.list[:min(l.n, len(l.list))]
}

// compare orders by score, ties by the patient's id.
func (v View) compare(a, b rankedPatient) int {
	if c := cmp.Compare(b.score, a.score); c != 0 {
		return c
	}
	return cmp.Compare(v.s.people.at(a.ord).ID, v.s.people.at(b.ord).ID)
}

// fuse adds 1/(60+rank) over the lists.
func (v View) fuse(coded []rankedPatient, noted []noteMatch, limit int) []Hit {
	sum := make(map[uint32]float64, len(coded)+len(noted))
	for i, p := range coded {
		sum[p.ord] = 1 / float64(fuseRank+i+1)
	}
	seen := map[uint32]bool{}
	for _, n := range noted {
		if !seen[n.ord] {
			seen[n.ord] = true
			sum[n.ord] += 1 / float64(fuseRank+len(seen))
		}
	}
	all := make([]rankedPatient, 0, len(sum))
	for ord, score := range sum {
		all = append(all, rankedPatient{ord, score})
	}
	slices.SortFunc(all, v.compare)
	hits := make([]Hit, 0, min(limit, len(all)))
	for _, p := range all[:min(limit, len(all))] {
		hits = append(hits, Hit{Patient: v.s.people.at(p.ord).ID, Score: p.score})
	}
	return hits
}

// number is how many patients there are in both lists together.
func number(coded []uint32, noted []noteMatch) int {
	if len(noted) == 0 {
		return len(coded)
	}
	more := map[uint32]bool{}
	for _, n := range noted {
		more[n.ord] = true
	}
	for _, ord := range coded {
		delete(more, ord)
	}
	return len(coded) + len(more)
}
