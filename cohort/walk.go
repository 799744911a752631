package cohort

import (
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"ember/index"
)

// maxWalked is how many lists are walked side by side at most.
const maxWalked = 16

// leastWork is how many postings or patients are worth a goroutine.
const leastWork = 20_000

// divided runs work on parts of n things on several processors, and joins what it
// finds in the order of the parts.
func divided(n int, work func(from, to int) ([]uint32, error)) (index.Set, error) {
	parts := max(1, min(runtime.GOMAXPROCS(0), 8, n/leastWork))
	found := make([][]uint32, parts)
	var g errgroup.Group
	for i := range parts {
		g.Go(func() (err error) {
			found[i], err = work(i*n/parts, (i+1)*n/parts)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return index.Set{}, err
	}
	return index.NewSet(slices.Concat(found...)...), nil
}

// filter goes through one list from end to end and tests the patients with as many
// events as asked for.
func (p *plan) filter(l *leaf, s source, fresh func() test) (index.Set, error) {
	rows := s.run.Rows()
	return divided(len(rows), func(from, to int) (found []uint32, err error) {
		pass := fresh()
		var hits []hit
		for from > 0 && from < len(rows) && rows[from].Patient == rows[from-1].Patient {
			from++
		}
		for to > 0 && to < len(rows) && rows[to].Patient == rows[to-1].Patient {
			to++
		}
		for at, n := l.skip(rows, from), 0; at < to; n++ {
			ord := rows[at].Patient
			hits = hits[:0]
			for ; at < to && rows[at].Patient == ord; at = l.skip(rows, at+1) {
				hits = append(hits, hit{ord, rows[at].Day, uint64(at), 1})
			}
			if len(hits) >= l.count && !s.run.Hides(ord) && pass(ord, hits) {
				found = append(found, ord)
			}
			if n%4096 == 0 && p.ctx.Err() != nil {
				return nil, p.ctx.Err()
			}
		}
		return found, nil
	})
}

// skip is the first posting from a place on that the leaf admits.
func (l *leaf) skip(rows []index.Posting, at int) int {
	if l.ev.Value != nil && len(l.chosen.conversions) == 1 {
		least, most := l.chosen.conversions[0].least, l.chosen.conversions[0].most
		for ; at < len(rows); at++ {
			if v := rows[at].Value; v >= least && v <= most && l.admits(&rows[at]) {
				return at
			}
		}
		return at
	}
	for at < len(rows) && !l.admits(&rows[at]) {
		at++
	}
	return at
}

// walk looks the events of patients up in all lists, which are walked side by side.
func (p *plan) walk(leaves []*leaf, sources []source, within index.Set, fresh func() test) (index.Set, error) {
	ords := within.Slice()
	return divided(len(ords), func(from, to int) (found []uint32, err error) {
		w, pass := &walker{leaves: leaves, sources: sources, at: make([]int, len(sources))}, fresh()
		for i, ord := range ords[from:to] {
			if w.collect(ord); len(w.hits) > 0 && pass(ord, w.hits) {
				found = append(found, ord)
			}
			if i%4096 == 0 && p.ctx.Err() != nil {
				return nil, p.ctx.Err()
			}
		}
		return found, nil
	})
}

// walker goes through some patients in order.
type walker struct {
	leaves  []*leaf
	sources []source
	at      []int // by source, behind the last patient
	hits    []hit
}

// collect gathers the events of the next patient, by day.
func (w *walker) collect(ord uint32) {
	w.hits = w.hits[:0]
	sorted := true
	for i := range w.sources {
		s := &w.sources[i]
		rows, at := s.run.Rows(), w.at[i]
		if at < len(rows) && rows[at].Patient < ord {
			at = s.run.Seek(at, ord)
		}
		hidden := at < len(rows) && rows[at].Patient == ord && s.run.Hides(ord)
		for ; at < len(rows) && rows[at].Patient == ord; at++ {
			bits := admitted(w.leaves, s.leaves, &rows[at])
			if bits == 0 || hidden {
				continue
			}
			h := hit{ord, rows[at].Day, s.number | uint64(at), bits}
			sorted = sorted && (len(w.hits) == 0 || w.hits[len(w.hits)-1].before(&h))
			w.hits = append(w.hits, h)
		}
		w.at[i] = at
	}
	for i := 1; !sorted && i < len(w.hits); i++ {
		for j := i; j > 0 && w.hits[j].before(&w.hits[j-1]); j-- {
			w.hits[j], w.hits[j-1] = w.hits[j-1], w.hits[j]
		}
	}
}

// pair tests patients for a sequence of two steps, each with one list of its own and
// nothing more to ask than days.
func (p *plan) pair(s *sequence, a, b source, within index.Set) (index.Set, error) {
	ords := within.Slice()
	first, second := s.leaves[0], s.leaves[1]
	return divided(len(ords), func(from, to int) (found []uint32, err error) {
		i, j := 0, 0
		ra, rb := a.run.Rows(), b.run.Rows()
		for n, ord := range ords[from:to] {
			if n%4096 == 0 && p.ctx.Err() != nil {
				return nil, p.ctx.Err()
			}
			i, j = a.run.Seek(i, ord), b.run.Seek(j, ord)
			if i == len(ra) || j == len(rb) || ra[i].Patient != ord || rb[j].Patient != ord || a.run.Hides(ord) || b.run.Hides(ord) {
				continue
			}
			if follows(first, second, ra[i:], rb[j:], ord, s.spans[1]) {
				found = append(found, ord)
			}
		}
		return found, nil
	})
}

// follows reports whether one of a patient's events in b, which begin there, is on the
// day of one in a or up to span days later.
func follows(first, second *leaf, a, b []index.Posting, ord uint32, span int32) bool {
	for x := 0; x < len(a) && a[x].Patient == ord; x++ {
		if !first.admits(&a[x]) {
			continue
		}
		for y := 0; y < len(b) && b[y].Patient == ord; y++ {
			if gap := int64(b[y].Day) - int64(a[x].Day); gap >= 0 && (span < 0 || gap <= int64(span)) && second.admits(&b[y]) {
				return true
			}
		}
	}
	return false
}
