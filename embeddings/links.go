package embeddings

import (
	"context"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"ember/learn/nn"
)

// sparse is a symmetric matrix of n rows: row i has the columns
// column[start[i]:start[i+1]], ascending.
type sparse struct {
	n      int
	start  []int
	column []uint32
	value  []float32
}

// each runs do for the rows 0:n in pieces of fixed size on all processors. Rows
// must not depend on each other; then the result does not depend on how many
// processors there are.
func each(ctx context.Context, n int, worker func() (do func(from, to int))) error {
	const piece = 64
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (n+piece-1)/piece) {
		wg.Go(func() {
			do := worker()
			for ctx.Err() == nil {
				from := int(next.Add(piece)) - piece
				if from >= n {
					return
				}
				do(from, min(n, from+piece))
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

// links is how strongly codes go together: positive pointwise mutual information
// (Levy and Goldberg, NIPS 2014) of co-occurrence within window days, a pair
// weighing 1 on one day and less in proportion to its distance, discounted where
// the counts are small (Pantel and Lin, KDD 2002).
func (c *corpus) links(ctx context.Context, window int) (*sparse, error) {
	n := len(c.codes)
	at := c.positions()
	rows := make([]sparse, n) // one row each; value holds counts
	sums := make([]float64, n)
	err := each(ctx, n, func() func(from, to int) {
		near := make([]float32, n)
		var touched []uint32
		return func(from, to int) {
			for i := from; i < to; i++ {
				touched = c.around(at, i, window, near, touched[:0])
				slices.Sort(touched)
				rows[i].column = slices.Clone(touched)
				rows[i].value = make([]float32, len(touched))
				for k, j := range touched {
					rows[i].value[k] = near[j]
					sums[i] += float64(near[j])
					near[j] = 0
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	var total float64
	for _, s := range sums {
		total += s
	}
	m := &sparse{n: n, start: make([]int, n+1)}
	for i, r := range rows {
		for k, j := range r.column {
			count := float64(r.value[k])
			pmi := math.Log(count * total / (sums[i] * sums[j]))
			small := min(sums[i], sums[j])
			if pmi *= count / (count + 1) * small / (small + 1); pmi > 1e-3 {
				m.column, m.value = append(m.column, j), append(m.value, float32(pmi))
			}
		}
		m.start[i+1] = len(m.column)
		rows[i] = sparse{}
	}
	return m, nil
}

// place is where a code is mentioned: position in all, and where its patient
// begins and ends there.
type place struct{ at, from, to int }

func (c *corpus) positions() [][]place {
	p := make([][]place, len(c.codes))
	for k, from := range c.start {
		to := len(c.all)
		if k+1 < len(c.start) {
			to = c.start[k+1]
		}
		for i := from; i < to; i++ {
			p[c.all[i].code] = append(p[c.all[i].code], place{i, from, to})
		}
	}
	return p
}

// around adds up, in near (all zero before), the weight of what is mentioned near
// code i, and returns which codes those are.
func (c *corpus) around(at [][]place, i, window int, near []float32, touched []uint32) []uint32 {
	see := func(day int32, m mention) bool {
		apart := day - m.day
		if apart < 0 {
			apart = -apart
		}
		if int(apart) > window {
			return false
		}
		if int(m.code) != i {
			if near[m.code] == 0 {
				touched = append(touched, m.code)
			}
			near[m.code] += 1 - float32(apart)/float32(window+1)
		}
		return true
	}
	for _, p := range at[i] {
		day := c.all[p.at].day
		for k := p.at - 1; k >= p.from && see(day, c.all[k]); k-- {
		}
		for k := p.at + 1; k < p.to && see(day, c.all[k]); k++ {
		}
	}
	return touched
}

// times is the product with x (n × k, row by row) into y.
func (m *sparse) times(ctx context.Context, x, y []float32, k int) error {
	return each(ctx, m.n, func() func(from, to int) {
		return func(from, to int) {
			for i := from; i < to; i++ {
				out := y[i*k : (i+1)*k]
				clear(out)
				for e := m.start[i]; e < m.start[i+1]; e++ {
					j := int(m.column[e])
					nn.Axpy(m.value[e], x[j*k:(j+1)*k], out)
				}
			}
		}
	})
}
