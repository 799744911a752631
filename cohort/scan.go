package cohort

import (
	"math"
	"slices"

	"ember/index"
)

// hit is an event of a patient that one or more leaves admit.
type hit struct {
	ord  uint32
	day  int32
	id   uint64 // tells events apart: the same event has the same
	leaf uint64 // bits of the leaves that admit it
}

// maxLeaves is how many leaves one scan has bits for.
const maxLeaves = 64

// chunk is how many patients are scanned at a time, which bounds the memory.
const chunk = 1 << 16

// source is a run with the leaves that want it.
type source struct {
	run    index.Run
	leaves uint64
	number uint64
}

// test judges a patient by his events, by day. It may change them.
type test func(ord uint32, hits []hit) bool

// scan gives the patients of within whose events pass a test. The first leaves, as
// many as needed, are those that a patient must have an event of.
func (p *plan) scan(leaves []*leaf, needed int, within index.Set, fresh func() test) (index.Set, error) {
	sources := p.sources(leaves)
	if len(sources) == 1 && len(leaves) == 1 && within.Len() > sources[0].run.Len()/16 {
		found, err := p.filter(leaves[0], sources[0], fresh)
		return found.And(within), err
	}
	for _, l := range leaves[:needed] {
		within = l.have(p, within)
	}
	if len(sources) <= maxWalked {
		return p.walk(leaves, sources, within, fresh)
	}
	return p.lookUp(leaves, sources, within, fresh())
}

// lookUp gathers the events of patients by ranges of ordinals.
func (p *plan) lookUp(leaves []*leaf, sources []source, within index.Set, pass test) (index.Set, error) {
	var found []uint32
	var hits, spare []hit
	var ends []int
	for from := uint64(0); from < math.MaxUint32; from += chunk {
		next, ok := within.Next(uint32(from))
		if !ok {
			break
		}
		from = uint64(next) / chunk * chunk
		hits, ends = p.gather(leaves, sources, within, uint32(from), uint32(min(from+chunk, math.MaxUint32)), hits[:0], ends[:0])
		if err := p.ctx.Err(); err != nil {
			return index.Set{}, err
		}
		hits, spare = merged(hits, spare, ends)
		for i := 0; i < len(hits); {
			end := i + 1
			for end < len(hits) && hits[end].ord == hits[i].ord {
				end++
			}
			ord := hits[i].ord
			if pass(ord, hits[i:end:end]) {
				found = append(found, ord)
			}
			i = end
		}
	}
	return index.NewSet(found...), p.ctx.Err()
}

// sources are the runs of all concepts of the leaves, each once.
func (p *plan) sources(leaves []*leaf) []source {
	var all []source
	at := map[index.ConceptKey][2]int{}
	for bit, l := range leaves {
		for _, c := range l.chosen.concepts {
			key := index.ConceptKey{Kind: c.kind, System: c.code.System, Value: c.code.Value}
			span, ok := at[key]
			if !ok {
				span[0] = len(all)
				for _, r := range p.v.Runs(c.kind, c.code) {
					all = append(all, source{run: r, number: uint64(len(all)) << 32})
				}
				span[1] = len(all)
				at[key] = span
			}
			for i := span[0]; i < span[1]; i++ {
				all[i].leaves |= 1 << bit
			}
		}
	}
	return all
}

func admitted(leaves []*leaf, wanted uint64, r *index.Posting) (bits uint64) {
	for bit, l := range leaves {
		if wanted&(1<<bit) != 0 && l.admits(r) {
			bits |= 1 << bit
		}
	}
	return bits
}

// gather collects the events of the patients of within from one ordinal up to
// another: stretches in order, and where each ends.
func (p *plan) gather(leaves []*leaf, sources []source, within index.Set, from, to uint32, hits []hit, ends []int) ([]hit, []int) {
	for _, s := range sources {
		number := s.number
		s.run.Within(within, from, to, func(ord uint32, rows []index.Posting) bool {
			for i := range rows {
				if bits := admitted(leaves, s.leaves, &rows[i]); bits != 0 {
					hits = append(hits, hit{ord, rows[i].Day, number | uint64(i), bits})
				}
			}
			return true
		})
		if p.ctx.Err() != nil {
			return hits, ends
		}
		if len(ends) == 0 && len(hits) > 0 || len(ends) > 0 && len(hits) > ends[len(ends)-1] {
			ends = append(ends, len(hits))
		}
	}
	return hits, ends
}

// before orders hits by patient, day and event.
func (h *hit) before(o *hit) bool {
	a, b := uint64(h.ord)<<32|uint64(uint32(h.day)^1<<31), uint64(o.ord)<<32|uint64(uint32(o.day)^1<<31)
	return a < b || a == b && h.id < o.id
}

// merged puts stretches that are in order into one, two at a time; spare is memory
// that may be used, and what is left over comes back for the next time.
func merged(hits, spare []hit, ends []int) (in, left []hit) {
	for len(ends) > 1 {
		spare = slices.Grow(spare[:0], len(hits))[:0]
		kept, start := ends[:0], 0
		for i := 0; i < len(ends); i += 2 {
			mid, end := ends[i], ends[i]
			if i+1 < len(ends) {
				end = ends[i+1]
			}
			spare = mergeTwo(spare, hits[start:mid], hits[mid:end])
			start = end
			kept = append(kept, end)
		}
		ends = kept
		hits, spare = spare, hits
	}
	return hits, spare
}

func mergeTwo(into, a, b []hit) []hit {
	for len(a) > 0 && len(b) > 0 {
		if b[0].before(&a[0]) {
			into, b = append(into, b[0]), b[1:]
		} else {
			into, a = append(into, a[0]), a[1:]
		}
	}
	return append(append(into, a...), b...)
}
