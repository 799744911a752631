package index

import (
	"cmp"
	"math"
	"runtime"
	"slices"
	"sync"

	"ember/learn/nn"
)

const (
	// cellsFrom is the number of vectors from which on they are divided into cells of
	// about cellSize each, at most mostCells.
	cellsFrom = 16384
	cellSize  = 512
	mostCells = 4096
	// lloyd rounds of k-means over sampleSize vectors a cell.
	lloyd      = 6
	sampleSize = 48
)

// cells divide directions: a vector belongs to the centre that it is nearest to. They are
// made of all vectors at once, when these are set or patients are erased, and stay the
// same in between; who comes later joins the cells there are. They never change.
type cells struct {
	dim     int
	centres []float32 // of length 1, one after the other
	turned  []float32 // the centres rotated
}

func newCells(dim int, centres []float32) *cells {
	c := &cells{dim: dim, centres: centres}
	for i := range c.len() {
		c.turned = append(c.turned, rotated(c.centre(i))...)
	}
	return c
}

func (c *cells) len() int { return len(c.centres) / c.dim }

func (c *cells) centre(i int) []float32 { return c.centres[i*c.dim : (i+1)*c.dim] }

func (c *cells) rotatedCentre(i int) []float32 {
	w := width(c.dim)
	return c.turned[i*w : (i+1)*w]
}

// nearest is the cell of a vector; the first of equally near ones.
func (c *cells) nearest(vec []float32) uint16 {
	best, at := float32(math.Inf(-1)), 0
	for i := range c.len() {
		if s := nn.Dot(vec, c.centre(i)); s > best {
			best, at = s, i
		}
	}
	return uint16(at)
}

// divide makes cells for vectors in rows, nil for few: spherical k-means (Dhillon and
// Modha 2001) on every so many of them, from centres spread evenly over the rows. The same
// rows give the same cells.
func divide(dim int, rows [][]float32) *cells {
	if len(rows) < cellsFrom {
		return nil
	}
	n := min(len(rows)/cellSize, mostCells)
	step := max(1, len(rows)/(n*sampleSize))
	centres := make([]float32, 0, n*dim)
	for i := range n {
		centres = append(centres, rows[i*len(rows)/n]...)
	}
	c := &cells{dim: dim, centres: centres}
	cell := make([]uint16, len(rows)/step)
	for range lloyd {
		inParts(len(cell), func(from, to int) {
			for i := from; i < to; i++ {
				cell[i] = c.nearest(rows[i*step])
			}
		})
		sums := make([]float32, len(centres))
		for i, k := range cell {
			nn.Axpy(1, rows[i*step], sums[int(k)*dim:(int(k)+1)*dim])
		}
		for i := range n {
			if sum := sums[i*dim : (i+1)*dim]; normalise(sum) {
				copy(c.centre(i), sum)
			}
		}
	}
	return newCells(dim, centres)
}

// inParts runs work over 0 to n on all processors; each number is in one part.
func inParts(n int, work func(from, to int)) {
	parts := max(1, min(runtime.GOMAXPROCS(0), n/64))
	var done sync.WaitGroup
	for p := range parts {
		done.Go(func() { work(p*n/parts, (p+1)*n/parts) })
	}
	done.Wait()
}

// placed says in which cell each row of the vectors lies and how it lies there: rest are
// the signs of the rotated vector less the rotated centre, length is how long that is.
// Lists repeat it by cell.
type placed struct {
	cells  *cells // nil = there are none, and nothing else is set
	cell   []uint16
	rest   []uint64
	length []float32

	starts       []uint32 // of cell i: starts[i] to starts[i+1] of what follows
	rows         []uint32
	listedRest   []uint64
	listedLength []float32
}

// placedFor has room for n rows of the layers' cells.
func placedFor(layers []layer, n int) placed {
	for _, l := range layers {
		if c := l.vectors.placed.cells; c != nil {
			return placed{cells: c, cell: make([]uint16, 0, n), rest: make([]uint64, 0, n*signWords(c.dim)), length: make([]float32, 0, n)}
		}
	}
	return placed{}
}

func (p *placed) copyRow(from *placed, row int) {
	if p.cells == nil {
		return
	}
	w := signWords(p.cells.dim)
	p.cell = append(p.cell, from.cell[row])
	p.rest = append(p.rest, from.rest[row*w:(row+1)*w]...)
	p.length = append(p.length, from.length[row])
}

// code makes the signs of all rows and places them in cells; known are the cells of the
// rows, where they were found before.
func (v *vectors) code(c *cells, known []uint16) {
	if v.dim == 0 {
		return
	}
	n, w := len(v.patient), signWords(v.dim)
	v.signs = make([]uint64, n*w)
	if v.placed = (placed{}); c != nil && c.dim == v.dim {
		v.placed = placed{cells: c, cell: known, rest: make([]uint64, n*w), length: make([]float32, n)}
		if known == nil {
			v.placed.cell = make([]uint16, n)
		}
	}
	inParts(n, func(from, to int) {
		turned := make([]float32, width(v.dim))
		for i := from; i < to; i++ {
			rotate(turned, v.row(i))
			appendSigns(v.signs[i*w:i*w], turned)
			if p := &v.placed; p.cells != nil {
				if known == nil {
					p.cell[i] = c.nearest(v.row(i))
				}
				nn.Axpy(-1, c.rotatedCentre(int(p.cell[i])), turned)
				appendSigns(p.rest[i*w:i*w], turned)
				p.length[i] = float32(math.Sqrt(float64(nn.Dot(turned, turned))))
			}
		}
	})
	v.placed.list()
}

// list puts the rows in order of the cells.
func (p *placed) list() {
	if p.cells == nil {
		return
	}
	p.starts = make([]uint32, p.cells.len()+1)
	for _, c := range p.cell {
		p.starts[c+1]++
	}
	for i := range p.cells.len() {
		p.starts[i+1] += p.starts[i]
	}
	w := signWords(p.cells.dim)
	p.rows = make([]uint32, len(p.cell))
	p.listedRest = make([]uint64, len(p.rest))
	p.listedLength = make([]float32, len(p.cell))
	next := slices.Clone(p.starts)
	for i, c := range p.cell {
		at := int(next[c])
		next[c]++
		p.rows[at], p.listedLength[at] = uint32(i), p.length[i]
		copy(p.listedRest[at*w:], p.rest[i*w:(i+1)*w])
	}
}

// redivide makes cells anew for all that the layers show.
func redivide(layers []layer) ([]layer, *cells) {
	type ranked struct {
		ord uint32
		vec []float32
	}
	var all []ranked
	dim := 0
	for _, l := range layers {
		for i, ord := range l.vectors.patient {
			if !l.hides(ord) {
				all, dim = append(all, ranked{ord, l.vectors.row(i)}), l.vectors.dim
			}
		}
	}
	slices.SortFunc(all, func(a, b ranked) int { return cmp.Compare(a.ord, b.ord) })
	rows := make([][]float32, len(all))
	for i := range all {
		rows[i] = all[i].vec
	}
	c := divide(dim, rows)
	out := slices.Clone(layers)
	for i, l := range out {
		fresh := *l.segment
		fresh.vectors.code(c, nil)
		out[i].segment = &fresh
	}
	return out, c
}

// cells writes the centres, and the cell of each row of the vectors.
func (e *encoder) cells(c *cells, of []uint16) {
	if c == nil {
		e.uint(0)
		return
	}
	e.uint(uint64(c.len()))
	e.uint(uint64(c.dim))
	for _, f := range c.centres {
		e.float(f)
		e.flush(1 << 16)
	}
	for _, cell := range of {
		e.uint(uint64(cell))
		e.flush(1 << 16)
	}
}

// cells reads the centres and places the vectors in them; nil where there are none.
func (d *decoder) cells(v *vectors) *cells {
	n := d.count(1)
	if n == 0 {
		v.code(nil, nil)
		return nil
	}
	dim := int(d.uint())
	if dim <= 0 || dim > len(d.data) || n > mostCells || dim*n > len(d.data)/4 || len(v.patient) > 0 && dim != v.dim {
		d.data, d.err = nil, errShort
		return nil
	}
	centres := make([]float32, n*dim)
	for i := range centres {
		centres[i] = d.float()
	}
	cell := make([]uint16, len(v.patient))
	for i := range cell {
		k := d.uint()
		if k >= uint64(n) {
			d.data, d.err = nil, errShort
			return nil
		}
		cell[i] = uint16(k)
	}
	c := newCells(dim, centres)
	v.code(c, cell)
	return c
}
