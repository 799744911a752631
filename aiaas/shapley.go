package aiaas

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// The parts of a sample that are taken away together, at most, and the orders in
// which they are.
const (
	mostParts = 64
	orders    = 8 // each also backward
)

// part is something of a sample that can be taken away.
type part struct {
	column   int
	from, to int // bytes of a text, steps of a series, 0 of others
	x, y     int // of an image: the corner of a patch
	share    float64
}

// shapley divides the difference between the sample and a sample without anything
// among the parts: the mean of what each adds in many orders (Castro, Gómez and
// Tejada, Computers & Operations Research 2009). In every order the parts add up
// to the difference, and so do the means.
func shapley(ctx context.Context, m Model, d *Dataset, class int, e *Explanation) error {
	parts := partsOf(d)
	if len(parts) == 0 {
		return fmt.Errorf("aiaas: %s has nothing that could be taken away: %w", d.Places[0], ErrInvalid)
	}
	rng := rand.New(rand.NewPCG(1, uint64(len(parts))))
	for range orders {
		order := rng.Perm(len(parts))
		for range 2 {
			if err := addOrder(ctx, m, d, class, parts, order, e); err != nil {
				return err
			}
			for i, j := 0, len(order)-1; i < j; i, j = i+1, j-1 {
				order[i], order[j] = order[j], order[i]
			}
		}
	}
	sum := 0.
	for i := range parts {
		parts[i].share /= 2 * orders
		sum += parts[i].share
	}
	e.Gap = e.Score - e.Baseline - sum
	return showParts(d, parts, e)
}

// addOrder puts the parts back one after the other.
func addOrder(ctx context.Context, m Model, d *Dataset, class int, parts []part, order []int, e *Explanation) error {
	kept := make([]bool, len(parts))
	samples := []*Dataset{without(d, parts, kept)}
	for _, k := range order {
		kept[k] = true
		samples = append(samples, without(d, parts, kept))
	}
	all := joined(samples)
	all.Classes, all.Multi = d.Classes, d.Multi
	p, err := m.Predict(ctx, all)
	if err != nil {
		return err
	}
	width := len(p) / len(samples)
	score := func(i int) float64 {
		v := float64(p[i*width+min(class, width-1)])
		if len(d.Classes) == 0 {
			return v
		}
		v = min(max(v, 1e-6), 1-1e-6)
		return math.Log(v / (1 - v))
	}
	for i, k := range order {
		parts[k].share += score(i+1) - score(i)
	}
	e.Baseline, e.Score = score(0), score(len(order))
	return nil
}

// partsOf are the words, columns, patches and stretches of a sample.
func partsOf(d *Dataset) (parts []part) {
	for k := range d.Columns {
		c := &d.Columns[k]
		if c.Absent(0) {
			continue
		}
		switch c.Kind {
		case FreeText:
			parts = append(parts, wordParts(k, c.Text[0])...)
		case Picture:
			for y := range patches {
				for x := range patches {
					parts = append(parts, part{column: k, x: x, y: y})
				}
			}
		case Waveforms:
			n := c.Series[0].len()
			for i := range min(stretches, n) {
				parts = append(parts, part{column: k, from: i * n / stretches, to: (i + 1) * n / stretches})
			}
		default:
			parts = append(parts, part{column: k})
		}
	}
	return parts
}

// Patches of an image along each side, and stretches of a series.
const (
	patches   = 8
	stretches = 32
)

// wordParts are the words of a text; of a long one, runs of words.
func wordParts(column int, text string) (parts []part) {
	from := -1
	for i, r := range text + " " {
		is := unicode.IsLetter(r) || unicode.IsDigit(r)
		switch {
		case is && from < 0:
			from = i
		case !is && from >= 0:
			parts = append(parts, part{column: column, from: from, to: i})
			from = -1
		}
	}
	run := (len(parts) + mostParts - 1) / mostParts
	if run <= 1 {
		return parts
	}
	var runs []part
	for i := 0; i < len(parts); i += run {
		runs = append(runs, part{column: column, from: parts[i].from, to: parts[min(i+run, len(parts))-1].to})
	}
	return runs
}

// without is the sample with the parts that are kept.
func without(d *Dataset, parts []part, kept []bool) *Dataset {
	out := d.Take([]int{0})
	for k := range out.Columns {
		c := &out.Columns[k]
		var gone []part
		for i, p := range parts {
			if p.column == k && !kept[i] {
				gone = append(gone, p)
			}
		}
		if len(gone) == 0 {
			continue
		}
		switch c.Kind {
		case FreeText:
			c.Text[0] = cut(c.Text[0], gone)
		case Picture:
			c.Image[0] = c.Image[0].flat(gone)
		case Waveforms:
			c.Series[0] = c.Series[0].flat(gone)
		default:
			c.gap(0, 1)
		}
	}
	return out
}

// cut blanks parts of a text.
func cut(text string, gone []part) string {
	var b strings.Builder
	at := 0
	for _, p := range gone {
		b.WriteString(text[at:p.from])
		b.WriteByte(' ')
		at = p.to
	}
	b.WriteString(text[at:])
	return b.String()
}

// flat has the mean of the image in the place of some patches.
func (m Image) flat(gone []part) Image {
	out := m
	out.Pixels = append([]float32{}, m.Pixels...)
	mean := make([]float32, m.Channels)
	for i, v := range m.Pixels {
		mean[i%m.Channels] += v * float32(m.Channels) / float32(len(m.Pixels))
	}
	for _, p := range gone {
		for y := p.y * m.Height / patches; y < (p.y+1)*m.Height/patches; y++ {
			for x := p.x * m.Width / patches; x < (p.x+1)*m.Width/patches; x++ {
				copy(out.Pixels[(y*m.Width+x)*m.Channels:], mean)
			}
		}
	}
	return out
}

// flat has each channel's mean in the place of some stretches.
func (s Series) flat(gone []part) Series {
	out := Series{Rate: s.Rate}
	for _, ch := range s.Channels {
		sum, n := 0., 0
		for _, v := range ch {
			if v == v {
				sum, n = sum+float64(v), n+1
			}
		}
		mean := float32(sum / float64(max(n, 1)))
		flat := append([]float32{}, ch...)
		for _, p := range gone {
			for i := p.from; i < p.to; i++ {
				flat[i] = mean
			}
		}
		out.Channels = append(out.Channels, flat)
	}
	return out
}

// showParts turns shares of parts into the explanation.
func showParts(d *Dataset, parts []part, e *Explanation) error {
	images := map[int][]float32{}
	for _, p := range parts {
		c := &d.Columns[p.column]
		switch c.Kind {
		case FreeText:
			e.Words = append(e.Words, WordShare{Column: c.Name, Text: c.Text[0][p.from:p.to], From: p.from, To: p.to, Share: p.share})
		case Picture:
			images[p.column] = append(images[p.column], float32(p.share))
		case Waveforms:
			e.addStretch(c, p)
		default:
			e.Columns = append(e.Columns, ColumnShare{Name: c.Name, Value: valueOf(c), Share: p.share})
		}
	}
	for k, shares := range images {
		m := d.Columns[k].Image[0]
		if err := e.showImage(d.Columns[k].Name, m, patches, patches, shares); err != nil {
			return err
		}
	}
	return nil
}

// addStretch spreads the share of a stretch evenly over its steps and channels.
func (e *Explanation) addStretch(c *Column, p part) {
	s := c.Series[0]
	first := -1
	for i := range e.Series {
		if e.Series[i].Column == c.Name {
			first = i
			break
		}
	}
	if first < 0 {
		first = len(e.Series)
		for ch := range s.Channels {
			e.Series = append(e.Series, SeriesShare{Column: c.Name, Channel: ch, Shares: make([]float32, s.len())})
		}
	}
	each := float32(p.share / float64(max(1, (p.to-p.from)*len(s.Channels))))
	for ch := range s.Channels {
		for i := p.from; i < p.to; i++ {
			e.Series[first+ch].Shares[i] = each
		}
	}
}

// valueOf is a column's value of the first sample, for people.
func valueOf(c *Column) string {
	switch c.Kind {
	case Number:
		return strconv.FormatFloat(c.Number[0], 'g', 6, 64)
	case Date:
		return time.Unix(0, 0).UTC().Add(time.Duration(c.Number[0] * 24 * float64(time.Hour))).Format(time.DateOnly)
	}
	return c.Text[0]
}
