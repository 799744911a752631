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
	for _, l := range s.leaves[:s.steps] {
		within = l.have(p, within)
	}
	return p.scan(s.leaves, within, func(ord uint32, hits []hit) bool {
		hits = s.ofAge(p, ord, hits)
		return s.chain(hits) != nil
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

// chain is one event for each step that make the sequence, nil when there are none.
// Hits are by day. For every step it is known which of its events can be reached, and
// from which: of those before, the last day is the best, as its gap is the shortest
// and what lies between is least.
func (s *sequence) chain(hits []hit) []int {
	reached := make([]int, len(hits)*s.steps) // the event before, 1 up; 0 = not reached
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
	last := reached[(s.steps-1)*len(hits):]
	for j := range last {
		if last[j] == 0 {
			continue
		}
		path := []int{j}
		for step := s.steps - 1; step > 0; step-- {
			path = append(path, reached[step*len(hits)+path[len(path)-1]]-1)
		}
		slices.Reverse(path)
		return path
	}
	return nil
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
