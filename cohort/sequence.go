package cohort

import (
	"slices"

	"ember/index"
)

// sequence is a sequence criterion that is ready. Leaves are the steps, then what
// must not lie between, each where there is one.
type sequence struct {
	leaves []*leaf
	steps  int
	spans  []int32 // by step, -1 = any
	bars   []int   // by step, the leaf of what must not lie between; -1 = nothing
}

func (p *plan) sequenceNode(c *Criterion) (node, error) {
	s := &sequence{steps: len(c.Sequence)}
	for i := range c.Sequence {
		l, err := p.leaf(&c.Sequence[i].Event)
		if err != nil {
			return nil, err
		}
		l.timed, l.plain = true, false
		s.leaves = append(s.leaves, l)
	}
	for i := range c.Sequence {
		step := &c.Sequence[i]
		span, bar := int32(-1), -1
		if step.Within != "" {
			span, _ = days(step.Within)
		}
		if step.Without != nil {
			l, err := p.leaf(step.Without)
			if err != nil {
				return nil, err
			}
			l.timed, l.plain = true, false
			bar = len(s.leaves)
			s.leaves = append(s.leaves, l)
		}
		s.spans, s.bars = append(s.spans, span), append(s.bars, bar)
	}
	if len(s.leaves) > maxLeaves {
		return nil, c.at.fail("use fewer steps", "a sequence has at most %d events", maxLeaves)
	}
	return s, nil
}

func (s *sequence) cost() (sum float64) {
	for _, l := range s.leaves {
		sum += 2 * float64(l.rows)
	}
	return sum
}

func (s *sequence) eval(p *plan, within index.Set) (index.Set, error) {
	if sources := p.sources(s.leaves); len(s.leaves) == 2 && len(sources) == 2 && sources[0].leaves == 1 && sources[1].leaves == 2 && s.leaves[0].ev.Age == nil && s.leaves[1].ev.Age == nil {
		return p.pair(s, sources[0], sources[1], s.leaves[1].have(p, s.leaves[0].have(p, within)))
	}
	return p.scan(s.leaves, s.steps, within, func() test {
		var room []int
		return func(ord uint32, hits []hit) bool {
			hits = s.ofAge(p, ord, hits)
			var last int
			room, last = s.reach(hits, room)
			return last >= 0
		}
	})
}

// ofAge takes from events the bits of leaves that ask for another age.
func (s *sequence) ofAge(p *plan, ord uint32, hits []hit) []hit {
	if !slices.ContainsFunc(s.leaves, func(l *leaf) bool { return l.ev.Age != nil }) {
		return hits
	}
	who := p.v.Patient(ord)
	for i := range hits {
		for bit, l := range s.leaves {
			if l.ev.Age != nil && hits[i].leaf&(1<<bit) != 0 && !l.ofAge(who, hits[i].day) {
				hits[i].leaf &^= 1 << bit
			}
		}
	}
	return hits
}

// reach finds for every step which of its events can be reached, and from which: of
// those before, the last day is the best, as its gap is the shortest and what lies
// between is least. Hits are by day. By step and hit, reached is the hit before, 1 up;
// 0 = not reached. Last is a hit that the last step reaches, -1 = none.
func (s *sequence) reach(hits []hit, room []int) (reached []int, last int) {
	reached = slices.Grow(room[:0], len(hits)*s.steps)[:len(hits)*s.steps]
	clear(reached)
	for i := range hits {
		if hits[i].leaf&1 != 0 {
			reached[i] = i + 1
		}
	}
	for step := 1; step < s.steps; step++ {
		before, now := reached[(step-1)*len(hits):step*len(hits)], reached[step*len(hits):(step+1)*len(hits)]
		for j := range hits {
			if hits[j].leaf&(1<<step) != 0 {
				now[j] = s.from(step, j, hits, before) + 1
			}
		}
	}
	last = slices.IndexFunc(reached[(s.steps-1)*len(hits):], func(from int) bool { return from != 0 })
	return reached, last
}

// chain is one event for each step that make the sequence, nil when there are none.
func (s *sequence) chain(hits []hit) []int {
	reached, last := s.reach(hits, nil)
	if last < 0 {
		return nil
	}
	path := []int{last}
	for step := s.steps - 1; step > 0; step-- {
		path = append(path, reached[step*len(hits)+path[len(path)-1]]-1)
	}
	slices.Reverse(path)
	return path
}

// from is the event that a step's event j follows on, -1 = none.
func (s *sequence) from(step, j int, hits []hit, before []int) int {
	end := j + 1
	for end < len(hits) && hits[end].day == hits[j].day {
		end++
	}
	day, found := int32(0), false
	for i := end - 1; i >= 0; i-- {
		if before[i] == 0 || i == j {
			continue
		}
		if found && hits[i].day != day {
			break
		}
		day, found = hits[i].day, true
		if s.spans[step] >= 0 && hits[j].day-day > s.spans[step] {
			return -1
		}
		if s.bars[step] < 0 || !s.barred(step, i, j, hits) {
			return i
		}
	}
	return -1
}

// barred reports whether what must not lie between does, from day to day.
func (s *sequence) barred(step, i, j int, hits []hit) bool {
	for k := range hits {
		if k != i && k != j && hits[k].leaf&(1<<s.bars[step]) != 0 && hits[k].day >= hits[i].day && hits[k].day <= hits[j].day {
			return true
		}
	}
	return false
}
