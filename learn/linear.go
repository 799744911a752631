package learn

import "fmt"

// Linear scores Out classes by a sparse matrix of weights and a bias each.
// Weights are kept by feature, because a sparse sample asks for few of them.
type Linear struct {
	In, Out int
	Start   []uint32 // weights of feature f are Start[f]:Start[f+1]
	Class   []uint32
	W       []float32
	Bias    []float32
}

// Predict writes the scores of x into into, which has length Out. Features that
// the fit did not know are ignored.
func (l *Linear) Predict(x Row, into []float32) {
	copy(into, l.Bias)
	for i, f := range x.Index {
		if int(f) >= l.In {
			continue
		}
		v := float32(x.At(i))
		for k := l.Start[f]; k < l.Start[f+1]; k++ {
			into[l.Class[k]] += v * l.W[k]
		}
	}
}

// Check reports a matrix whose parts do not fit together, as a damaged file
// would give.
func (l *Linear) Check() error {
	n := len(l.W)
	if l.In < 0 || len(l.Start) != l.In+1 || len(l.Class) != n || len(l.Bias) != l.Out || int(l.Start[l.In]) != n {
		return fmt.Errorf("learn: linear model of %d features and %d classes does not fit together", l.In, l.Out)
	}
	for f := range l.In {
		if l.Start[f] > l.Start[f+1] {
			return fmt.Errorf("learn: linear model: weights of feature %d out of order", f)
		}
	}
	for _, c := range l.Class {
		if int(c) >= l.Out {
			return fmt.Errorf("learn: linear model: class %d of %d", c, l.Out)
		}
	}
	return nil
}

// gather makes a Linear of the weights of each class, which are lists of
// feature and weight with features ascending.
func gather(in int, by [][]weight, bias []float32) *Linear {
	l := &Linear{In: in, Out: len(by), Start: make([]uint32, in+1), Bias: bias}
	for _, ws := range by {
		for _, w := range ws {
			l.Start[w.feature+1]++
		}
	}
	for f := range in {
		l.Start[f+1] += l.Start[f]
	}
	l.Class, l.W = make([]uint32, l.Start[in]), make([]float32, l.Start[in])
	next := make([]uint32, in)
	copy(next, l.Start)
	for c, ws := range by {
		for _, w := range ws {
			l.Class[next[w.feature]], l.W[next[w.feature]] = uint32(c), w.value
			next[w.feature]++
		}
	}
	return l
}

type weight struct {
	feature uint32
	value   float32
}

// packed is sparse rows end to end, which is what a solver that passes over them
// many times wants.
type packed struct {
	start []uint32
	index []uint32
	value []float32
	norm  []float32 // squared length
}

func pack(x []Row) *packed {
	n := 0
	for _, r := range x {
		n += len(r.Index)
	}
	p := &packed{
		start: make([]uint32, 1, len(x)+1), norm: make([]float32, len(x)),
		index: make([]uint32, 0, n), value: make([]float32, 0, n),
	}
	for i, r := range x {
		p.index = append(p.index, r.Index...)
		for k := range r.Index {
			v := float32(r.At(k))
			p.value = append(p.value, v)
			p.norm[i] += v * v
		}
		p.start = append(p.start, uint32(len(p.index)))
	}
	return p
}

func (p *packed) row(i int) (index []uint32, value []float32) {
	a, b := p.start[i], p.start[i+1]
	return p.index[a:b], p.value[a:b]
}

// checkClasses reports labels that do not fit the samples or the classes.
func checkClasses(samples int, labels [][]int, m int) error {
	if len(labels) != samples {
		return fmt.Errorf("learn: %d samples, %d labels", samples, len(labels))
	}
	if m < 1 {
		return fmt.Errorf("learn: %d classes", m)
	}
	for i, of := range labels {
		for _, c := range of {
			if c < 0 || c >= m {
				return fmt.Errorf("learn: sample %d: class %d of %d", i, c, m)
			}
		}
	}
	return nil
}
