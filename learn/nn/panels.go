package nn

import (
	"fmt"
	"math"
)

// panels is a matrix packed for the kernels: panels of columns as wide as a
// tile, each row after row, the last filled up with zeros. Weights are packed
// once a step, or once for all when a model serves.
type panels struct {
	rows, cols int
	data       []float32
}

// set packs b.
func (p *panels) set(b Matrix) {
	_, cols := active.tileSize()
	p.rows, p.cols = b.Rows, b.Cols
	p.data = resized(p.data, (b.Cols+cols-1)/cols*cols*b.Rows)
	active.pack(p.data, b, 0, b.Rows, 0, b.Cols)
}

// matrix is the value as a matrix: the last dimension across, the others down.
func (p *Param) matrix() Matrix {
	last := p.Shape[len(p.Shape)-1]
	return Mat(p.Value, len(p.Value)/max(1, last), last)
}

// gradient is the gradient as a matrix of the same shape.
func (p *Param) gradient() Matrix {
	m := p.matrix()
	m.Data = p.Grad
	return m
}

// multiply adds a·Value to c.
func (p *Param) multiply(c, a Matrix) {
	if p.plain != nil {
		active.gemmPanels(c, a, p.plain)
		return
	}
	Gemm(c, a, p.matrix())
}

// affine writes bias + a·Value to c, or the larger of that and 0.
func (p *Param) affine(c, a Matrix, bias []float32, relu bool) {
	if p.plain != nil && p.plain.rows <= wholeK && p.plain.rows > 0 && c.Row == c.Cols {
		active.layerPanels(c, a, p.plain, bias, relu)
		return
	}
	for i := range c.Rows {
		copy(c.Data[i*c.Row:i*c.Row+c.Cols], bias)
	}
	p.multiply(c, a)
	if relu {
		Rectify(c.Data[:c.Rows*c.Row])
	}
}

// multiplyTurned adds a·Valueᵀ to c.
func (p *Param) multiplyTurned(c, a Matrix) {
	if p.turned != nil {
		active.gemmPanels(c, a, p.turned)
		return
	}
	Gemm(c, a, p.matrix().T())
}

// repack brings the packed forms up to date with Value.
func (p *Param) repack() {
	if p.plain != nil {
		p.plain.set(p.matrix())
	}
	if p.turned != nil {
		p.turned.set(p.matrix().T())
	}
}

// blockM is how many rows of A meet one panel before the next: they stay in the
// second-level cache.
const blockM = 96

// wholeK is how many rows of B go through at once when that is all of them.
const wholeK = 400

// gemmPanels adds A·B to C for a packed B, as [Gemm] does.
func (l level) gemmPanels(c, a Matrix, b *panels) {
	if a.Rows != c.Rows || b.cols != c.Cols || a.Cols != b.rows || c.Col != 1 {
		panic(fmt.Sprintf("nn: product of %d×%d and %d×%d into %d×%d", a.Rows, a.Cols, b.rows, b.cols, c.Rows, c.Cols))
	}
	a.check("A")
	c.check("C")
	s := gemmPool.Get().(*gemmScratch)
	defer gemmPool.Put(s)
	deep := blockK
	if b.rows <= wholeK {
		deep = max(1, b.rows)
	}
	for m := 0; m < c.Rows; m += blockM {
		for k := 0; k < b.rows; k += deep {
			l.blockPanels(s, c, a, b, m, min(blockM, c.Rows-m), k, min(deep, b.rows-k))
		}
	}
}

// layerPanels writes bias + A·B to C, or the larger of that and 0. C's rows follow
// each other.
func (l level) layerPanels(c, a Matrix, b *panels, bias []float32, relu bool) {
	if a.Rows != c.Rows || b.cols != c.Cols || a.Cols != b.rows || len(bias) != c.Cols {
		panic(fmt.Sprintf("nn: product of %d×%d and %d×%d into %d×%d with a bias of %d", a.Rows, a.Cols, b.rows, b.cols, c.Rows, c.Cols, len(bias)))
	}
	a.check("A")
	c.check("C")
	floor := float32(math.Inf(-1))
	if relu {
		floor = 0
	}
	rows, cols := l.tileSize()
	whole := c.Rows / rows * rows
	for m := 0; m < whole; m += blockM {
		for j := 0; j+cols <= c.Cols; j += cols {
			panel := b.data[j*b.rows : (j+cols)*b.rows]
			for i := m; i < min(whole, m+blockM); i += rows {
				l.layer(floor, b.rows, a.Data[i*a.Row:], a.Row, a.Col, panel, c.Data[i*c.Row+j:], c.Row, bias[j:])
			}
		}
	}
	l.layerRest(c, a, b, bias, relu, whole, c.Cols/cols*cols)
}

// layerRest does the rows from whole on, and the columns from wide on.
func (l level) layerRest(c, a Matrix, b *panels, bias []float32, relu bool, whole, wide int) {
	s := gemmPool.Get().(*gemmScratch)
	defer gemmPool.Put(s)
	if wide < c.Cols {
		rest := panels{b.rows, c.Cols - wide, b.data[wide*b.rows:]}
		for i := range c.Rows {
			copy(c.Data[i*c.Row+wide:i*c.Row+c.Cols], bias[wide:])
		}
		right := c
		right.Cols, right.Data = rest.cols, c.Data[wide:]
		for m := 0; m < c.Rows; m += blockM {
			l.blockPanels(s, right, a, &rest, m, min(blockM, c.Rows-m), 0, b.rows)
		}
	}
	if whole < c.Rows && wide > 0 {
		left := panels{b.rows, wide, b.data[:wide*b.rows]}
		for i := whole; i < c.Rows; i++ {
			copy(c.Data[i*c.Row:i*c.Row+wide], bias)
		}
		l.blockPanels(s, c, a, &left, whole, c.Rows-whole, 0, b.rows)
	}
	first := 0
	if wide == c.Cols {
		first = whole
	}
	for i := first; i < c.Rows; i++ {
		from := wide
		if i >= whole {
			from = 0
		}
		if relu && from < c.Cols {
			l.relu(c.Data[i*c.Row+from : i*c.Row+c.Cols])
		}
	}
}

// fewRows is up to how many rows go one by one rather than as a tile that is
// mostly padding.
const fewRows = 3

// blockPanels multiplies mb rows and kb columns of A with all panels.
func (l level) blockPanels(s *gemmScratch, c, a Matrix, b *panels, m, mb, k, kb int) {
	rows, cols := l.tileSize()
	rest := mb % rows
	whole := mb - rest
	if rest > fewRows {
		padRows(s.a, a.Data[(m+whole)*a.Row+k*a.Col:], a, rest, rows, kb)
	}
	for j := 0; j < b.cols; j += cols {
		panel, wide := b.data[j*b.rows+k*cols:j*b.rows+(k+kb)*cols], min(cols, b.cols-j)
		for i := m; i < m+whole; i += rows {
			l.oneTile(s, kb, a.Data[i*a.Row+k*a.Col:], a.Row, a.Col, panel, c.Data[i*c.Row+j:], c.Row, rows, wide)
		}
		if rest > fewRows {
			l.oneTile(s, kb, s.a, 1, rows, panel, c.Data[(m+whole)*c.Row+j:], c.Row, rest, wide)
			continue
		}
		for i := m + whole; i < m+mb; i++ {
			l.oneRow(s, kb, a.Data[i*a.Row+k*a.Col:], a.Col, panel, c.Data[i*c.Row+j:], wide)
		}
	}
}

// oneTile adds a tile of which high rows and wide columns lie within C.
func (l level) oneTile(s *gemmScratch, kb int, a []float32, row, col int, panel, c []float32, ldc, high, wide int) {
	rows, cols := l.tileSize()
	if high == rows && wide == cols {
		l.tile(kb, a, row, col, panel, c, ldc)
		return
	}
	clear(s.c[:rows*cols])
	l.tile(kb, a, row, col, panel, s.c, cols)
	for x := range high {
		l.add(s.c[x*cols:x*cols+wide], c[x*ldc:x*ldc+wide], c[x*ldc:x*ldc+wide])
	}
}

// oneRow adds one row of a tile, of which wide columns lie within C.
func (l level) oneRow(s *gemmScratch, kb int, a []float32, col int, panel, c []float32, wide int) {
	_, cols := l.tileSize()
	if wide == cols {
		l.row(kb, a, col, panel, c)
		return
	}
	clear(s.c[:cols])
	l.row(kb, a, col, panel, s.c)
	l.add(s.c[:wide], c[:wide], c[:wide])
}

// repeat fills into with copies of row.
func repeat(row, into []float32) {
	for n := copy(into, row); n > 0 && n < len(into); {
		n += copy(into[n:], into[:min(n, repeatBlock/len(row)*len(row)+len(row))])
	}
}

// repeatBlock is about how much is copied at once: it stays in the first-level
// cache.
const repeatBlock = 2048

// addRows adds all rows of x, as long as sum, to sum.
func addRows(x, sum []float32) {
	for i := 0; i < len(x); i += len(sum) {
		Axpy(1, x[i:i+len(sum)], sum)
	}
}
