// Package aiaas makes models of a hospital's own data for its own question:
// it reads what was posted into a [Dataset], says what is wrong with it before
// anything is trained ([Inspect]), fits several [Family] values within a time
// budget and takes the simplest that is as good as the best ([Choose]), and
// measures what came of it ([Evaluate]).
//
// Its invariant: everything fitted or chosen comes from training subjects, and
// no subject is on both sides of a split; the same data, seed and choice of
// families give the same model, unless the budget runs out. Errors name file and
// place, never values. The package knows no HTTP and reads no clock except one
// handed in.
//
//	d, err := aiaas.ReadCSV(ctx, "visits.csv", file, aiaas.Schema{Label: "readmitted", Subject: "patient"}, aiaas.Limits{})
//	report, err := aiaas.Inspect(ctx, d)
//	choice, err := aiaas.Choose(ctx, d, aiaas.Families(), aiaas.Choosing{Now: clock, Budget: time.Hour})
//	result, err := aiaas.Evaluate(test, choice.Model, aiaas.Measuring{})
package aiaas

import (
	"fmt"
)

// Task is the kind of question put to a dataset. The zero Task is invalid.
type Task uint8

// The tasks.
const (
	Text         Task = iota + 1 // classes of notes and titles
	Images                       // classes of images
	Sequence                     // classes of series of measurements
	Tabular                      // classes or a number from columns
	TimelineRisk                 // what comes of a moment in a patient's timeline, from columns made of what was known
	Forecast                     // the next value of a series of a patient, from the same
)

// String is the task's name in requests.
func (t Task) String() string {
	switch t {
	case Text:
		return "text-classification"
	case Images:
		return "image-classification"
	case Sequence:
		return "sequence-classification"
	case Tabular:
		return "tabular"
	case TimelineRisk:
		return "timeline-risk"
	case Forecast:
		return "forecast"
	}
	return "invalid"
}

// ParseTask is the task of a name.
func ParseTask(name string) (Task, error) {
	for t := Text; t <= Forecast; t++ {
		if t.String() == name {
			return t, nil
		}
	}
	return 0, fmt.Errorf("aiaas: no task %.40q", name)
}

// Limits hold what a reader takes into memory. A zero field means its default.
type Limits struct {
	Rows    int   // samples, default 2,000,000
	Bytes   int64 // of content after decompression, default 2 GiB
	Pixels  int64 // of all images together, default 256 million
	Columns int   // default 10,000
	Field   int   // bytes of one field or line, default 16 MiB
	Ratio   int64 // of content to compressed size in an archive, default 200
	Values  int64 // numbers of all series and arrays together, default 256 million
}

func (l Limits) filled() Limits {
	set := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	setInt := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	setInt(&l.Rows, 2_000_000)
	set(&l.Bytes, 2<<30)
	set(&l.Pixels, 256_000_000)
	setInt(&l.Columns, 10_000)
	setInt(&l.Field, 16<<20)
	set(&l.Ratio, 200)
	set(&l.Values, 256_000_000)
	return l
}
