package aiaas_test

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"ember/aiaas"
)

// fitted is a family fitted to a dataset.
func fitted(t *testing.T, f aiaas.Family, d *aiaas.Dataset) aiaas.Model {
	t.Helper()
	m, err := f.Fit(t.Context(), d, aiaas.Fitting{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// addsUp checks that shares are the difference of the scores.
func addsUp(t *testing.T, e aiaas.Explanation) {
	t.Helper()
	sum := 0.
	for _, w := range e.Words {
		sum += w.Share
	}
	for _, c := range e.Columns {
		sum += c.Share
	}
	if e.Image != nil {
		for _, v := range e.Image.Shares {
			sum += float64(v)
		}
	}
	for _, s := range e.Series {
		for _, v := range s.Shares {
			sum += float64(v)
		}
	}
	if diff := e.Score - e.Baseline; math.Abs(diff-sum-e.Gap) > 1e-3 || math.Abs(e.Gap) > .01*math.Abs(diff)+1e-3 {
		t.Errorf("the shares sum to %g, the scores differ by %g, the gap is %g", sum, diff, e.Gap)
	}
}

func TestTheWordThatCountsIsNamed(t *testing.T) {
	d := plantedWords(t)
	m := fitted(t, aiaas.TextSVM(), d)
	for _, row := range []int{0, 2, 10} {
		e, err := aiaas.Explain(t.Context(), m, d, row, 0)
		if err != nil {
			t.Fatal(err)
		}
		addsUp(t, e)
		top := 0
		for i, w := range e.Words {
			if w.Share > e.Words[top].Share {
				top = i
			}
			if d.Columns[0].Text[row][w.From:w.To] != w.Text {
				t.Errorf("%q is not at %d:%d", w.Text, w.From, w.To)
			}
		}
		if e.Class != "cardiac" || e.Words[top].Text != "angina" {
			t.Errorf("%s by %q", e.Class, e.Words[top].Text)
		}
	}
}

// TestTakingTheTopColumnsMovesTheScoreMost: on trees, the column with the largest
// share moves the score more, when unknown, than a column taken by chance.
func TestTakingTheTopColumnsMovesTheScoreMost(t *testing.T) {
	d, err := aiaas.ReadCSV(t.Context(), "visits.csv", strings.NewReader(withNoise(visits(400, 3))), schema, aiaas.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	m := fitted(t, aiaas.Trees(), d)
	better := 0
	const tried = 40
	for row := range tried {
		e, err := aiaas.Explain(t.Context(), m, d, row, 1)
		if err != nil {
			t.Fatal(err)
		}
		addsUp(t, e)
		top := 0
		for i, c := range e.Columns {
			if math.Abs(c.Share) > math.Abs(e.Columns[top].Share) {
				top = i
			}
		}
		other := (top + 1 + row%(len(e.Columns)-1)) % len(e.Columns)
		if moved(t, m, d, row, e.Columns[top].Name) >= moved(t, m, d, row, e.Columns[other].Name) {
			better++
		}
	}
	if better < tried*9/10 {
		t.Errorf("in %d of %d samples only", better, tried)
	}
}

// withNoise adds columns that say nothing.
func withNoise(csv string) string {
	rng := rand.New(rand.NewPCG(9, 9))
	lines := strings.Split(strings.TrimSpace(csv), "\n")
	for i := range lines {
		if i == 0 {
			lines[i] += ",a,b"
			continue
		}
		lines[i] += fmt.Sprintf(",%d,%d", rng.IntN(100), rng.IntN(100))
	}
	return strings.Join(lines, "\n") + "\n"
}

// moved is how much the log odds move when a column is unknown.
func moved(t *testing.T, m aiaas.Model, d *aiaas.Dataset, row int, column string) float64 {
	t.Helper()
	odds := func(d *aiaas.Dataset) float64 {
		p, err := m.Predict(context.WithoutCancel(t.Context()), d)
		if err != nil {
			t.Fatal(err)
		}
		return math.Log(float64(p[1]) / (1 - float64(p[1])))
	}
	whole, less := d.Take([]int{row}), d.Take([]int{row})
	less.Column(column).Missing = []bool{true}
	return math.Abs(odds(whole) - odds(less))
}

// bright is a model of images: the mean of the upper left quarter.
type bright struct{ aiaas.Model }

func (bright) Predict(_ context.Context, d *aiaas.Dataset) ([]float32, error) {
	var out []float32
	for _, m := range d.Columns[0].Image {
		var sum float32
		for y := range m.Height / 2 {
			for x := range m.Width / 2 {
				sum += m.Pixels[y*m.Width+x]
			}
		}
		p := .1 + .8*sum/float32(m.Width*m.Height/4)
		out = append(out, 1-p, p)
	}
	return out, nil
}

func TestThePatchThatCountsIsHot(t *testing.T) {
	m := aiaas.Image{Width: 32, Height: 32, Channels: 1, Pixels: make([]float32, 32*32)}
	for y := range 8 {
		for x := range 8 {
			m.Pixels[y*32+x] = 1
		}
	}
	d := &aiaas.Dataset{Name: "x", Task: aiaas.Images, Classes: []string{"dark", "bright"}, Subject: []string{"1"}, Places: []aiaas.Place{{File: "x"}},
		Columns: []aiaas.Column{{Name: "image", Kind: aiaas.Picture, Image: []aiaas.Image{m}}}}
	e, err := aiaas.Explain(t.Context(), bright{}, d, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	addsUp(t, e)
	for i, v := range e.Image.Shares {
		x, y := i%e.Image.Width, i/e.Image.Width
		if hot := x < 2 && y < 2; hot != (v > .01) {
			t.Errorf("patch %d,%d has the share %g", x, y, v)
		}
	}
	shown, err := png.Decode(bytes.NewReader(e.Image.PNG))
	if err != nil || shown.Bounds().Dx() < 224 {
		t.Fatalf("%v, %v", shown, err)
	}
	if r, _, b, _ := shown.At(10, 10).RGBA(); r <= b {
		t.Errorf("what speaks for the class is not red: %d, %d", r, b)
	}
}
