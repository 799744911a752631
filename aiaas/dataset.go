package aiaas

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Kind is what a column holds. The zero Kind is invalid.
type Kind uint8

// The kinds of columns.
const (
	Number    Kind = iota + 1
	Category       // a word of a small set
	FreeText       // notes, titles
	Date           // days since 1970, as a number
	Picture        // an image
	Waveforms      // a series of measurements
)

// String is the kind's name in reports.
func (k Kind) String() string {
	switch k {
	case Number:
		return "number"
	case Category:
		return "category"
	case FreeText:
		return "text"
	case Date:
		return "date"
	case Picture:
		return "image"
	case Waveforms:
		return "series"
	}
	return "invalid"
}

// Column is one input of all samples. One of the slices is set, by Kind: Number
// for numbers and dates, Text for categories and texts. Missing tells what was
// not there from what was zero or empty; it is nil where nothing is missing.
type Column struct {
	Name    string
	Kind    Kind
	Number  []float64
	Text    []string
	Image   []Image
	Series  []Series
	Missing []bool
}

// Absent reports that sample i has no value in the column.
func (c *Column) Absent(i int) bool { return c.Missing != nil && c.Missing[i] }

// Image is pixels from 0 to 1, row by row, the channels of a pixel together.
type Image struct {
	Width, Height, Channels int // 1 channel is grey, 3 are red, green, blue
	Pixels                  []float32
}

// Series is measurements at equal steps, one slice a channel, all of one length.
// A gap is NaN.
type Series struct {
	Rate     float64 // samples a second, 0 = unknown
	Channels [][]float32
}

// Place is where a sample came from, for errors and reports.
type Place struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"` // or record, from 1; 0 where the file is the sample
}

// String is the place as errors name it.
func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Side is the side of a split that the data itself prescribes.
type Side uint8

// The sides; the zero Side leaves the choice to the service.
const (
	AnySide Side = iota
	TrainSide
	TestSide
)

// Dataset is samples in memory: columns of inputs, and for each sample its
// labels (or its target, a number), its subject, and its place. Samples of one
// subject are never on two sides of a split that the service makes.
type Dataset struct {
	Name    string
	Task    Task
	Columns []Column
	Classes []string  // names of classes in order; nil for a number
	Multi   bool      // a sample may have none or several classes
	Labels  [][]int   // classes of each sample, nil = not labelled; nil for a number
	Target  []float64 // a number to predict, NaN = not labelled; nil for classes
	Subject []string
	Side    []Side // nil = not prescribed
	Places  []Place
}

// Len is the number of samples.
func (d *Dataset) Len() int { return len(d.Subject) }

// Outputs is the number of scores a model of the dataset gives a sample.
func (d *Dataset) Outputs() int {
	if d.Target != nil {
		return 1
	}
	return len(d.Classes)
}

// Column is the column of a name, nil if there is none.
func (d *Dataset) Column(name string) *Column {
	for i := range d.Columns {
		if d.Columns[i].Name == name {
			return &d.Columns[i]
		}
	}
	return nil
}

// Texts are the texts of all text columns of a sample, in order.
func (d *Dataset) Texts(i int) string {
	var s string
	for k := range d.Columns {
		if c := &d.Columns[k]; c.Kind == FreeText && !c.Absent(i) {
			if s != "" {
				s += "\n"
			}
			s += c.Text[i]
		}
	}
	return s
}

// Of is the columns of a kind.
func (d *Dataset) Of(kind Kind) []*Column {
	var out []*Column
	for i := range d.Columns {
		if d.Columns[i].Kind == kind {
			out = append(out, &d.Columns[i])
		}
	}
	return out
}

// Labelled are the samples that have a label or a target.
func (d *Dataset) Labelled() []int {
	var out []int
	for i := range d.Len() {
		if d.Target != nil && !math.IsNaN(d.Target[i]) || d.Labels != nil && d.Labels[i] != nil {
			out = append(out, i)
		}
	}
	return out
}

// Take is the samples of the given rows, in that order. Texts, images and series
// are shared with d.
func (d *Dataset) Take(rows []int) *Dataset {
	t := *d
	t.Columns = make([]Column, len(d.Columns))
	for k, c := range d.Columns {
		t.Columns[k] = Column{
			Name: c.Name, Kind: c.Kind, Number: take(c.Number, rows), Text: take(c.Text, rows),
			Image: take(c.Image, rows), Series: take(c.Series, rows), Missing: take(c.Missing, rows),
		}
	}
	t.Labels, t.Target, t.Subject = take(d.Labels, rows), take(d.Target, rows), take(d.Subject, rows)
	t.Side, t.Places = take(d.Side, rows), take(d.Places, rows)
	return &t
}

func take[T any](v []T, rows []int) []T {
	if v == nil {
		return nil
	}
	out := make([]T, len(rows))
	for k, i := range rows {
		out[k] = v[i]
	}
	return out
}

// Check reports a dataset whose parts do not fit together.
func (d *Dataset) Check() error {
	n := d.Len()
	fits := func(l int) bool { return l == 0 || l == n }
	if !fits(len(d.Labels)) || !fits(len(d.Target)) || !fits(len(d.Side)) || !fits(len(d.Places)) {
		return fmt.Errorf("aiaas: %s: labels, sides or places for other than %d samples", d.Name, n)
	}
	if d.Task == 0 {
		return fmt.Errorf("aiaas: %s: no task", d.Name)
	}
	if len(d.Columns) == 0 {
		return fmt.Errorf("aiaas: %s: no input column", d.Name)
	}
	for i, of := range d.Labels {
		for _, c := range of {
			if c < 0 || c >= len(d.Classes) {
				return fmt.Errorf("aiaas: %s: class %d of %d", d.Places[i], c, len(d.Classes))
			}
		}
		if !d.Multi && len(of) > 1 {
			return fmt.Errorf("aiaas: %s: %d classes where one is asked for", d.Places[i], len(of))
		}
	}
	for k := range d.Columns {
		if err := d.Columns[k].check(n); err != nil {
			return fmt.Errorf("aiaas: %s: column %q: %w", d.Name, d.Columns[k].Name, err)
		}
	}
	return nil
}

func (c *Column) check(n int) error {
	var l int
	switch c.Kind {
	case Number, Date:
		l = len(c.Number)
	case Category, FreeText:
		l = len(c.Text)
	case Picture:
		l = len(c.Image)
	case Waveforms:
		l = len(c.Series)
	default:
		return errors.New("no kind")
	}
	if l != n || c.Missing != nil && len(c.Missing) != n {
		return fmt.Errorf("%d values for %d samples", l, n)
	}
	return nil
}

// setClasses numbers the names that labels use, in order.
func (d *Dataset) setClasses(labels [][]string) {
	var names []string
	seen := make(map[string]int)
	for _, of := range labels {
		for _, name := range of {
			if _, ok := seen[name]; !ok {
				seen[name] = 0
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	for i, name := range names {
		seen[name] = i
	}
	d.Classes, d.Labels = names, make([][]int, len(labels))
	for i, of := range labels {
		if of == nil {
			continue
		}
		d.Labels[i] = make([]int, 0, len(of))
		for _, name := range of {
			d.Labels[i] = append(d.Labels[i], seen[name])
		}
		slices.Sort(d.Labels[i])
		d.Labels[i] = slices.Compact(d.Labels[i])
	}
}
