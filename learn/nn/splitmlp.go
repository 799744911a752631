package nn

import (
	"fmt"
	"slices"
	"sync"
)

// SplitMLP scores candidates for one patient with a network of two hidden ReLU
// layers whose first layer is split: the candidates' half is computed once for
// all (New), the patient's half once per call (Score), and only the few source
// columns of each pair remain. It is immutable and safe for concurrent use.
type SplitMLP struct {
	patient, columns, hidden1, hidden2 int
	candidates                         int

	table   []float32 // candidates × hidden1, padded: the candidates' half with bias
	wp      []float32 // patient × hidden1
	wc, w2  []float32 // packed for the kernels
	b2, w3  []float32
	b3      float32
	rows    int // of a GEMM tile
	stride1 int // hidden1 rounded up to tile columns
	stride2 int
	pool    sync.Pool // *splitScratch
}

// splitBlock is how many candidates go through the layers together: a multiple
// of every tile's rows, small enough for the first-level cache.
const splitBlock = 24

type splitScratch struct{ half, h1, h2, columns []float32 }

// NewSplitMLP splits a trained network first → ReLU → second → ReLU → last,
// where first takes patient values, then a candidate's vector, then source
// columns. vectors holds the candidates' vectors, row by row.
func NewSplitMLP(first, second, last *Dense, patient int, vectors Matrix) (*SplitMLP, error) {
	s := &SplitMLP{
		patient: patient, columns: first.In() - patient - vectors.Cols, candidates: vectors.Rows,
		hidden1: first.Out(), hidden2: second.Out(),
	}
	if patient < 0 || s.columns < 0 || second.In() != s.hidden1 || last.In() != s.hidden2 || last.Out() != 1 {
		return nil, fmt.Errorf("nn: layers %d→%d→%d→%d do not split for %d patient values and vectors of %d",
			first.In(), first.Out(), second.Out(), last.Out(), patient, vectors.Cols)
	}
	vectors.check("vectors")
	rows, cols := active.tileSize()
	up := func(n int) int { return (n + cols - 1) / cols * cols }
	s.rows, s.stride1, s.stride2 = rows, up(s.hidden1), up(s.hidden2)

	w := func(from, n int) []float32 { return first.W.Value[from*s.hidden1 : (from+n)*s.hidden1] }
	s.wp = slices.Clone(w(0, patient))
	s.table = make([]float32, s.candidates*s.stride1)
	half := Matrix{Rows: s.candidates, Cols: s.hidden1, Row: s.stride1, Col: 1, Data: s.table}
	for i := range s.candidates {
		copy(s.table[i*s.stride1:], first.B.Value)
	}
	Gemm(half, vectors, Mat(w(patient, vectors.Cols), vectors.Cols, s.hidden1))
	s.wc = packed(Mat(w(patient+vectors.Cols, s.columns), s.columns, s.hidden1))
	s.w2 = packed(Mat(second.W.Value, s.hidden1, s.hidden2))
	s.b2 = make([]float32, s.stride2)
	copy(s.b2, second.B.Value)
	s.w3 = slices.Clone(last.W.Value)
	s.b3 = last.B.Value[0]
	s.pool.New = func() any {
		return &splitScratch{half: make([]float32, s.stride1), h1: make([]float32, splitBlock*s.stride1),
			h2: make([]float32, splitBlock*s.stride2), columns: make([]float32, splitBlock*s.columns)}
	}
	return s, nil
}

// packed is a whole matrix in panels.
func packed(b Matrix) []float32 {
	_, cols := active.tileSize()
	into := make([]float32, (b.Cols+cols-1)/cols*cols*b.Rows)
	active.pack(into, b, 0, b.Rows, 0, b.Cols)
	return into
}

// Candidates is how many candidates there are to score.
func (s *SplitMLP) Candidates() int { return s.candidates }

// Columns is how many source columns each candidate comes with.
func (s *SplitMLP) Columns() int { return s.columns }

// Score writes one logit for each candidate to out. columns holds the source
// columns, candidate by candidate. It allocates nothing once warm.
func (s *SplitMLP) Score(patient []float32, candidates []int32, columns, out []float32) error {
	if len(patient) != s.patient || len(columns) != len(candidates)*s.columns || len(out) != len(candidates) {
		return fmt.Errorf("nn: scoring %d candidates: %d patient values, %d columns, %d results",
			len(candidates), len(patient), len(columns), len(out))
	}
	for _, c := range candidates {
		if c < 0 || int(c) >= s.candidates {
			return fmt.Errorf("nn: candidate %d of %d", c, s.candidates)
		}
	}
	b := s.pool.Get().(*splitScratch)
	defer s.pool.Put(b)
	clear(b.half)
	for i, v := range patient {
		if v != 0 {
			active.axpy(v, s.wp[i*s.hidden1:(i+1)*s.hidden1], b.half)
		}
	}
	for i := 0; i < len(candidates); i += splitBlock {
		j := min(len(candidates), i+splitBlock)
		s.block(b, candidates[i:j], columns[i*s.columns:j*s.columns], out[i:j])
	}
	return nil
}

func (s *SplitMLP) block(b *splitScratch, candidates []int32, columns, out []float32) {
	n := len(candidates)
	high := (n + s.rows - 1) / s.rows * s.rows // rows below n are computed and ignored
	for i, c := range candidates {
		row := int(c) * s.stride1
		active.add(s.table[row:row+s.stride1], b.half, b.h1[i*s.stride1:(i+1)*s.stride1])
	}
	if n < high && s.columns > 0 {
		copy(b.columns, columns)
		columns = b.columns
	}
	s.multiply(b.h1, s.stride1, columns, s.columns, s.wc, high)
	active.relu(b.h1[:n*s.stride1])
	for i := range n {
		copy(b.h2[i*s.stride2:(i+1)*s.stride2], s.b2)
	}
	s.multiply(b.h2, s.stride2, b.h1, s.stride1, s.w2, high)
	for i := range n {
		out[i] = s.b3 + active.reluDot(b.h2[i*s.stride2:i*s.stride2+s.hidden2], s.w3)
	}
}

// multiply adds A·B to C for high rows; A has row elements in a row, of which
// the packed panels of B take the first.
func (s *SplitMLP) multiply(c []float32, ldc int, a []float32, row int, panels []float32, high int) {
	if ldc == 0 || row == 0 {
		return
	}
	_, cols := active.tileSize()
	k := len(panels) / ldc
	for j := 0; j < ldc; j += cols {
		panel := panels[j*k : (j+cols)*k]
		for i := 0; i < high; i += s.rows {
			active.tile(k, a[i*row:], row, 1, panel, c[i*ldc+j:], ldc)
		}
	}
}
