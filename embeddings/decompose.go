package embeddings

import (
	"cmp"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/lapack/lapack64"
	"gonum.org/v1/gonum/mat"
)

const (
	oversampling = 16 // columns beyond the dimension
	iterations   = 2  // of the subspace
)

// decompose is the randomised factorisation of Halko, Martinsson and Tropp (SIAM
// Review 2011) for a symmetric matrix: its leading eigenvectors, each scaled by
// the root of its eigenvalue's size, as n × dim. Dimensions beyond the rank are
// zero. Each eigenvector's sign is that which makes its largest element positive.
func decompose(ctx context.Context, m *sparse, dim int, seed uint64) ([]float32, error) {
	k := min(m.n, dim+oversampling)
	rng := rand.New(rand.NewPCG(seed, 0x656d6265))
	q, y := make([]float32, m.n*k), make([]float32, m.n*k)
	for i := range q {
		q[i] = float32(rng.NormFloat64())
	}
	for range iterations + 1 {
		if err := m.times(ctx, q, y, k); err != nil {
			return nil, err
		}
		orthonormalise(y, q, m.n, k)
	}
	if err := m.times(ctx, q, y, k); err != nil {
		return nil, err
	}
	small, wide := mat.NewSymDense(k, nil), wider(q, m.n, k)
	var b mat.Dense
	b.Mul(wide.T(), wider(y, m.n, k))
	for i := range k {
		for j := i; j < k; j++ {
			small.SetSym(i, j, (b.At(i, j)+b.At(j, i))/2)
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(small, true) {
		return nil, errors.New("embeddings: the decomposition did not converge")
	}
	return project(wide, &eigen, dim), nil
}

func wider(x []float32, n, k int) *mat.Dense {
	d := make([]float64, len(x))
	for i, v := range x {
		d[i] = float64(v)
	}
	return mat.NewDense(n, k, d)
}

// orthonormalise writes an orthonormal basis of the columns of y to q, by
// Householder reflections.
func orthonormalise(y, q []float32, n, k int) {
	a := wider(y, n, k).RawMatrix()
	tau := make([]float64, k)
	work := make([]float64, 1)
	lapack64.Geqrf(a, tau, work, -1) // asks how much work space it wants
	work = make([]float64, int(work[0]))
	lapack64.Geqrf(a, tau, work, len(work))
	lapack64.Orgqr(a, tau, work, -1)
	work = make([]float64, max(len(work), int(work[0])))
	lapack64.Orgqr(a, tau, work, len(work))
	for i, v := range a.Data {
		q[i] = float32(v)
	}
}

func project(q *mat.Dense, eigen *mat.EigenSym, dim int) []float32 {
	n, k := q.Dims()
	values := eigen.Values(nil)
	order := make([]int, k)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(math.Abs(values[b]), math.Abs(values[a])) })
	var w, u mat.Dense
	eigen.VectorsTo(&w)
	u.Mul(q, &w)
	out := make([]float32, n*dim)
	for c, e := range order[:min(dim, k)] {
		scale, top := math.Sqrt(math.Abs(values[e])), 0.
		for i := range n {
			if v := u.At(i, e); math.Abs(v) > math.Abs(top) {
				top = v
			}
		}
		if top < 0 {
			scale = -scale
		}
		for i := range n {
			out[i*dim+c] = float32(scale * u.At(i, e))
		}
	}
	return out
}
