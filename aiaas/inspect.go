package aiaas

import (
	"context"
	"fmt"
	"strings"
)

// Finding is one thing that a report says is wrong with a dataset.
type Finding struct {
	Fault   Fault    `json:"fault"`
	Column  string   `json:"column,omitempty"`
	Samples int      `json:"samples"`          // how many it touches
	Share   float64  `json:"share"`            // of all samples
	Score   float64  `json:"score,omitempty"`  // how sure, in the fault's own measure
	Places  []string `json:"places,omitempty"` // the first few
	Words   string   `json:"words"`            // for people; names places and columns, no values of samples
}

// Fault is a kind of finding.
type Fault string

// The faults that a report knows.
const (
	MissingValues  Fault = "missing-values"
	ConstantColumn Fault = "constant-column"
	NonFinite      Fault = "non-finite"
	MixedScales    Fault = "mixed-scales"
	Duplicates     Fault = "duplicates"      // the same inputs and label
	Contradictions Fault = "contradictions"  // the same inputs, another label
	NearDuplicates Fault = "near-duplicates" // almost the same text or image, of two subjects
	SplitSubjects  Fault = "subject-in-both" // a subject on both sides of the split
	SplitCopies    Fault = "copy-in-both"    // the same inputs on both sides of the split
	EmptyClass     Fault = "empty-class"     // nothing to learn it from
	TinyClass      Fault = "tiny-class"      // too few subjects to learn or measure it
	Unbalanced     Fault = "unbalanced"      // one class is nearly everything
	Unlabelled     Fault = "unlabelled"      //
	LeakColumn     Fault = "leak-column"     // a column alone predicts the label
	LeakOrder      Fault = "leak-order"      // ids or the order of rows predict it
	LeakText       Fault = "leak-text"       // the label is named in the text
	LabelNoise     Fault = "label-noise"     // others like it have another label
	FewSubjects    Fault = "few-subjects"    //
	FlatImages     Fault = "flat-images"     // images of one brightness
	FlatSeries     Fault = "flat-series"     // series that stand still or are mostly gaps
	MixedRates     Fault = "mixed-rates"     // series of different rates or channels
)

// Count is how often a class occurs.
type Count struct {
	Class    string `json:"class"`
	Samples  int    `json:"samples"`
	Subjects int    `json:"subjects"`
}

// ColumnReport is a column in figures.
type ColumnReport struct {
	Name     string  `json:"name"`
	Kind     string  `json:"kind"`
	Missing  int     `json:"missing"`
	Distinct int     `json:"distinct,omitempty"` // of numbers, dates, categories and texts
	Low      float64 `json:"low,omitempty"`      // of numbers and dates
	High     float64 `json:"high,omitempty"`
}

// Report is what is to be known of a dataset before training.
type Report struct {
	Name     string         `json:"name"`
	Task     string         `json:"task"`
	Samples  int            `json:"samples"`
	Subjects int            `json:"subjects"`
	Classes  []Count        `json:"classes,omitempty"`
	Columns  []ColumnReport `json:"columns"`
	Findings []Finding      `json:"findings"`
}

// Inspect looks for what would spoil a model of d: it never changes d. What it
// finds depends on d alone.
func Inspect(ctx context.Context, d *Dataset) (*Report, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	r := &Report{Name: d.Name, Task: d.Task.String(), Samples: d.Len(), Findings: []Finding{}}
	_, r.Subjects = groups(d.Subject)
	in := &inspection{Report: r, d: d}
	for _, look := range []func(context.Context) error{
		in.columns, in.classes, in.copies, in.nearCopies, in.sides, in.leaks, in.order, in.named, in.noise,
	} {
		if err := look(ctx); err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// inspection is a report being made.
type inspection struct {
	*Report
	d     *Dataset
	leaky map[string]bool // columns that leak: the search for noise leaves them out
}

// find adds a finding about samples.
func (in *inspection) find(fault Fault, column string, rows []int, score float64, format string, a ...any) {
	f := Finding{Fault: fault, Column: column, Samples: len(rows), Share: float64(len(rows)) / float64(in.Samples), Score: score, Words: fmt.Sprintf(format, a...)}
	for _, i := range rows[:min(len(rows), 5)] {
		f.Places = append(f.Places, in.d.Places[i].String())
	}
	in.Findings = append(in.Findings, f)
}

// Has reports that a fault was found, in the column named ("" = any).
func (r *Report) Has(fault Fault, column string) bool {
	for _, f := range r.Findings {
		if f.Fault == fault && (column == "" || f.Column == column) {
			return true
		}
	}
	return false
}

// String is the report as plain text.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s, %d samples of %d subjects\n", r.Name, r.Task, r.Samples, r.Subjects)
	if len(r.Classes) > 0 {
		b.WriteString("\nclasses\n")
		for k, c := range r.Classes {
			if k == 20 {
				fmt.Fprintf(&b, "  … and %d more\n", len(r.Classes)-k)
				break
			}
			fmt.Fprintf(&b, "  %-30s %7d samples %7d subjects\n", c.Class, c.Samples, c.Subjects)
		}
	}
	b.WriteString("\ncolumns\n")
	for k, c := range r.Columns {
		if k == 50 {
			fmt.Fprintf(&b, "  … and %d more\n", len(r.Columns)-k)
			break
		}
		fmt.Fprintf(&b, "  %-30s %-9s %7d missing\n", c.Name, c.Kind, c.Missing)
	}
	if len(r.Findings) == 0 {
		b.WriteString("\nnothing suspicious was found\n")
		return b.String()
	}
	b.WriteString("\nfindings\n")
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "  %-16s %s", f.Fault, f.Words)
		if len(f.Places) > 0 {
			fmt.Fprintf(&b, " (%s)", strings.Join(f.Places, ", "))
		}
		b.WriteString("\n")
	}
	return b.String()
}
