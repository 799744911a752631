package learn

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
)

// Boost is gradient-boosted trees: the scores of a sample are Base and what its
// leaf in every tree says. Tree t speaks of output t modulo the outputs.
type Boost struct {
	Inputs int
	Base   []float64
	Trees  []Tree
	Gain   []float64 // by input: how much its splits lowered the loss in training
}

// Tree is a binary tree, node 0 the root. A node whose Feature is negative is a
// leaf. Missing values (NaN) go where MissingLeft says.
type Tree struct {
	Feature     []int32
	Threshold   []float32 // at most goes left
	Left, Right []int32
	MissingLeft []bool
	Value       []float32
}

// Predict writes the raw scores of a dense sample into into: the number itself
// (regression), a logit (one output), or a logit for each class.
func (b *Boost) Predict(x []float32, into []float64) {
	copy(into, b.Base)
	for t := range b.Trees {
		into[t%len(b.Base)] += float64(b.Trees[t].Value[b.Trees[t].Leaf(x)])
	}
}

// Leaf is the node where a sample ends.
func (t *Tree) Leaf(x []float32) int {
	n := 0
	for t.Feature[n] >= 0 {
		v := x[t.Feature[n]]
		if v <= t.Threshold[n] || v != v && t.MissingLeft[n] {
			n = int(t.Left[n])
		} else {
			n = int(t.Right[n])
		}
	}
	return n
}

// Check reports trees that do not fit together, as a damaged file would give.
func (b *Boost) Check() error {
	if len(b.Base) == 0 {
		return errors.New("learn: trees without outputs")
	}
	for i := range b.Trees {
		t := &b.Trees[i]
		n := len(t.Feature)
		if n == 0 || len(t.Threshold) != n || len(t.Left) != n || len(t.Right) != n || len(t.MissingLeft) != n || len(t.Value) != n {
			return fmt.Errorf("learn: tree %d does not fit together", i)
		}
		for k, f := range t.Feature {
			inside := int(t.Left[k]) > k && int(t.Left[k]) < n && int(t.Right[k]) > k && int(t.Right[k]) < n
			if f >= 0 && (int(f) >= b.Inputs || !inside) {
				return fmt.Errorf("learn: tree %d: node %d points nowhere", i, k)
			}
		}
	}
	return nil
}

// Boosting says how to fit [FitBoost]. A zero field means its default.
type Boosting struct {
	Rounds    int     // most rounds, default 500
	Rate      float64 // share of a tree's step that is taken, default 0.05
	Leaves    int     // most leaves of a tree, default 31
	Least     int     // fewest samples of a leaf, default 20
	L2        float64 // default 1
	Columns   float64 // share of the inputs that a tree may use, default 1
	Patience  int     // rounds without a better validation loss before it stops, default 30
	Seed      uint64
	Threads   int
	Validate  []bool                        // samples kept out of growing to know when to stop; nil = all rounds
	Stop      func() bool                   // asked after each round, for a budget; may be nil
	Heartbeat func(round int, loss float64) // after each round; may be nil
}

func (o Boosting) filled() Boosting {
	for _, v := range []struct {
		p *int
		d int
	}{{&o.Rounds, 500}, {&o.Leaves, 31}, {&o.Least, 20}, {&o.Patience, 30}, {&o.Threads, 1}} {
		if *v.p <= 0 {
			*v.p = v.d
		}
	}
	for _, v := range []struct {
		p *float64
		d float64
	}{{&o.Rate, .05}, {&o.L2, 1}, {&o.Columns, 1}} {
		if *v.p <= 0 {
			*v.p = v.d
		}
	}
	return o
}

// FitBoost grows trees on columns of numbers, of which NaN is missing, in the
// manner of histograms: values are put into at most 255 bins, and each split is
// the best over bins and over both sides for what is missing. Trees grow leaf by
// leaf, the best first. The loss says what the targets are. The result does not
// depend on the number of threads.
func FitBoost(ctx context.Context, columns [][]float32, loss Loss, o Boosting) (*Boost, error) {
	o = o.filled()
	n := loss.Len()
	if n == 0 || len(columns) == 0 {
		return nil, fmt.Errorf("learn: trees on %d samples of %d columns", n, len(columns))
	}
	for f, c := range columns {
		if len(c) != n {
			return nil, fmt.Errorf("learn: column %d has %d values for %d samples", f, len(c), n)
		}
	}
	if o.Validate != nil && len(o.Validate) != n {
		return nil, fmt.Errorf("learn: %d samples, %d marked for validation", n, len(o.Validate))
	}
	b := newBooster(columns, loss, o)
	for round := range o.Rounds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		again := b.round(round)
		if o.Heartbeat != nil {
			o.Heartbeat(round, b.now)
		}
		if !again || o.Stop != nil && o.Stop() {
			break
		}
	}
	return b.finish(), nil
}

// booster is a fit under way.
type booster struct {
	o           Boosting
	loss        Loss
	bins        *binned
	grow, check []int32 // samples to grow on and to validate with
	score       []float64
	gradient    []float64
	hessian     []float64
	out         *Boost
	gains       [][]float64 // by tree
	best, now   float64
	bestTrees   int
}

func newBooster(columns [][]float32, loss Loss, o Boosting) *booster {
	n, k := loss.Len(), loss.Outputs()
	b := &booster{o: o, loss: loss, score: make([]float64, n*k), gradient: make([]float64, n*k), hessian: make([]float64, n*k), best: math.Inf(1)}
	for i := range n {
		if o.Validate != nil && o.Validate[i] {
			b.check = append(b.check, int32(i))
		} else {
			b.grow = append(b.grow, int32(i))
		}
	}
	b.bins = bin(columns, b.grow, o.Threads)
	b.out = &Boost{Inputs: len(columns), Base: loss.Base(b.grow)}
	for i := range n {
		copy(b.score[i*k:], b.out.Base)
	}
	return b
}

// round adds a tree for each output and reports whether to go on.
func (b *booster) round(round int) bool {
	k := b.loss.Outputs()
	b.loss.Gradients(b.score, b.gradient, b.hessian)
	grown := false
	for j := range k {
		rng := rand.New(rand.NewPCG(b.o.Seed, uint64(round*k+j)))
		t, gain, leaf := b.tree(rng, j)
		grown = grown || len(t.Feature) > 1
		for i, at := range leaf {
			b.score[i*k+j] += float64(t.Value[at])
		}
		b.out.Trees = append(b.out.Trees, t)
		b.gains = append(b.gains, gain)
	}
	if len(b.check) == 0 {
		b.now = b.loss.Mean(b.score, b.grow)
		b.bestTrees = len(b.out.Trees)
		return grown
	}
	b.now = b.loss.Mean(b.score, b.check)
	if b.now < b.best-1e-9 {
		b.best, b.bestTrees = b.now, len(b.out.Trees)
	}
	return grown && len(b.out.Trees)-b.bestTrees < b.o.Patience*k
}

// finish drops the trees after the best round and adds up the gains.
func (b *booster) finish() *Boost {
	b.out.Trees = b.out.Trees[:b.bestTrees]
	b.out.Gain = make([]float64, b.out.Inputs)
	for _, gain := range b.gains[:b.bestTrees] {
		for f, g := range gain {
			b.out.Gain[f] += g
		}
	}
	return b.out
}
