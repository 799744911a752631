package learn

import (
	"math"
	"math/rand/v2"
	"slices"

	"golang.org/x/sync/errgroup"
)

// most is the number of bins of a column; bin 0 is for what is missing.
const (
	most       = 256
	maxFloat32 = float32(math.MaxFloat32)
)

// binned is columns of numbers as numbers of bins.
type binned struct {
	of    [][]uint8   // by column, by sample
	edges [][]float32 // bin b > 0 holds values above edges[b-2] up to edges[b-1]
}

// bin cuts each column at quantiles of its distinct values among samples.
func bin(columns [][]float32, samples []int32, threads int) *binned {
	b := &binned{of: make([][]uint8, len(columns)), edges: make([][]float32, len(columns))}
	parallel(len(columns), threads, func(f int) {
		b.edges[f] = edgesOf(columns[f], samples)
		b.of[f] = make([]uint8, len(columns[f]))
		for i, v := range columns[f] {
			if v == v {
				at, _ := slices.BinarySearch(b.edges[f], v)
				b.of[f][i] = uint8(at + 1)
			}
		}
	})
	return b
}

// edgesOf are at most 254 values between which the samples lie evenly, fewer
// where there are few samples: a bin of less than four tells nothing.
func edgesOf(column []float32, samples []int32) []float32 {
	values := make([]float32, 0, len(samples))
	for _, i := range samples {
		if v := column[i]; v == v {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	distinct := slices.Compact(slices.Clone(values))
	bins := min(most-1, max(16, len(values)/4))
	if len(distinct) < bins {
		return middles(distinct)
	}
	edges := make([]float32, 0, bins)
	for b := 1; b < bins; b++ {
		edges = append(edges, values[b*len(values)/bins])
	}
	return slices.Compact(edges)
}

// middles are the points between neighbours.
func middles(distinct []float32) []float32 {
	if len(distinct) < 2 {
		return nil
	}
	out := make([]float32, len(distinct)-1)
	for i := range out {
		if out[i] = distinct[i] + (distinct[i+1]-distinct[i])/2; !(out[i] < distinct[i+1]) {
			out[i] = distinct[i] // neighbours in float32, or infinite
		}
	}
	return out
}

// parallel calls do with 0 to n-1 on some threads.
func parallel(n, threads int, do func(i int)) {
	if threads <= 1 || n == 1 {
		for i := range n {
			do(i)
		}
		return
	}
	var g errgroup.Group
	for t := range threads {
		g.Go(func() error {
			for i := t; i < n; i += threads {
				do(i)
			}
			return nil
		})
	}
	_ = g.Wait() // do has no error
}

// sums of a bin or a node.
type sums struct{ g, h, n float64 }

func (s *sums) add(o sums) { s.g, s.h, s.n = s.g+o.g, s.h+o.h, s.n+o.n }
func (s sums) less(o sums) sums {
	return sums{s.g - o.g, s.h - o.h, s.n - o.n}
}
func (s sums) score(l2 float64) float64 { return s.g * s.g / (s.h + l2) }

// split is the best way found to part a node.
type split struct {
	gain        float64
	feature     int
	bin         int // up to it goes left
	missingLeft bool
}

// leaf is a node that may still be parted.
type leaf struct {
	node    int
	samples []int32
	all     sums
	bins    [][]sums // by place in features
	best    split
}

// tree grows one tree for output j; it returns the gains by input and the leaf of
// every sample.
func (b *booster) tree(rng *rand.Rand, j int) (t Tree, gain []float64, at []int32) {
	features := b.choose(rng)
	gain = make([]float64, b.out.Inputs)
	root := &leaf{samples: slices.Clone(b.grow)}
	t.push()
	b.fill(root, features, j)
	b.find(root, features)
	open := []*leaf{root}
	for len(open) < b.o.Leaves {
		k := 0
		for i, l := range open {
			if l.best.gain > open[k].best.gain {
				k = i
			}
		}
		if open[k].best.gain <= 1e-9 {
			break
		}
		gain[open[k].best.feature] += open[k].best.gain
		left, right := b.part(&t, open[k], features, j)
		open[k] = left
		open = append(open, right)
	}
	for _, l := range open {
		t.Value[l.node] = float32(-b.o.Rate * l.all.g / (l.all.h + b.o.L2))
	}
	return t, gain, b.leaves(&t)
}

// choose is the inputs that the tree may use, ascending.
func (b *booster) choose(rng *rand.Rand) []int {
	n := len(b.bins.of)
	all := rng.Perm(n)[:max(1, int(float64(n)*min(b.o.Columns, 1)+.5))]
	slices.Sort(all)
	return all
}

func (t *Tree) push() int {
	t.Feature, t.Threshold = append(t.Feature, -1), append(t.Threshold, 0)
	t.Left, t.Right = append(t.Left, 0), append(t.Right, 0)
	t.MissingLeft, t.Value = append(t.MissingLeft, false), append(t.Value, 0)
	return len(t.Feature) - 1
}

// fill sums the node's samples by bin.
func (b *booster) fill(l *leaf, features []int, j int) {
	k := b.loss.Outputs()
	l.bins = make([][]sums, len(features))
	parallel(len(features), b.threads(len(l.samples)*len(features)), func(at int) {
		f := features[at]
		s := make([]sums, len(b.bins.edges[f])+2)
		of := b.bins.of[f]
		for _, i := range l.samples {
			p := &s[of[i]]
			p.g += b.gradient[int(i)*k+j]
			p.h += b.hessian[int(i)*k+j]
			p.n++
		}
		l.bins[at] = s
	})
	l.all = sums{}
	for _, s := range l.bins[0] {
		l.all.add(s)
	}
}

// threads is how many are worth starting for some steps of work.
func (b *booster) threads(steps int) int {
	return min(b.o.Threads, 1+steps>>15)
}

// find sets the node's best split; ties go to the first input and bin.
func (b *booster) find(l *leaf, features []int) {
	found := make([]split, len(features))
	parallel(len(features), b.threads(most/2*len(features)), func(at int) {
		found[at] = b.findIn(l, at)
		found[at].feature = features[at]
	})
	l.best = split{}
	for _, s := range found {
		if s.gain > l.best.gain {
			l.best = s
		}
	}
}

func (b *booster) findIn(l *leaf, at int) (best split) {
	bins, least := l.bins[at], float64(b.o.Least)
	whole := l.all.score(b.o.L2)
	missing := bins[0]
	var low sums
	for k := 1; k < len(bins)-1; k++ {
		low.add(bins[k])
		for _, withMissing := range []bool{false, true} {
			left := low
			if withMissing {
				if missing.n == 0 {
					break
				}
				left.add(missing)
			}
			right := l.all.less(left)
			if left.n < least || right.n < least {
				continue
			}
			if g := left.score(b.o.L2) + right.score(b.o.L2) - whole; g > best.gain {
				best = split{gain: g, bin: k, missingLeft: withMissing}
			}
		}
	}
	if k := len(bins) - 1; missing.n >= least && l.all.n-missing.n >= least { // there or not
		left := l.all.less(missing)
		if g := left.score(b.o.L2) + missing.score(b.o.L2) - whole; g > best.gain {
			best = split{gain: g, bin: k}
		}
	}
	return best
}

// part makes two leaves of one. The smaller is summed, the larger is what is
// left.
func (b *booster) part(t *Tree, l *leaf, features []int, j int) (left, right *leaf) {
	s := l.best
	left, right = &leaf{node: t.push()}, &leaf{node: t.push()}
	t.Feature[l.node], t.Left[l.node], t.Right[l.node] = int32(s.feature), int32(left.node), int32(right.node)
	t.MissingLeft[l.node], t.Threshold[l.node] = s.missingLeft, b.bins.threshold(s.feature, s.bin)
	of := b.bins.of[s.feature]
	for _, i := range l.samples {
		if s.goesLeft(of[i]) {
			left.samples = append(left.samples, i)
		} else {
			right.samples = append(right.samples, i)
		}
	}
	small, large := left, right
	if len(small.samples) > len(large.samples) {
		small, large = large, small
	}
	b.fill(small, features, j)
	large.bins, large.all = l.bins, l.all.less(small.all)
	for at := range large.bins {
		for k := range large.bins[at] {
			large.bins[at][k] = large.bins[at][k].less(small.bins[at][k])
		}
	}
	l.bins, l.samples = nil, nil
	b.find(left, features)
	b.find(right, features)
	return left, right
}

func (s split) goesLeft(bin uint8) bool {
	if bin == 0 {
		return s.missingLeft
	}
	return int(bin) <= s.bin
}

// threshold is the largest value of a bin; the last bin has no end.
func (b *binned) threshold(f, bin int) float32 {
	if bin-1 < len(b.edges[f]) {
		return b.edges[f][bin-1]
	}
	return maxFloat32
}

// leaves is the leaf of every sample, also of those kept for validation.
func (b *booster) leaves(t *Tree) []int32 {
	at := make([]int32, b.loss.Len())
	for i := range at {
		n := int32(0)
		for t.Feature[n] >= 0 {
			f := t.Feature[n]
			bin := b.bins.of[f][i]
			left := bin == 0 && t.MissingLeft[n]
			if bin > 0 {
				e := b.bins.edges[f]
				left = int(bin) > len(e) && t.Threshold[n] == maxFloat32 || int(bin) <= len(e) && e[bin-1] <= t.Threshold[n]
			}
			if left {
				n = t.Left[n]
			} else {
				n = t.Right[n]
			}
		}
		at[i] = n
	}
	return at
}
