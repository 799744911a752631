package aiaas

import (
	"context"
	"errors"
)

// prior says the same of every sample: the shares of the classes, or the mean. A
// family that is not better than it has learnt nothing.
type prior struct {
	Output []float32
}

// Prior is the family that looks at no input.
func Prior() Family {
	return Family{
		Name: "prior", Rank: 0,
		Accepts: func(*Dataset) error { return nil },
		Fit: func(_ context.Context, d *Dataset, f Fitting) (Model, error) {
			d, err := fittable(d)
			if err != nil {
				return nil, err
			}
			return fitPrior(d), nil
		},
		Load: func(dir string) (Model, error) { return loadGob[prior](dir) },
	}
}

func fitPrior(d *Dataset) *prior {
	p := &prior{Output: make([]float32, d.Outputs())}
	n := float32(d.Len())
	for _, v := range d.Target {
		p.Output[0] += float32(v) / n
	}
	for _, of := range d.Labels {
		for _, c := range of {
			p.Output[c] += 1 / n
		}
	}
	return p
}

// Predict implements [Model].
func (p *prior) Predict(_ context.Context, d *Dataset) ([]float32, error) {
	out := make([]float32, 0, d.Len()*len(p.Output))
	for range d.Len() {
		out = append(out, p.Output...)
	}
	return out, nil
}

// Save implements [Model].
func (p *prior) Save(dir string) error { return saveGob(dir, p) }

func (p *prior) check() error {
	if len(p.Output) == 0 {
		return errors.New("no outputs")
	}
	return nil
}
