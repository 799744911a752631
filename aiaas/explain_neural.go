package aiaas

import (
	"fmt"
	"strings"

	"ember/learn/nn"
)

// shown is a preparation that can put shares of a network's input into words,
// pixels, steps or columns.
type shown interface {
	show(d *Dataset, x nn.Tensor, shares []float32, e *Explanation) error
}

// explain implements explainer by integrated gradients through all networks.
func (m *neural) explain(d *Dataset, class int, e *Explanation) error {
	x, err := m.prep.inputs(d)
	if err != nil {
		return err
	}
	a, err := nn.Attribute(m.nets, x, nn.NewTensor(x.Shape...), class, m.reading())
	if err != nil {
		return fmt.Errorf("aiaas: explaining: %w", err)
	}
	e.Method, e.Score, e.Baseline, e.Gap = "integrated gradients", a.Score, a.Baseline, a.Gap
	return m.prep.(shown).show(d, x, a.Shares, e)
}

// reading is what Predict makes of logits, up to the last softmax or sigmoid.
func (m *neural) reading() nn.Reading {
	if m.Number {
		return nn.Reading{Scale: m.SD, Shift: []float64{m.Mean}}
	}
	r := nn.Reading{Scale: m.Sharp.Slope, Shift: make([]float64, m.Outputs), Odds: m.Sharp.Exclusive}
	for c := range r.Shift {
		if !m.Sharp.Exclusive {
			r.Shift[c] = m.Sharp.Offset
		}
		if m.Lean != nil {
			r.Shift[c] += m.Lean[c]
		}
	}
	return r
}

// show gives each pixel the shares of its channels.
func (p *pictures) show(d *Dataset, _ nn.Tensor, shares []float32, e *Explanation) error {
	sums := make([]float32, p.Height*p.Width)
	for i, v := range shares {
		sums[i/p.Channels] += v
	}
	c := d.Column(p.Column)
	if c.Absent(0) || len(c.Image[0].Pixels) == 0 {
		return nil
	}
	return e.showImage(p.Column, c.Image[0], p.Width, p.Height, sums)
}

// show gives each word the shares of its ids.
func (v *vocabulary) show(d *Dataset, _ nn.Tensor, shares []float32, e *Explanation) error {
	tokens := v.tokens(d.Texts(0))
	for i, t := range tokens[:min(len(tokens), len(shares))] {
		if n := len(e.Words); n > 0 && e.Words[n-1].From == t.from {
			e.Words[n-1].Share += float64(shares[i])
			continue
		}
		e.Words = append(e.Words, WordShare{From: t.from, To: t.to, Share: float64(shares[i])})
	}
	e.place(d)
	return nil
}

// place turns places in all texts of the sample together into those in its columns.
func (e *Explanation) place(d *Dataset) {
	all := d.Texts(0)
	for i := range e.Words {
		w := &e.Words[i]
		w.Text = all[w.From:w.To]
		begin := 0
		for k := range d.Columns {
			c := &d.Columns[k]
			if c.Kind != FreeText || c.Absent(0) {
				continue
			}
			if end := begin + len(c.Text[0]); w.From < end {
				w.Column, w.From, w.To = c.Name, w.From-begin, w.To-begin
				break
			} else if end > 0 {
				begin = end + len("\n")
			}
		}
	}
}

// show gives each step of a channel its share; that of a gap goes to its channel.
func (w *waves) show(_ *Dataset, x nn.Tensor, shares []float32, e *Explanation) error {
	channels, wide := len(w.Mean), w.width()
	for ch := range channels {
		s := SeriesShare{Column: w.Column, Channel: ch}
		for k := range x.Lengths[0] {
			v := shares[k*wide+ch]
			if w.Gaps {
				v += shares[k*wide+channels+ch]
			}
			s.Shares = append(s.Shares, v)
		}
		e.Series = append(e.Series, s)
	}
	return nil
}

// show gives each column the shares of the numbers it was turned into.
func (t *tables) show(d *Dataset, _ nn.Tensor, shares []float32, e *Explanation) error {
	for i, f := range t.Encoder.Fields {
		end := t.Encoder.Width
		if i+1 < len(t.Encoder.Fields) {
			end = t.Encoder.Fields[i+1].At
		}
		sum := 0.
		for _, v := range shares[f.At:end] {
			sum += float64(v)
		}
		value := "unknown"
		if c := d.Column(f.Name); c != nil && !c.Absent(0) && c.Kind != Picture && c.Kind != Waveforms {
			value = strings.TrimSpace(valueOf(c))
		}
		e.Columns = append(e.Columns, ColumnShare{Name: f.Name, Value: value, Share: sum})
	}
	return nil
}
