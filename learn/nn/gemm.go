package nn

import (
	"fmt"
	"sync"
)

// Matrix is a view of Rows × Cols elements: (i,j) is Data[i·Row + j·Col].
type Matrix struct {
	Rows, Cols int
	Row, Col   int // strides, not negative
	Data       []float32
}

// Mat views data, row by row, as a matrix.
func Mat(data []float32, rows, cols int) Matrix {
	return Matrix{Rows: rows, Cols: cols, Row: cols, Col: 1, Data: data}
}

// T is the transpose, a view of the same data.
func (m Matrix) T() Matrix {
	m.Rows, m.Cols, m.Row, m.Col = m.Cols, m.Rows, m.Col, m.Row
	return m
}

// check panics when an element lies outside Data.
func (m Matrix) check(name string) {
	if m.Rows < 0 || m.Cols < 0 || m.Row < 0 || m.Col < 0 {
		panic(fmt.Sprintf("nn: matrix %s of %d×%d, strides %d, %d", name, m.Rows, m.Cols, m.Row, m.Col))
	}
	if m.Rows > 0 && m.Cols > 0 && (m.Rows-1)*m.Row+(m.Cols-1)*m.Col >= len(m.Data) {
		panic(fmt.Sprintf("nn: matrix %s of %d×%d, strides %d, %d, has %d elements", name, m.Rows, m.Cols, m.Row, m.Col, len(m.Data)))
	}
}

// Block sizes of GEMM: a packed block of B stays in the second-level cache.
const (
	blockK = 256
	blockN = 256
)

type gemmScratch struct {
	b []float32 // packed block of B
	a []float32 // last rows of A, filled up with zeros
	c []float32 // one tile
}

var gemmPool = sync.Pool{New: func() any {
	return &gemmScratch{b: make([]float32, blockK*(blockN+32)), a: make([]float32, 12*wholeK), c: make([]float32, 12*32)}
}}

// Gemm adds A·B to C on one core. A and B may be transposed views; C's columns
// must be contiguous and it must not overlap A or B. It panics on shapes that do
// not fit: that is a mistake in the program.
func Gemm(c, a, b Matrix) { active.gemm(c, a, b) }

func (l level) gemm(c, a, b Matrix) {
	if a.Rows != c.Rows || b.Cols != c.Cols || a.Cols != b.Rows || c.Col != 1 {
		panic(fmt.Sprintf("nn: product of %d×%d and %d×%d into %d×%d", a.Rows, a.Cols, b.Rows, b.Cols, c.Rows, c.Cols))
	}
	a.check("A")
	b.check("B")
	c.check("C")
	s := gemmPool.Get().(*gemmScratch)
	defer gemmPool.Put(s)
	for n := 0; n < c.Cols; n += blockN {
		for k := 0; k < a.Cols; k += blockK {
			nb, kb := min(blockN, c.Cols-n), min(blockK, a.Cols-k)
			l.pack(s.b, b, k, kb, n, nb)
			l.rows(s, c, a, k, kb, n, nb)
		}
	}
}

// pack copies rows k:k+kb and columns n:n+nb of B into panels as wide as a tile,
// the last filled up with zeros.
func (l level) pack(into []float32, b Matrix, k, kb, n, nb int) {
	_, cols := l.tileSize()
	for j := 0; j < nb; j += cols {
		panel := into[j*kb : (j+cols)*kb]
		wide := min(cols, nb-j)
		if wide < cols {
			clear(panel)
		}
		from := k*b.Row + (n+j)*b.Col
		if b.Col == 1 {
			for i := range kb {
				copy(panel[i*cols:i*cols+wide], b.Data[from+i*b.Row:])
			}
			continue
		}
		for x := range wide {
			column := b.Data[from+x*b.Col:]
			for i := range kb {
				panel[i*cols+x] = column[i*b.Row]
			}
		}
	}
}

// rows multiplies all rows of A with the packed block.
func (l level) rows(s *gemmScratch, c, a Matrix, k, kb, n, nb int) {
	rows, cols := l.tileSize()
	for i := 0; i < c.Rows; i += rows {
		high := min(rows, c.Rows-i)
		from, row, col := a.Data[i*a.Row+k*a.Col:], a.Row, a.Col
		if high < rows {
			from, row, col = padRows(s.a, from, a, high, rows, kb), 1, rows
		}
		for j := 0; j < nb; j += cols {
			wide := min(cols, nb-j)
			panel, out := s.b[j*kb:(j+cols)*kb], c.Data[i*c.Row+n+j:]
			if high == rows && wide == cols {
				l.tile(kb, from, row, col, panel, out, c.Row)
				continue
			}
			clear(s.c[:rows*cols])
			l.tile(kb, from, row, col, panel, s.c, cols)
			for x := range high {
				l.add(s.c[x*cols:x*cols+wide], out[x*c.Row:x*c.Row+wide], out[x*c.Row:x*c.Row+wide])
			}
		}
	}
}

// padRows copies the last rows of A, column after column, with zeros below.
func padRows(into, from []float32, a Matrix, high, rows, kb int) []float32 {
	clear(into[:rows*kb])
	for x := range high {
		for i := range kb {
			into[i*rows+x] = from[x*a.Row+i*a.Col]
		}
	}
	return into
}
