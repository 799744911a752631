package aiaas

import (
	"context"
	"encoding/binary"
	"hash/fnv"
	"math"
	"slices"
)

// rich reports that equal inputs are no coincidence: there is a text, an image, a
// series, or a number that hardly repeats.
func (in *inspection) rich() bool {
	for k := range in.d.Columns {
		c := &in.d.Columns[k]
		if c.Kind >= FreeText && c.Kind != Date || c.Kind == Number && in.Columns[k].Distinct*2 > in.Samples {
			return true
		}
	}
	return false
}

// inputs is a hash of all inputs of a sample.
func (in *inspection) inputs(i int) uint64 {
	h := fnv.New64a()
	put := func(v uint64) {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], v)
		_, _ = h.Write(b[:]) // a hash never fails
	}
	for k := range in.d.Columns {
		c := &in.d.Columns[k]
		put(uint64(k))
		switch {
		case c.Absent(i):
			put(1)
		case c.Number != nil:
			put(math.Float64bits(c.Number[i]))
		case c.Text != nil:
			_, _ = h.Write([]byte(c.Text[i]))
		case c.Image != nil:
			put(uint64(c.Image[i].Width))
			for _, v := range c.Image[i].Pixels {
				put(uint64(math.Float32bits(v)))
			}
		case c.Series != nil:
			for _, ch := range c.Series[i].Channels {
				for _, v := range ch {
					put(uint64(math.Float32bits(v)))
				}
			}
		}
	}
	return h.Sum64()
}

// sameLabel reports that two samples have the same classes or target.
func (in *inspection) sameLabel(i, j int) bool {
	if in.d.Target != nil {
		return in.d.Target[i] == in.d.Target[j]
	}
	return in.d.Labels == nil || slices.Equal(in.d.Labels[i], in.d.Labels[j])
}

// copies looks for equal inputs.
func (in *inspection) copies(context.Context) error {
	if !in.rich() {
		return nil
	}
	first := make(map[uint64]int)
	var same, other, both []int
	for i := range in.Samples {
		h := in.inputs(i)
		j, ok := first[h]
		if !ok {
			first[h] = i
			continue
		}
		if in.sameLabel(i, j) {
			same = append(same, i)
		} else {
			other = append(other, i)
		}
		if in.d.Side != nil && in.d.Side[i] != in.d.Side[j] {
			both = append(both, i)
		}
	}
	if len(same) > 0 {
		in.find(Duplicates, "", same, 0, "%d samples are copies of others", len(same))
	}
	if len(other) > 0 {
		in.find(Contradictions, "", other, 0, "%d samples are copies of others with another label", len(other))
	}
	if len(both) > 0 {
		in.find(SplitCopies, "", both, 0, "%d samples are copies of others on the other side of the split", len(both))
	}
	return nil
}

// sides looks for subjects on both sides of the split.
func (in *inspection) sides(context.Context) error {
	if in.d.Side == nil {
		return nil
	}
	seen := make(map[string]Side)
	var both []int
	names := make(map[string]bool)
	for i, s := range in.d.Subject {
		side, ok := seen[s]
		if !ok {
			seen[s] = in.d.Side[i]
		} else if side != in.d.Side[i] {
			both = append(both, i)
			names[s] = true
		}
	}
	if len(both) > 0 {
		in.find(SplitSubjects, "", both, float64(len(names)), "%d subjects are on both sides of the split", len(names))
	}
	return nil
}

// nearCopies looks for texts and images of two subjects that are almost the same.
func (in *inspection) nearCopies(ctx context.Context) error {
	for k := range in.d.Columns {
		c := &in.d.Columns[k]
		var near []int
		switch c.Kind {
		case FreeText:
			near = in.nearTexts(c)
		case Picture:
			near = in.nearImages(c)
		}
		if len(near) > 0 {
			in.find(NearDuplicates, c.Name, near, 0, "%d samples are nearly the same in column %q as one of another subject", len(near), c.Name)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// Texts are near when nine in ten of their runs of three words are the same.
// Candidates share one of the bands of their least hashes (Broder 1997).
const (
	bands   = 6
	perBand = 4
	nearBy  = .9
)

func (in *inspection) nearTexts(c *Column) []int {
	buckets := make([]map[uint64][]int, bands)
	for b := range buckets {
		buckets[b] = make(map[uint64][]int)
	}
	runs := make([][]uint64, in.Samples)
	var near []int
	for i, text := range c.Text {
		if runs[i] = wordRuns(text); c.Absent(i) || len(runs[i]) < 6 {
			continue
		}
		found := false
		for b := range bands {
			key := band(runs[i], b)
			for _, j := range buckets[b][key] {
				if found || in.d.Subject[j] == in.d.Subject[i] || c.Text[j] == text {
					continue
				}
				found = alike(runs[i], runs[j]) >= nearBy
			}
			if len(buckets[b][key]) < 20 { // boilerplate: a few of a kind are enough to compare with
				buckets[b][key] = append(buckets[b][key], i)
			}
		}
		if found {
			near = append(near, i)
		}
	}
	return near
}

// wordRuns are the hashes of runs of three words, ascending and distinct.
func wordRuns(text string) []uint64 {
	words := splitWords(text)
	var out []uint64
	for k := 0; k+3 <= len(words); k++ {
		h := fnv.New64a()
		for _, w := range words[k : k+3] {
			_, _ = h.Write([]byte(w + " ")) // a hash never fails
		}
		out = append(out, h.Sum64())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// band is a hash of the least of several scrambled hashes.
func band(runs []uint64, b int) uint64 {
	key := uint64(b)
	for p := range uint64(perBand) {
		least := uint64(math.MaxUint64)
		for _, r := range runs {
			least = min(least, scramble(r, uint64(b)*perBand+p+1))
		}
		key = scramble(key^least, 99)
	}
	return key
}

// scramble is a bijection of 64 bits that looks random (Stafford's mix 13).
func scramble(x, seed uint64) uint64 {
	x += seed * 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// alike is the share of two ascending lists that both have.
func alike(a, b []uint64) float64 {
	both := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			i, j, both = i+1, j+1, both+1
		}
	}
	return float64(both) / float64(len(a)+len(b)-both)
}

// nearImages finds images whose 8 × 8 forms are brighter than their mean in the
// same places and whose 16 × 16 forms hardly differ.
func (in *inspection) nearImages(c *Column) []int {
	bucket := make(map[uint64][]int)
	small := make([][]float32, in.Samples)
	var near []int
	for i, m := range c.Image {
		if c.Absent(i) || len(m.Pixels) == 0 {
			continue
		}
		small[i] = m.Resize(16, 16, 1).Pixels
		key, flat := pattern(m.Resize(8, 8, 1).Pixels)
		if flat {
			continue
		}
		for _, j := range bucket[key] {
			if in.d.Subject[i] != in.d.Subject[j] && distance(small[i], small[j]) < .01 && !slices.Equal(m.Pixels, c.Image[j].Pixels) {
				near = append(near, i)
				break
			}
		}
		if len(bucket[key]) < 50 {
			bucket[key] = append(bucket[key], i)
		}
	}
	return near
}

func pattern(p []float32) (key uint64, flat bool) {
	var mean float32
	for _, v := range p {
		mean += v / float32(len(p))
	}
	for k, v := range p {
		if v > mean {
			key |= 1 << k
		}
	}
	return key, slices.Max(p)-slices.Min(p) < .01
}

// distance is the mean absolute difference.
func distance(a, b []float32) float64 {
	var s float64
	for k := range a {
		s += math.Abs(float64(a[k] - b[k]))
	}
	return s / float64(len(a))
}
