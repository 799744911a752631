package learn

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"golang.org/x/sync/errgroup"
)

// SVM says how to fit [FitSVM]. The zero value means C = 1, a tolerance of 0.1,
// at most 200 passes, one thread.
type SVM struct {
	C         float64 // cost of an error: higher fits closer
	Tolerance float64 // of the largest projected gradient
	Passes    int
	Weight    []float64 // of each sample's errors, nil = 1
	Seed      uint64
	Threads   int
	Stop      func() bool        // asked before each pass, for a budget: what is there then is the fit; may be nil
	Progress  func(done float64) // share of classes; called from several threads, may be nil
}

func (o SVM) filled() SVM {
	if o.C == 0 {
		o.C = 1
	}
	if o.Tolerance == 0 {
		o.Tolerance = .1
	}
	if o.Passes == 0 {
		o.Passes = 200
	}
	o.Threads = max(o.Threads, 1)
	return o
}

// FitSVM fits one linear support vector machine with squared hinge loss for each
// of m classes against the rest, by coordinate descent in the dual (Hsieh et
// al., "A dual coordinate descent method for large-scale linear SVM", 2008).
// labels[i] are the classes of sample i, none, one or several. The bias is a
// feature of value 1, and regularised as one. The result does not depend on the
// number of threads.
func FitSVM(ctx context.Context, x []Row, d int, labels [][]int, m int, o SVM) (*Linear, error) {
	if err := checkRows(x, d); err != nil {
		return nil, fmt.Errorf("learn: svm: %w", err)
	}
	if err := checkClasses(len(x), labels, m); err != nil {
		return nil, err
	}
	o = o.filled()
	if o.C < 0 || math.IsNaN(o.C) {
		return nil, fmt.Errorf("learn: svm: cost %g", o.C)
	}
	if o.Weight != nil && len(o.Weight) != len(x) {
		return nil, fmt.Errorf("learn: svm: %d samples, %d weights", len(x), len(o.Weight))
	}
	p := pack(x)
	members := make([][]int, m)
	for i, of := range labels {
		for _, c := range of {
			members[c] = append(members[c], i)
		}
	}
	weights, bias := make([][]weight, m), make([]float32, m)
	free := make(chan *dual, o.Threads)
	for range o.Threads {
		free <- newDual(p, len(x), d, o)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(o.Threads)
	for c := range m {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			s := <-free
			defer func() { free <- s }()
			bias[c] = s.solve(members[c], o, uint64(c))
			weights[c] = s.weights()
			if o.Progress != nil {
				o.Progress(1 / float64(m))
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return gather(d, weights, bias), nil
}

// dual is the working space for one class after another.
type dual struct {
	*packed
	sign   []float32 // +1 for members, -1
	diag   []float32 // 1/(2·cost)
	alpha  []float32
	active []uint32
	w      []float32
	b      float32
}

func newDual(p *packed, n, d int, o SVM) *dual {
	s := &dual{packed: p, sign: make([]float32, n), diag: make([]float32, n), alpha: make([]float32, n), active: make([]uint32, n), w: make([]float32, d)}
	for i := range s.diag {
		cost := o.C
		if o.Weight != nil {
			cost *= max(o.Weight[i], 1e-9)
		}
		s.diag[i] = float32(1 / (2 * cost))
	}
	return s
}

func (s *dual) reset(members []int) {
	clear(s.alpha)
	clear(s.w)
	s.b = 0
	for i := range s.sign {
		s.sign[i] = -1
	}
	for _, i := range members {
		s.sign[i] = 1
	}
	for i := range s.active {
		s.active[i] = uint32(i)
	}
}

// solve leaves the weights of a class in w and returns its bias. Samples at the
// bound whose gradient keeps them there are left out of further passes, until
// the rest is solved; then all are looked at once more.
func (s *dual) solve(members []int, o SVM, class uint64) float32 {
	s.reset(members)
	rng := rand.New(rand.NewPCG(o.Seed, 0x73766d00+class))
	n := len(s.active)
	left, bound := n, float32(math.Inf(1))
	for range o.Passes {
		if o.Stop != nil && o.Stop() {
			break
		}
		rng.Shuffle(left, func(i, j int) { s.active[i], s.active[j] = s.active[j], s.active[i] })
		low, high := float32(math.Inf(1)), float32(math.Inf(-1))
		for k := 0; k < left; k++ {
			i := int(s.active[k])
			g := s.gradient(i)
			projected := g
			if s.alpha[i] == 0 {
				if g > bound {
					left--
					s.active[k], s.active[left] = s.active[left], s.active[k]
					k--
					continue
				}
				projected = min(g, 0)
			}
			low, high = min(low, projected), max(high, projected)
			if projected > 1e-12 || projected < -1e-12 {
				s.step(i, g)
			}
		}
		if high-low <= float32(o.Tolerance) || left == 0 {
			if left == n {
				break
			}
			left, bound = n, float32(math.Inf(1))
			continue
		}
		if bound = high; bound <= 0 {
			bound = float32(math.Inf(1))
		}
	}
	return s.b
}

func (s *dual) gradient(i int) float32 {
	index, value := s.row(i)
	dot := s.b
	for k, f := range index {
		dot += s.w[f] * value[k]
	}
	return dot*s.sign[i] - 1 + s.alpha[i]*s.diag[i]
}

func (s *dual) step(i int, g float32) {
	before := s.alpha[i]
	s.alpha[i] = max(before-g/(s.norm[i]+1+s.diag[i]), 0)
	change := (s.alpha[i] - before) * s.sign[i]
	if change == 0 {
		return
	}
	index, value := s.row(i)
	for k, f := range index {
		s.w[f] += change * value[k]
	}
	s.b += change
}

// weights are those of w that could move a score: the rest is rounding.
func (s *dual) weights() []weight {
	var top float32
	for _, v := range s.w {
		top = max(top, v, -v)
	}
	var out []weight
	for f, v := range s.w {
		if v > top*1e-4 || v < -top*1e-4 {
			out = append(out, weight{uint32(f), v})
		}
	}
	return out
}
