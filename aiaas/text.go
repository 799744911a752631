package aiaas

import (
	"context"
	"errors"
	"fmt"
	"math"

	"ember/learn"
)

// textModel scores texts by a linear model of their parts, and turns the scores
// into probabilities.
type textModel struct {
	Vectoriser *Vectoriser
	Linear     *learn.Linear
	Sharp      sharpness
	Fields     []string // text columns, for a readable refusal
}

// TextSVM is the linear support vector machine on words and character sequences,
// weighed by the number of subjects that have them: the baseline that is hard to
// beat on text.
func TextSVM() Family {
	grams := Grams{Words: 2, Low: 3, High: 5, Most: 300_000, ByCount: true}
	return Family{
		Name: "text-svm", Rank: 20, Accepts: acceptsText,
		Fit: func(ctx context.Context, d *Dataset, f Fitting) (Model, error) {
			return fitText(ctx, d, f, grams, "text-svm")
		},
		Load: func(dir string) (Model, error) { return loadGob[textModel](dir) },
	}
}

func acceptsText(d *Dataset) error {
	if len(d.Of(FreeText)) == 0 {
		return errors.New("no text column")
	}
	if d.Target != nil {
		return errors.New("the label is a number")
	}
	return nil
}

func fitText(ctx context.Context, d *Dataset, f Fitting, g Grams, name string) (*textModel, error) {
	d, err := fittable(d)
	if err != nil {
		return nil, err
	}
	m := &textModel{Fields: textFields(d)}
	texts := allTexts(d)
	share := 0.
	o := learn.SVM{Seed: f.Seed, Threads: f.Threads, Stop: f.stop(), Progress: counted(f, name, &share, 2)}
	if m.Sharp, err = fitSharpness(ctx, d, func(train, check []int) ([]float32, error) {
		v, l, err := fitWords(ctx, d, texts, train, g, o)
		if err != nil {
			return nil, err
		}
		return scoreTexts(v, l, take(texts, check)), nil
	}); err != nil {
		return nil, err
	}
	m.Vectoriser, m.Linear, err = fitWords(ctx, d, texts, every(d.Len()), g, o)
	return m, err
}

func fitWords(ctx context.Context, d *Dataset, texts []string, rows []int, g Grams, o learn.SVM) (*Vectoriser, *learn.Linear, error) {
	v, err := FitVectoriser(take(texts, rows), take(d.Subject, rows), g)
	if err != nil {
		return nil, nil, err
	}
	if v.Features() == 0 {
		return nil, nil, fmt.Errorf("aiaas: %s: the texts have no words", d.Name)
	}
	o.Weight = evenly(take(d.Subject, rows))
	l, err := learn.FitSVM(ctx, v.Rows(take(texts, rows)), v.Features(), take(d.Labels, rows), len(d.Classes), o)
	return v, l, err
}

// evenly weighs samples by one over the root of their subject's number of
// samples, with mean 1: a subject with a hundred samples has seen more than one
// with a single one, but not a hundred times as much.
func evenly(subject []string) []float64 {
	count := make(map[string]int)
	for _, s := range subject {
		count[s]++
	}
	w, sum := make([]float64, len(subject)), 0.
	for i, s := range subject {
		w[i] = 1 / math.Sqrt(float64(count[s]))
		sum += w[i]
	}
	for i := range w {
		w[i] *= float64(len(w)) / sum
	}
	return w
}

func scoreTexts(v *Vectoriser, l *learn.Linear, texts []string) []float32 {
	out := make([]float32, len(texts)*l.Out)
	for i, t := range texts {
		l.Predict(v.Row(t), out[i*l.Out:(i+1)*l.Out])
	}
	return out
}

// Predict implements [Model].
func (m *textModel) Predict(ctx context.Context, d *Dataset) ([]float32, error) {
	if err := needs(d, FreeText, m.Fields); err != nil {
		return nil, err
	}
	out := scoreTexts(m.Vectoriser, m.Linear, allTexts(d))
	m.Sharp.apply(out, m.Linear.Out)
	return out, ctx.Err()
}

// Save implements [Model].
func (m *textModel) Save(dir string) error { return saveGob(dir, m) }

func (m *textModel) check() error {
	if m.Vectoriser == nil || m.Linear == nil || m.Linear.In != m.Vectoriser.Features() {
		return errors.New("parts are missing")
	}
	return m.Linear.Check()
}

func allTexts(d *Dataset) []string {
	out := make([]string, d.Len())
	for i := range out {
		out[i] = d.Texts(i)
	}
	return out
}

func textFields(d *Dataset) []string {
	var names []string
	for _, c := range d.Of(FreeText) {
		names = append(names, c.Name)
	}
	return names
}
