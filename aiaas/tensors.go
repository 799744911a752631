package aiaas

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
)

// The datatypes of inputs and outputs, as the Open Inference Protocol names them.
const (
	FP32  = "FP32"
	FP64  = "FP64"
	Bytes = "BYTES"
)

// inputsOf describes what a model of d wants to know.
func inputsOf(d *Dataset) []InputInfo {
	var all []InputInfo
	for k := range d.Columns {
		c := &d.Columns[k]
		in := InputInfo{Name: c.Name, Kind: c.Kind.String(), Shape: []int{1}, Datatype: FP64}
		switch c.Kind {
		case Category, FreeText:
			in.Datatype = Bytes
			if c.Kind == Category {
				in.Words = wordsOf(c)
			}
		case Picture:
			in.Datatype, in.Shape = FP32, shapeOf(len(c.Image), func(i int) []int { m := &c.Image[i]; return []int{m.Height, m.Width, m.Channels} })
		case Waveforms:
			in.Datatype, in.Shape = FP32, shapeOf(len(c.Series), func(i int) []int { return []int{c.Series[i].len(), len(c.Series[i].Channels)} })
		}
		all = append(all, in)
	}
	return all
}

func (s *Series) len() int {
	if len(s.Channels) == 0 {
		return 0
	}
	return len(s.Channels[0])
}

// shapeOf is the shape that all samples share; -1 where they differ.
func shapeOf(n int, of func(i int) []int) []int {
	shape := of(0)
	for i := 1; i < n; i++ {
		for k, v := range of(i) {
			if shape[k] != v {
				shape[k] = -1
			}
		}
	}
	return shape
}

// wordsOf are a category's words, ascending, unless there are many.
func wordsOf(c *Column) []string {
	seen := map[string]bool{}
	for i, w := range c.Text {
		if !c.Absent(i) {
			seen[w] = true
		}
	}
	if len(seen) > mostWords {
		return nil
	}
	words := make([]string, 0, len(seen))
	for w := range seen {
		words = append(words, w)
	}
	slices.Sort(words)
	return words
}

// Infer answers tensors by tensors: "probabilities" and "label", or "value".
func (s *Service) Infer(ctx context.Context, name, version string, in []Tensor) (Serving, []Tensor, error) {
	l, err := s.version(name, version)
	if err != nil {
		return Serving{}, nil, err
	}
	d, err := l.about.samples(in)
	if err != nil {
		return l.about, nil, fmt.Errorf("aiaas: %s: %w: %w", name, err, ErrInvalid)
	}
	values, err := s.ask(ctx, l, version == "", d)
	if err != nil {
		return l.about, nil, err
	}
	return l.about, l.about.answers(d.Len(), values), nil
}

func (v *Serving) answers(n int, values []float32) []Tensor {
	m := len(values) / n
	floats := make([]float64, len(values))
	for i, x := range values {
		floats[i] = float64(x)
	}
	if len(v.Classes) == 0 {
		return []Tensor{{Name: "value", Datatype: FP32, Shape: []int{n}, Floats: floats}}
	}
	label := Tensor{Name: "label", Datatype: Bytes, Shape: []int{n}}
	for i := range n {
		label.Bytes = append(label.Bytes, joinLabels(v.labels(values[i*m:(i+1)*m])))
	}
	return []Tensor{{Name: "probabilities", Datatype: FP32, Shape: []int{n, m}, Floats: floats}, label}
}

func joinLabels(names []string) []byte {
	var b bytes.Buffer
	for i, name := range names {
		if i > 0 {
			b.WriteByte('|')
		}
		b.WriteString(name)
	}
	return b.Bytes()
}

// mostSamples bounds the samples of one call.
const mostSamples = 65_536

// samples makes a dataset of tensors. A single input may have any name.
func (v *Serving) samples(in []Tensor) (*Dataset, error) {
	d := &Dataset{Name: v.Name}
	var err error
	if d.Task, err = ParseTask(v.Task); err != nil {
		return nil, err
	}
	n := -1
	for _, want := range v.Inputs {
		i := slices.IndexFunc(in, func(t Tensor) bool { return t.Name == want.Name })
		if i < 0 && len(v.Inputs) == 1 && len(in) == 1 {
			i = 0
		}
		if i < 0 {
			return nil, fmt.Errorf("the input %q (%s, shape %v for each sample) is missing", want.Name, want.Datatype, want.Shape)
		}
		t := &in[i]
		if err := t.check(); err != nil {
			return nil, err
		}
		if n < 0 {
			n = t.Shape[0]
		}
		if t.Shape[0] != n {
			return nil, fmt.Errorf("input %q has %d samples, others %d", t.Name, t.Shape[0], n)
		}
		c, err := t.column(want)
		if err != nil {
			return nil, fmt.Errorf("input %q of shape %v: %w", t.Name, t.Shape, err)
		}
		d.Columns = append(d.Columns, c)
	}
	if n <= 0 || n > mostSamples {
		return nil, fmt.Errorf("%d samples where 1 to %d can be answered", max(n, 0), mostSamples)
	}
	for i := range n {
		p := Place{File: "sample", Line: i + 1}
		d.Places, d.Subject = append(d.Places, p), append(d.Subject, p.String())
	}
	return d, nil
}

// check refuses a tensor whose shape and data do not fit.
func (t *Tensor) check() error {
	n := 1
	for _, v := range t.Shape {
		if v < 0 || v > 0 && n > math.MaxInt32/v {
			return fmt.Errorf("input %q: the shape %v cannot be", t.Name, t.Shape)
		}
		n *= v
	}
	have := len(t.Floats)
	if t.Datatype == Bytes {
		have = len(t.Bytes)
	}
	if len(t.Shape) == 0 || have != n {
		return fmt.Errorf("input %q: %d elements for the shape %v", t.Name, have, t.Shape)
	}
	return nil
}

// column is a tensor as the column that a model wants.
func (t *Tensor) column(want InputInfo) (Column, error) {
	c := Column{Name: want.Name}
	n := t.Shape[0]
	switch want.Kind {
	case Number.String(), Date.String():
		c.Kind = Number
		if want.Kind == Date.String() {
			c.Kind = Date
		}
		return c, c.numbers(t, n)
	case Category.String(), FreeText.String():
		c.Kind = FreeText
		if want.Kind == Category.String() {
			c.Kind = Category
		}
		return c, c.words(t, n)
	case Picture.String():
		c.Kind = Picture
		return c, c.images(t, n)
	case Waveforms.String():
		c.Kind = Waveforms
		return c, c.series(t, n, want.Shape)
	}
	return c, fmt.Errorf("the model wants a %s, which no tensor can be", want.Kind)
}

func (c *Column) gap(i, n int) {
	if c.Missing == nil {
		c.Missing = make([]bool, n)
	}
	c.Missing[i] = true
}

// numbers takes [n] or [n, 1]; NaN is missing.
func (c *Column) numbers(t *Tensor, n int) error {
	if t.Datatype == Bytes {
		return fmt.Errorf("a number is wanted, not %s", t.Datatype)
	}
	if len(t.Floats) != n {
		return fmt.Errorf("one number for each sample is wanted, shape [%d] or [%d 1]", n, n)
	}
	c.Number = t.Floats
	for i, v := range c.Number {
		if math.IsNaN(v) {
			c.gap(i, n)
		} else if math.IsInf(v, 0) {
			return fmt.Errorf("sample %d is infinite", i+1)
		}
	}
	return nil
}

func (c *Column) words(t *Tensor, n int) error {
	if t.Datatype != Bytes {
		return fmt.Errorf("words are wanted, datatype BYTES, not %s", t.Datatype)
	}
	if len(t.Bytes) != n {
		return fmt.Errorf("one text for each sample is wanted, shape [%d] or [%d 1]", n, n)
	}
	for i, b := range t.Bytes {
		c.Text = append(c.Text, string(bytes.ToValidUTF8(b, []byte("\uFFFD"))))
		if len(b) == 0 && c.Kind == Category {
			c.gap(i, n)
		}
	}
	return nil
}

// images takes files as BYTES [n], or pixels [n, height, width] or [n, height,
// width, channels]: 0 to 255 as UINT8, 0 to 1 as other numbers.
func (c *Column) images(t *Tensor, n int) error {
	if t.Datatype == Bytes {
		if len(t.Bytes) != n {
			return fmt.Errorf("one file for each sample is wanted, shape [%d]", n)
		}
		for i, b := range t.Bytes {
			m, err := decodeImage(fmt.Sprintf("sample %d", i+1), b, Limits{}.filled().Pixels)
			if err != nil {
				return err
			}
			c.Image = append(c.Image, m)
		}
		return nil
	}
	channels := 1
	if len(t.Shape) == 4 {
		channels = t.Shape[3]
	}
	if len(t.Shape) != 3 && len(t.Shape) != 4 || channels != 1 && channels != 3 {
		return fmt.Errorf("images are of shape [n height width] or [n height width channels] with 1 or 3 channels")
	}
	scale := float32(1)
	if t.Datatype == "UINT8" {
		scale = 255
	}
	size := t.Shape[1] * t.Shape[2] * channels
	for i := range n {
		m := Image{Height: t.Shape[1], Width: t.Shape[2], Channels: channels, Pixels: make([]float32, size)}
		for k, v := range t.Floats[i*size : (i+1)*size] {
			x := float32(v) / scale
			if !(x >= 0 && x <= 1) {
				return fmt.Errorf("sample %d: a pixel is not from 0 to 1 (as UINT8: 0 to 255)", i+1)
			}
			m.Pixels[k] = x
		}
		c.Image = append(c.Image, m)
	}
	return nil
}

// series takes [n, steps, channels], or [n, steps] of one channel; NaN is a gap.
func (c *Column) series(t *Tensor, n int, want []int) error {
	channels := 1
	if len(t.Shape) == 3 {
		channels = t.Shape[2]
	}
	if t.Datatype == Bytes || len(t.Shape) != 2 && len(t.Shape) != 3 {
		return fmt.Errorf("a series is of shape [n steps] or [n steps channels]")
	}
	if len(want) == 2 && want[1] > 0 && channels != want[1] {
		return fmt.Errorf("%d channels, the model wants %d", channels, want[1])
	}
	steps := t.Shape[1]
	for i := range n {
		s := Series{Channels: make([][]float32, channels)}
		for ch := range s.Channels {
			s.Channels[ch] = make([]float32, steps)
			for k := range steps {
				v := t.Floats[(i*steps+k)*channels+ch]
				if math.IsInf(v, 0) {
					return fmt.Errorf("sample %d is infinite at step %d", i+1, k)
				}
				s.Channels[ch][k] = float32(v)
			}
		}
		c.Series = append(c.Series, s)
	}
	return nil
}
