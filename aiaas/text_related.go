package aiaas

import (
	"context"
	"errors"
	"fmt"
	"math"

	"ember/learn"
)

// relatedModel is a linear model of character sequences that reads words it was
// not taught as words related to them, looks where a text stands among others
// without labels, and asks for the group of classes beside the class where the
// names of classes have groups.
type relatedModel struct {
	Vectoriser *Vectoriser
	Linear     *learn.Linear
	Groups     *learn.Linear // nil without groups
	Group      []int         // of each class
	Related    Related
	Around     *Surroundings // nil without texts that have no label
	Sharp      sharpness
	Fields     []string
	threads    int
}

// TextRelated is the linear support vector machine on character sequences for
// texts that will bring new words: samples without a label teach it which words
// are used alike and which texts belong together, and names of classes that are
// codes (INJ042) which classes do.
func TextRelated() Family {
	return Family{
		Name: "text-related", Rank: 25, Accepts: acceptsText,
		Fit:  fitRelated,
		Load: func(dir string) (Model, error) { return loadGob[relatedModel](dir) },
	}
}

// groupShare is how much the logarithm of a group's probability adds to that of
// a class.
const groupShare = .25

func fitRelated(ctx context.Context, d *Dataset, f Fitting) (Model, error) {
	others := d.Take(unlabelled(d))
	d, err := fittable(d)
	if err != nil {
		return nil, err
	}
	texts, more := allTexts(d), allTexts(others)
	m := &relatedModel{Fields: textFields(d), threads: max(f.Threads, 1)}
	if m.Related, err = findRelated(texts, more, others.Subject); err != nil {
		return nil, err
	}
	if m.Around, err = findSurroundings(more, others.Subject); err != nil {
		return nil, err
	}
	share := 0.
	o := learn.SVM{Seed: f.Seed, Threads: f.Threads, Stop: f.stop(), Progress: counted(f, "text-related", &share, 4)}
	if m.Sharp, err = fitSharpness(ctx, d, func(train, check []int) ([]float32, error) {
		part := &relatedModel{Around: m.Around, threads: m.threads}
		if err := part.fit(ctx, d, texts, train, o); err != nil {
			return nil, err
		}
		return part.scores(take(texts, check)), nil
	}); err != nil {
		return nil, err
	}
	return m, m.fit(ctx, d, texts, every(d.Len()), o)
}

// fit fits the two linear models to some rows.
func (m *relatedModel) fit(ctx context.Context, d *Dataset, texts []string, rows []int, o learn.SVM) (err error) {
	texts = take(texts, rows)
	o.Weight = evenly(take(d.Subject, rows))
	if m.Vectoriser, err = FitVectoriser(texts, take(d.Subject, rows), Grams{Low: 3, High: 5, Most: 100_000, ByCount: true}); err != nil {
		return err
	}
	if m.Vectoriser.Features() == 0 {
		return fmt.Errorf("aiaas: %s: the texts have no words", d.Name)
	}
	x := m.rows(texts)
	if m.Linear, err = learn.FitSVM(ctx, x, m.columns(), take(d.Labels, rows), len(d.Classes), o); err != nil {
		return err
	}
	group, n := stems(d.Classes)
	if group == nil || d.Multi {
		return nil
	}
	m.Group = group
	labels := make([][]int, len(rows))
	for k, i := range rows {
		labels[k] = []int{group[d.Labels[i][0]]}
	}
	m.Groups, err = learn.FitSVM(ctx, x, m.columns(), labels, n, o)
	return err
}

// columns is the number of features.
func (m *relatedModel) columns() int {
	if m.Around == nil {
		return m.Vectoriser.Features()
	}
	return m.Vectoriser.Features() + m.Around.Width
}

// rows are the texts as rows of features.
func (m *relatedModel) rows(texts []string) []learn.Row {
	out := make([]learn.Row, len(texts))
	inParallel(len(texts), m.threads, func(i int) {
		out[i] = m.Related.row(m.Vectoriser, texts[i])
		if m.Around != nil {
			out[i] = m.Around.beside(out[i], m.Vectoriser.Features(), texts[i])
		}
	})
	return out
}

// scores are those of classes, with a share of their group's. The scores of
// support vector machines are taken as logits of some sharpness.
func (m *relatedModel) scores(texts []string) []float32 {
	const sharp = 3
	k := m.Linear.Out
	out := make([]float32, len(texts)*k)
	var groups []float32
	var p []float64
	if m.Groups != nil {
		groups, p = make([]float32, m.Groups.Out), make([]float64, m.Groups.Out)
	}
	for i, r := range m.rows(texts) {
		row := out[i*k : (i+1)*k]
		m.Linear.Predict(r, row)
		if m.Groups == nil {
			continue
		}
		m.Groups.Predict(r, groups)
		for g, s := range groups {
			p[g] = sharp * float64(s)
		}
		learn.Softmax(p, p)
		for c := range row {
			row[c] += float32(groupShare / sharp * math.Log(p[m.Group[c]]+1e-9))
		}
	}
	return out
}

// Predict implements [Model].
func (m *relatedModel) Predict(ctx context.Context, d *Dataset) ([]float32, error) {
	if err := needs(d, FreeText, m.Fields); err != nil {
		return nil, err
	}
	out := m.scores(allTexts(d))
	m.Sharp.apply(out, m.Linear.Out)
	return out, ctx.Err()
}

// Save implements [Model].
func (m *relatedModel) Save(dir string) error { return saveGob(dir, m) }

func (m *relatedModel) check() error {
	if m.Vectoriser == nil || m.Linear == nil {
		return errors.New("parts are missing")
	}
	if m.Around != nil {
		if err := m.Around.check(); err != nil {
			return err
		}
	}
	if m.Linear.In != m.columns() {
		return errors.New("features do not fit")
	}
	if m.Groups != nil {
		if m.Groups.In != m.columns() || len(m.Group) != m.Linear.Out {
			return errors.New("groups of classes do not fit")
		}
		for _, g := range m.Group {
			if g < 0 || g >= m.Groups.Out {
				return errors.New("a class is in no group")
			}
		}
		if err := m.Groups.Check(); err != nil {
			return err
		}
	}
	return m.Linear.Check()
}
