package recommender

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"sync"
)

// Candidate generation: the best of each source, and all that was ordered before.
const (
	perSource     = 60
	maxCandidates = 400
)

// candidates are labels with their column of scores from every source. They hold
// concept ids and scores, nothing of the patient, and may be cached.
type candidates struct {
	labels   []uint32  // ascending
	scores   []float32 // colCount per label
	received []uint16  // by label: how many of the similar patients shown
	similar  int       // patients shown
	nearest  float32   // likeness of the nearest training sample
	degraded uint16    // bit per source that failed
}

func (c *candidates) row(i int) []float32 { return c.scores[i*colCount : (i+1)*colCount] }

// find is the position of a label; ok is false when it is no candidate.
func (c *candidates) find(label uint32) (int, bool) { return slices.BinarySearch(c.labels, label) }

// dense is scratch space: the scores of all labels by each source.
type dense struct {
	scores   [colCount][]float32
	received []uint16
	order    []uint32
	mark     []bool
}

var densePool = sync.Pool{New: func() any { return new(dense) }}

func (d *dense) size(n int) {
	for s := range d.scores {
		d.scores[s] = slices.Grow(d.scores[s][:0], n)[:n]
	}
	d.received = slices.Grow(d.received[:0], n)[:n]
	d.mark = slices.Grow(d.mark[:0], n)[:n]
	clear(d.mark)
}

// propose asks every source and keeps the union of their best. A source that
// fails says nothing and is marked; the context's end is no failure of a source
// but of the call. full takes all labels; also are labels that must be among the
// candidates.
func (s *sources) propose(ctx context.Context, v *vocabulary, c *Chart, want Want, full bool, also ...uint32) (*candidates, error) {
	n := len(v.labels[want])
	d := densePool.Get().(*dense)
	defer densePool.Put(d)
	d.size(n)
	out := &candidates{}
	for col, source := range s {
		clear(d.scores[col])
		switch near, ok := source.(*similar); {
		case source == nil:
		case ok:
			near.fill(c, want, d, out)
		default:
			if err := scoreSafely(ctx, source, c, want, d.scores[col]); err != nil {
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				clear(d.scores[col])
				out.degraded |= 1 << col
			}
		}
	}
	if out.degraded&(1<<colHistory) != 0 {
		for l := range d.scores[colHistory] {
			d.scores[colHistory][l] = noHistory
		}
	}
	out.take(d, d.choose(s, v, c, want, full, also))
	return out, nil
}

func (s *similar) fill(c *Chart, want Want, d *dense, out *candidates) {
	near := s.neighbours(c)
	s.score(near, want, d.scores[colSimilar])
	out.similar = s.received(near, want, d.received)
	if len(near) > 0 {
		out.nearest = near[0].Similarity
	}
}

var errNotFinite = errors.New("recommender: source gave a score that is not finite")

func scoreSafely(ctx context.Context, s Source, c *Chart, want Want, into []float32) error {
	if err := s.Score(ctx, c, want, into); err != nil {
		return err
	}
	for _, v := range into {
		if v-v != 0 {
			return errNotFinite
		}
	}
	return nil
}

// choose is the union of what each source puts first, ascending.
func (d *dense) choose(s *sources, v *vocabulary, c *Chart, want Want, full bool, also []uint32) []uint32 {
	n := len(d.mark)
	if full || n <= maxCandidates {
		d.order = slices.Grow(d.order[:0], n)[:n]
		for l := range d.order {
			d.order[l] = uint32(l)
		}
		return d.order
	}
	chosen := append(d.order[:0], also...)
	for _, l := range also {
		d.mark[l] = true
	}
	take := func(l uint32) {
		if !d.mark[l] && len(chosen) < maxCandidates {
			d.mark[l] = true
			chosen = append(chosen, l)
		}
	}
	for _, f := range c.facts {
		if k := &v.concepts[f.concept]; k.label >= 0 && WantOf(k.kind) == want {
			take(uint32(k.label))
		}
	}
	best := make([]uint32, 0, perSource+1)
	for col, source := range s {
		if source == nil || col == colHistory || col == colSite {
			continue
		}
		best = top(d.scores[col], perSource, best[:0])
		for _, l := range best {
			take(l)
		}
	}
	slices.Sort(chosen)
	d.order = chosen
	return chosen
}

// top appends the k labels with the highest scores to best, which is empty;
// ties go to the lower label. Constant scores propose nothing.
func top(scores []float32, k int, best []uint32) []uint32 {
	if slices.Min(scores) == slices.Max(scores) {
		return best
	}
	for l := range scores {
		if len(best) == k {
			if scores[l] <= scores[best[k-1]] {
				continue
			}
			best = best[:k-1]
		}
		at := len(best)
		best = append(best, uint32(l))
		for ; at > 0 && scores[best[at-1]] < scores[l]; at-- {
			best[at] = best[at-1]
		}
		best[at] = uint32(l)
	}
	return best
}

// take copies the scores of the chosen labels.
func (c *candidates) take(d *dense, chosen []uint32) {
	c.labels = slices.Clone(chosen)
	c.scores = make([]float32, len(chosen)*colCount)
	c.received = make([]uint16, len(chosen))
	for i, l := range chosen {
		row := c.row(i)
		for col := range row {
			row[col] = d.scores[col][l]
		}
		if c.similar > 0 {
			c.received[i] = d.received[l]
		}
	}
}

// packed is the version of the packed form; other versions are not read.
const packed = 1

const packedHeader = 1 + 1 + 2 + 4 + 2 + 2

var errPacked = errors.New("recommender: cached candidates are damaged")

// pack is the set as one byte string, fixed in size for its number of labels.
func (c *candidates) pack() []byte {
	b := make([]byte, 0, packedHeader+len(c.labels)*(6+4*colCount))
	b = append(b, packed, colCount)
	b = binary.LittleEndian.AppendUint16(b, uint16(c.similar))
	b = binary.LittleEndian.AppendUint32(b, math.Float32bits(c.nearest))
	b = binary.LittleEndian.AppendUint16(b, c.degraded)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(c.labels)))
	for i, l := range c.labels {
		b = binary.LittleEndian.AppendUint32(b, l)
		b = binary.LittleEndian.AppendUint16(b, c.received[i])
		for _, s := range c.row(i) {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(s))
		}
	}
	return b
}

// unpack reads a packed set into c, whose slices are reused; labels bounds the
// vocabulary.
func (c *candidates) unpack(b []byte, labels int) error {
	if len(b) < packedHeader || b[0] != packed || b[1] != colCount {
		return errPacked
	}
	c.similar = int(binary.LittleEndian.Uint16(b[2:]))
	c.nearest = math.Float32frombits(binary.LittleEndian.Uint32(b[4:]))
	if c.nearest-c.nearest != 0 {
		return errPacked
	}
	c.degraded = binary.LittleEndian.Uint16(b[8:])
	n := int(binary.LittleEndian.Uint16(b[10:]))
	b = b[packedHeader:]
	const size = 6 + 4*colCount
	if len(b) != n*size {
		return errPacked
	}
	c.labels = slices.Grow(c.labels[:0], n)[:n]
	c.received = slices.Grow(c.received[:0], n)[:n]
	c.scores = slices.Grow(c.scores[:0], n*colCount)[:n*colCount]
	for i := range n {
		e := b[i*size : (i+1)*size]
		c.labels[i] = binary.LittleEndian.Uint32(e)
		if int(c.labels[i]) >= labels || i > 0 && c.labels[i] <= c.labels[i-1] {
			return errPacked
		}
		c.received[i] = binary.LittleEndian.Uint16(e[4:])
		row := c.row(i)
		for k := range row {
			v := math.Float32frombits(binary.LittleEndian.Uint32(e[6+4*k:]))
			if v-v != 0 {
				return errPacked
			}
			row[k] = v
		}
	}
	return nil
}
