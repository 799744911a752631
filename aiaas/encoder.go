package aiaas

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"ember/learn"
)

// Encoder turns all columns of a dataset but texts into numbers. Everything it
// knows (means, spreads, categories) is that of the fit.
type Encoder struct {
	Fields []Encoded
	Width  int
}

// Encoded is how one column is turned into numbers, from column At on: a number
// gives itself and, where the fit saw gaps, whether it is missing; a category
// gives a one for its word, and one for any word that is rare or new; an image or
// a series is described by numbers (describe.go), each with a mean and a spread.
type Encoded struct {
	Name     string
	Kind     Kind
	At       int
	Mean, SD float64
	Gaps     bool
	Words    []string // ascending
	Means    []float64
	SDs      []float64
	Channels int // of a series
}

// rareWord is the number of samples below which a category is like a new one.
const (
	rareWord  = 2
	mostWords = 200
)

// FitEncoder looks at the columns that it can encode; an error if there is none.
func FitEncoder(d *Dataset) (*Encoder, error) {
	e := &Encoder{}
	for k := range d.Columns {
		c := &d.Columns[k]
		f := Encoded{Name: c.Name, Kind: c.Kind, At: e.Width}
		switch c.Kind {
		case Number, Date:
			f.measure(c)
			if f.SD == 0 && !f.Gaps {
				continue // a constant says nothing
			}
		case Category:
			f.list(c)
		case Picture, Waveforms:
			f.describe(c)
		default:
			continue
		}
		e.Width += f.width()
		e.Fields = append(e.Fields, f)
	}
	if e.Width == 0 {
		return nil, fmt.Errorf("aiaas: %s: no column that says anything as numbers", d.Name)
	}
	return e, nil
}

func (f *Encoded) width() int {
	switch {
	case f.Kind == Category:
		return len(f.Words) + 1
	case f.Kind == Picture || f.Kind == Waveforms:
		return len(f.Means)
	case f.Gaps:
		return 2
	}
	return 1
}

// known is the value of a number that can be used: missing and non-finite ones
// can not.
func known(c *Column, i int) (float64, bool) {
	v := c.Number[i]
	return v, !c.Absent(i) && !math.IsNaN(v) && !math.IsInf(v, 0)
}

func (f *Encoded) measure(c *Column) {
	n := 0.
	for i := range c.Number {
		if v, ok := known(c, i); ok {
			n++
			delta := v - f.Mean
			f.Mean += delta / n
			f.SD += delta * (v - f.Mean)
		} else {
			f.Gaps = true
		}
	}
	if f.SD = math.Sqrt(f.SD / max(n, 1)); f.SD < 1e-12*math.Abs(f.Mean) {
		f.SD = 0
	}
}

func (f *Encoded) list(c *Column) {
	count := make(map[string]int)
	for i, w := range c.Text {
		if !c.Absent(i) {
			count[w]++
		}
	}
	for w, n := range count {
		if n >= rareWord {
			f.Words = append(f.Words, w)
		}
	}
	slices.SortFunc(f.Words, func(a, b string) int { return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b)) })
	f.Words = f.Words[:min(len(f.Words), mostWords)]
	slices.Sort(f.Words)
}

// columns are the fitted columns in a dataset, refused where they are not there
// or of another kind. A column without any value has no kind of its own.
func (e *Encoder) columns(d *Dataset) ([]*Column, error) {
	out := make([]*Column, len(e.Fields))
	for k, f := range e.Fields {
		c := d.Column(f.Name)
		if c == nil {
			return nil, fmt.Errorf("aiaas: %s: no column %q, on which the model was fitted", d.Name, f.Name)
		}
		numeric := func(k Kind) bool { return k == Number || k == Date }
		worded := func(k Kind) bool { return k == Category || k == FreeText }
		if c.Kind != f.Kind && !(worded(c.Kind) && worded(f.Kind)) {
			if numeric(c.Kind) && f.Kind == Category {
				c = asWords(c)
			} else {
				return nil, fmt.Errorf("aiaas: %s: column %q is of kind %s, the model was fitted on %s", d.Name, f.Name, c.Kind, f.Kind)
			}
		}
		out[k] = c
	}
	return out, nil
}

// asWords is a column of numbers as their shortest texts: where all the words of
// a category look like numbers, they are read as such.
func asWords(c *Column) *Column {
	w := &Column{Name: c.Name, Kind: Category, Missing: c.Missing, Text: make([]string, len(c.Number))}
	for i, v := range c.Number {
		w.Text[i] = fmt.Sprint(v)
	}
	return w
}

// Rows are the samples for a linear model: numbers standardised, gaps at the
// mean with a flag beside.
func (e *Encoder) Rows(d *Dataset) ([]learn.Row, error) {
	columns, err := e.columns(d)
	if err != nil {
		return nil, err
	}
	rows := make([]learn.Row, d.Len())
	for i := range rows {
		r := &rows[i]
		add := func(at int, v float32) {
			if v != 0 {
				r.Index, r.Value = append(r.Index, uint32(at)), append(r.Value, v)
			}
		}
		for k := range e.Fields {
			f, c := &e.Fields[k], columns[k]
			switch f.Kind {
			case Category:
				if !c.Absent(i) {
					add(f.At+f.word(c.Text[i]), 1)
				}
				continue
			case Picture, Waveforms:
				for j, v := range f.description(c, i) {
					if v == v && f.SDs[j] > 0 {
						add(f.At+j, float32(min(max((float64(v)-f.Means[j])/f.SDs[j], -10), 10)))
					}
				}
				continue
			}
			v, ok := known(c, i)
			switch {
			case ok && f.SD > 0: // far outliers would rule a linear model
				add(f.At, float32(min(max((v-f.Mean)/f.SD, -10), 10)))
			case !ok && f.Gaps:
				add(f.At+1, 1)
			}
		}
	}
	return rows, nil
}

// word is the place of a word, the last for one that is rare or new.
func (f *Encoded) word(w string) int {
	if at, ok := slices.BinarySearch(f.Words, w); ok {
		return at
	}
	return len(f.Words)
}

// Columns are the samples for trees, column by column: numbers as they are, NaN
// where they are missing.
func (e *Encoder) Columns(d *Dataset) ([][]float32, error) {
	columns, err := e.columns(d)
	if err != nil {
		return nil, err
	}
	out := make([][]float32, e.Width)
	for k := range out {
		out[k] = make([]float32, d.Len())
	}
	for k := range e.Fields {
		f, c := &e.Fields[k], columns[k]
		for i := range d.Len() {
			switch f.Kind {
			case Category:
				if !c.Absent(i) {
					out[f.At+f.word(c.Text[i])][i] = 1
				}
				continue
			case Picture, Waveforms:
				for j, v := range f.description(c, i) {
					out[f.At+j][i] = v
				}
				continue
			}
			v, ok := known(c, i)
			out[f.At][i] = float32(v)
			if !ok {
				out[f.At][i] = gap
				if f.Gaps {
					out[f.At+1][i] = 1
				}
			}
		}
	}
	return out, nil
}

func (e *Encoder) check() error {
	at := 0
	for _, f := range e.Fields {
		if f.At != at || !slices.IsSorted(f.Words) || len(f.Means) != len(f.SDs) {
			return errors.New("columns out of place")
		}
		at += f.width()
	}
	if at != e.Width {
		return errors.New("columns are missing")
	}
	return nil
}
