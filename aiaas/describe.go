package aiaas

import "math"

// What an image or a series is to families that take numbers: the brightness of
// squares, and the form and spread of each channel.
const (
	squares = 16 // by 16
	points  = 32 // of a channel's form
	extras  = 12 // of a channel's spread and speed
)

// describe learns the mean and the spread of each number that describes the
// column.
func (f *Encoded) describe(c *Column) {
	for i := range c.Series {
		f.Channels = max(f.Channels, len(c.Series[i].Channels))
	}
	width := squares * squares
	if c.Kind == Waveforms {
		width = f.Channels * (points + extras)
	}
	f.Means, f.SDs = make([]float64, width), make([]float64, width)
	n := make([]float64, width)
	for i := range max(len(c.Image), len(c.Series)) {
		for j, v := range f.description(c, i) {
			if v != v {
				continue
			}
			n[j]++
			delta := float64(v) - f.Means[j]
			f.Means[j] += delta / n[j]
			f.SDs[j] += delta * (float64(v) - f.Means[j])
		}
	}
	for j := range f.SDs {
		if f.SDs[j] = math.Sqrt(f.SDs[j] / max(n[j], 1)); f.SDs[j] < 1e-6 {
			f.SDs[j] = 0
		}
	}
}

// description is the numbers that describe a sample, NaN what is not there.
func (f *Encoded) description(c *Column, i int) []float32 {
	if c.Kind == Picture {
		if c.Absent(i) || len(c.Image[i].Pixels) == 0 {
			return gaps(squares * squares)
		}
		return c.Image[i].Resize(squares, squares, 1).Pixels
	}
	var out []float32
	for ch := range f.Channels {
		if c.Absent(i) || ch >= len(c.Series[i].Channels) {
			out = append(out, gaps(points+extras)...)
			continue
		}
		out = append(out, describeChannel(c.Series[i].Channels[ch])...)
	}
	return out
}

func gaps(n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = gap
	}
	return out
}

// describeChannel is the form of a channel (means of equal portions, less the
// mean of all), then mean, spread, least, most, where they are, mean step, and
// the share of gaps.
func describeChannel(v []float32) []float32 {
	out := gaps(points + extras)
	var mean, square, step, n, steps float64
	low, high, at, top := math.Inf(1), math.Inf(-1), 0, 0
	last := math.NaN()
	for k, x := range v {
		if x != x {
			continue
		}
		y := float64(x)
		n++
		mean += y
		square += y * y
		if y < low {
			low, at = y, k
		}
		if y > high {
			high, top = y, k
		}
		if last == last {
			step += math.Abs(y - last)
			steps++
		}
		last = y
	}
	out[points+7] = 1
	if n == 0 {
		return out
	}
	mean /= n
	for p := range points {
		a, b := p*len(v)/points, max((p+1)*len(v)/points, p*len(v)/points+1)
		sum, there := 0., 0.
		for _, x := range v[a:min(b, len(v))] {
			if x == x {
				sum, there = sum+float64(x), there+1
			}
		}
		if there > 0 {
			out[p] = float32(sum/there - mean)
		}
	}
	length := float64(len(v))
	for k, x := range []float64{
		mean, math.Sqrt(max(square/n-mean*mean, 0)), low, high,
		float64(at) / length, float64(top) / length, step / max(steps, 1), 1 - n/length,
	} {
		out[points+k] = float32(x)
	}
	for k, lag := range []int{2, 4, 8, 16} {
		out[points+8+k] = change(v, lag, float64(out[points+1]))
	}
	return out
}

// change is the mean absolute difference of values some steps apart, over the
// spread.
func change(v []float32, lag int, spread float64) float32 {
	sum, n := 0., 0.
	for k := lag; k < len(v); k++ {
		if d := float64(v[k] - v[k-lag]); d == d {
			sum, n = sum+math.Abs(d), n+1
		}
	}
	if n == 0 || spread == 0 {
		return gap
	}
	return float32(sum / n / spread)
}
