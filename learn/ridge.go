package learn

import (
	"errors"
	"fmt"

	"gonum.org/v1/gonum/mat"

	"ember/learn/nn"
)

// ErrSingular is returned when a system has no stable solution; a larger
// penalty helps.
var ErrSingular = errors.New("learn: singular system")

// Ridge is a fitted multi-output linear model with an unpenalised intercept.
// W is In×Out, row by row: the weights of one feature lie together.
type Ridge struct {
	In, Out int
	W       []float32
	Bias    []float32
}

// Weight is what one unit of a feature adds to an output.
func (r *Ridge) Weight(feature, output uint32) float32 { return r.W[int(feature)*r.Out+int(output)] }

// Predict writes the outputs of x into into, which has length Out. Features the
// model does not know are ignored.
func (r *Ridge) Predict(x Row, into []float32) {
	copy(into, r.Bias)
	for i, c := range x.Index {
		if int(c) >= r.In {
			continue
		}
		nn.Axpy(float32(x.At(i)), r.W[int(c)*r.Out:(int(c)+1)*r.Out], into)
	}
}

// FitRidge minimises |Xw+b-Y|² + lambda|w|² for all outputs at once. x has d
// columns, y has m. It solves in the smaller of the two spaces (features or
// samples); memory is 8·min(n,d)² bytes besides the weights.
func FitRidge(x, y []Row, d, m int, lambda float64) (*Ridge, error) {
	if err := checkFit(x, y, d, m, lambda); err != nil {
		return nil, err
	}
	if len(x) < d {
		return fitDual(x, y, d, m, lambda)
	}
	g := NewGram(d, m)
	for i := range x {
		g.Add(x[i], y[i])
	}
	return g.Solve(lambda)
}

func checkFit(x, y []Row, d, m int, lambda float64) error {
	switch {
	case len(x) != len(y):
		return fmt.Errorf("learn: %d samples, %d targets", len(x), len(y))
	case len(x) == 0:
		return errors.New("learn: no samples")
	case d <= 0 || m <= 0:
		return fmt.Errorf("learn: %d features, %d outputs", d, m)
	case !(lambda > 0):
		return fmt.Errorf("learn: penalty %g is not above 0", lambda)
	}
	if err := checkRows(x, d); err != nil {
		return err
	}
	return checkRows(y, m)
}

// Gram holds the sums a ridge needs; sums of parts add up and can be taken away
// again, which is how out-of-fold models come cheaply. Memory is 8·d·(d+m)
// bytes. It is not safe for concurrent use.
type Gram struct {
	d, m   int
	n      float64
	xx     []float64 // d×d, upper triangle
	xy     []float64 // d×m
	sx, sy []float64
}

// NewGram makes empty sums for d features and m outputs.
func NewGram(d, m int) *Gram {
	return &Gram{d: d, m: m, xx: make([]float64, d*d), xy: make([]float64, d*m),
		sx: make([]float64, d), sy: make([]float64, m)}
}

// Add adds one sample. Rows must satisfy [Row.Check].
func (g *Gram) Add(x, y Row) { g.add(x, y, 1) }

// Remove takes away a sample that was added.
func (g *Gram) Remove(x, y Row) { g.add(x, y, -1) }

func (g *Gram) add(x, y Row, sign float64) {
	g.n += sign
	for i, a := range x.Index {
		va := sign * x.At(i)
		g.sx[a] += va
		row := g.xx[int(a)*g.d : (int(a)+1)*g.d]
		for j := i; j < len(x.Index); j++ {
			row[x.Index[j]] += va * x.At(j)
		}
		out := g.xy[int(a)*g.m : (int(a)+1)*g.m]
		for j, b := range y.Index {
			out[b] += va * y.At(j)
		}
	}
	for j, b := range y.Index {
		g.sy[b] += sign * y.At(j)
	}
}

// Solve fits the ridge of the sums with the penalty lambda and leaves the sums
// as they are, so several penalties can be tried.
func (g *Gram) Solve(lambda float64) (*Ridge, error) {
	if g.n <= 0 {
		return nil, errors.New("learn: no samples")
	}
	d, m := g.d, g.m
	a := append([]float64(nil), g.xx...)
	b := append([]float64(nil), g.xy...)
	for i := range d { // centre: the intercept is not penalised
		if g.sx[i] == 0 {
			a[i*d+i] += lambda
			continue
		}
		mean := g.sx[i] / g.n
		for j := i; j < d; j++ {
			a[i*d+j] -= mean * g.sx[j]
		}
		for j := range m {
			b[i*m+j] -= mean * g.sy[j]
		}
		a[i*d+i] += lambda
	}
	var chol mat.Cholesky
	if !chol.Factorize(mat.NewSymDense(d, a)) {
		return nil, ErrSingular
	}
	w := mat.NewDense(d, m, b)
	if err := chol.SolveTo(w, w); err != nil && !isCondition(err) {
		return nil, fmt.Errorf("learn: solving ridge: %w", err)
	}
	return finishRidge(w.RawMatrix().Data, d, m, g.n, g.sx, g.sy), nil
}

// isCondition reports gonum's warning about a badly conditioned but solved
// system; the penalty keeps the solution sensible.
func isCondition(err error) bool {
	var c mat.Condition
	return errors.As(err, &c)
}

func finishRidge(w []float64, d, m int, n float64, sx, sy []float64) *Ridge {
	r := &Ridge{In: d, Out: m, W: make([]float32, d*m), Bias: make([]float32, m)}
	bias := make([]float64, m)
	for j := range bias {
		bias[j] = sy[j] / n
	}
	for i := range d {
		mean := sx[i] / n
		for j, v := range w[i*m : (i+1)*m] {
			r.W[i*m+j] = float32(v)
			bias[j] -= mean * v
		}
	}
	for j, v := range bias {
		r.Bias[j] = float32(v)
	}
	return r
}

// fitDual solves in the space of samples: W = Xᵀ(K+λI)⁻¹Y on the centred kernel.
// The dual weights of centred targets sum to 0, so X need not be centred again.
func fitDual(x, y []Row, d, m int, lambda float64) (*Ridge, error) {
	n := len(x)
	k := kernel(x)
	centreKernel(k, n)
	for i := range n {
		k[i*n+i] += lambda
	}
	sx, sy := make([]float64, d), make([]float64, m)
	b := make([]float64, n*m)
	for i := range n {
		for j, c := range x[i].Index {
			sx[c] += x[i].At(j)
		}
		for j, c := range y[i].Index {
			b[i*m+int(c)] = y[i].At(j)
			sy[c] += y[i].At(j)
		}
	}
	for i := range n {
		for j := range m {
			b[i*m+j] -= sy[j] / float64(n)
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(mat.NewSymDense(n, k)) {
		return nil, ErrSingular
	}
	alpha := mat.NewDense(n, m, b)
	if err := chol.SolveTo(alpha, alpha); err != nil && !isCondition(err) {
		return nil, fmt.Errorf("learn: solving ridge: %w", err)
	}
	w := make([]float64, d*m)
	for i, a := range alpha.RawMatrix().Data {
		for j, c := range x[i/m].Index {
			w[int(c)*m+i%m] += x[i/m].At(j) * a
		}
	}
	return finishRidge(w, d, m, float64(n), sx, sy), nil
}

func kernel(x []Row) []float64 {
	n := len(x)
	k := make([]float64, n*n)
	for i := range n {
		for j := i; j < n; j++ {
			k[i*n+j] = x[i].dot(x[j])
			k[j*n+i] = k[i*n+j]
		}
	}
	return k
}

func centreKernel(k []float64, n int) {
	mean := make([]float64, n)
	var grand float64
	for i := range n {
		for _, v := range k[i*n : (i+1)*n] {
			mean[i] += v / float64(n)
		}
		grand += mean[i] / float64(n)
	}
	for i := range n {
		for j := range n {
			k[i*n+j] += grand - mean[i] - mean[j]
		}
	}
}
