package index

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"ember/learn/nn"
)

const (
	// cellsAsked is how many cells are looked into, and one more for every so many
	// patients asked for.
	cellsAsked = 16
	cellEvery  = 8
	// rescoredInCells is how many times as many patients as asked for are compared
	// exactly, at least rescoredLeast.
	rescoredInCells = 12
	rescoredLeast   = 128
)

// byCells are patients near a query, k and more, in no order, with their exact cosines.
// It looks into the cells with the nearest centres, of all layers, and estimates how far
// each vector is by its signs; who may be nearest is compared. What it finds does not
// depend on how patients are divided among layers.
func (v View) byCells(query []float32, k int) []Near {
	c := v.s.cells
	p := newPick(c, query, max(rescoredInCells*k, rescoredLeast))
	for _, cell := range c.order(query, cellsAsked+k/cellEvery) {
		p.enter(int(cell))
		for i := range v.s.layers {
			p.scan(i, &v.s.layers[i])
		}
	}
	p.cut()
	near := make([]Near, len(p.found))
	for i, f := range p.found {
		rows := &v.s.layers[f.layer].vectors
		near[i] = Near{Patient: rows.patient[f.row], Score: nn.Dot(query, rows.row(int(f.row)))}
	}
	return near
}

// order are the n cells with the nearest centres, nearest first.
func (c *cells) order(query []float32, n int) []uint16 {
	scores := make([]float32, c.len())
	for i := range scores {
		scores[i] = nn.Dot(query, c.centre(i))
	}
	n = min(n, len(scores))
	least := kth(slices.Clone(scores), n)
	out := make([]uint16, 0, n+1)
	for i, s := range scores {
		if s >= least {
			out = append(out, uint16(i))
		}
	}
	slices.SortFunc(out, func(a, b uint16) int { return cmp.Or(cmp.Compare(scores[b], scores[a]), cmp.Compare(a, b)) })
	return out
}

// pick gathers the rows whose estimates are best.
type pick struct {
	cells  *cells
	most   int       // rows that are wanted
	query  []float32 // rotated
	cosine []float32 // of an angle, by how many signs differ
	sine   []float32

	cell   int
	rest   []float32 // the rotated query less the cell's centre
	signs  []uint64  // of rest
	length float32   // of rest
	limit  int       // signs that may differ, so that an estimate can be good enough

	found []estimate
	least float32 // the estimate that a row needs
}

// estimate is minus the square of how far a row is from the query, by what is known of it.
type estimate struct {
	value float32
	layer uint32
	row   uint32
}

func newPick(c *cells, query []float32, most int) *pick {
	p := &pick{cells: c, most: most, query: rotated(query), least: float32(math.Inf(-1)), found: make([]estimate, 0, 2*most)}
	w := len(p.query)
	p.cosine, p.sine, p.rest = make([]float32, w+1), make([]float32, w+1), make([]float32, w)
	for h := range p.cosine {
		sin, cos := math.Sincos(math.Pi * float64(h) / float64(w))
		p.cosine[h], p.sine[h] = float32(cos), float32(sin)
	}
	return p
}

// enter goes to a cell.
func (p *pick) enter(cell int) {
	p.cell = cell
	copy(p.rest, p.query)
	nn.Axpy(-1, p.cells.rotatedCentre(cell), p.rest)
	p.signs = appendSigns(p.signs[:0], p.rest)
	p.length = float32(math.Sqrt(float64(nn.Dot(p.rest, p.rest))))
	p.tighten()
}

// tighten finds how many signs may differ: at an angle t the nearest that any row can be
// is the query's own distance from the centre times sin t, up to a right angle, and that
// distance beyond.
func (p *pick) tighten() {
	const slack = 1e-5 // rounding never keeps a row out that the estimate would let in
	square := p.length * p.length
	if -square >= p.least-slack {
		p.limit = len(p.query)
		return
	}
	p.limit = len(p.query)/2 - 1
	for p.limit >= 0 && -square*p.sine[p.limit]*p.sine[p.limit] < p.least-slack {
		p.limit--
	}
}

// scan looks at the rows of a layer in the cell.
func (p *pick) scan(number int, l *layer) {
	v := &l.vectors
	if v.placed.cells != p.cells {
		return
	}
	from, to := int(v.placed.starts[p.cell]), int(v.placed.starts[p.cell+1])
	w := len(p.signs)
	rest := v.placed.listedRest[from*w : to*w]
	if w == 2 {
		a, b := p.signs[0], p.signs[1]
		for at := from; len(rest) >= 2; at, rest = at+1, rest[2:] {
			if h := bits.OnesCount64(rest[0]^a) + bits.OnesCount64(rest[1]^b); h <= p.limit {
				p.offer(h, at, number, l)
			}
		}
		return
	}
	for at := from; at < to; at, rest = at+1, rest[w:] {
		h := 0
		for i, s := range p.signs {
			h += bits.OnesCount64(rest[i] ^ s)
		}
		if h <= p.limit {
			p.offer(h, at, number, l)
		}
	}
}

// offer takes a row up whose estimate is good enough.
func (p *pick) offer(h, at, number int, l *layer) {
	long := l.vectors.placed.listedLength[at]
	value := 2*p.length*long*p.cosine[h] - p.length*p.length - long*long
	row := l.vectors.placed.rows[at]
	if value < p.least || l.hides(l.vectors.patient[row]) {
		return
	}
	p.found = append(p.found, estimate{value, uint32(number), row})
	if len(p.found) == cap(p.found) {
		p.cut()
	}
}

// cut leaves the rows that are as good as the last that is wanted.
func (p *pick) cut() {
	if len(p.found) <= p.most {
		return
	}
	values := make([]float32, len(p.found))
	for i, f := range p.found {
		values[i] = f.value
	}
	p.least = kth(values, p.most)
	p.found = slices.DeleteFunc(p.found, func(f estimate) bool { return f.value < p.least })
	p.found = slices.Grow(p.found, p.most)
	p.tighten()
}
