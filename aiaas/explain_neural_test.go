package aiaas_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"ember/aiaas"
)

// TestNetworksExplainThemselves: for words, pixels, steps and columns the shares
// add up to what Predict says, and what was planted has the largest.
func TestNetworksExplainThemselves(t *testing.T) {
	if testing.Short() {
		t.Skip("it fits networks for a minute")
	}
	t.Run("words", func(t *testing.T) {
		d := plantedWords(t)
		m := fitted(t, aiaas.TextBag(), d)
		e := explained(t, m, d, 0, 0)
		top := e.Words[0]
		for _, w := range e.Words {
			if w.Share > top.Share {
				top = w
			}
		}
		if top.Text != "angina" || d.Column(top.Column).Text[0][top.From:top.To] != "angina" {
			t.Errorf("%+v", top)
		}
	})
	t.Run("pixels", func(t *testing.T) {
		d := plantedPixels()
		m := fitted(t, aiaas.CNN(), d)
		e := explained(t, m, d, 1, 1)
		var within, all float64
		for i, v := range e.Image.Shares {
			all += math.Abs(float64(v))
			if x, y := i%e.Image.Width, i/e.Image.Width; x < 14 && y < 14 {
				within += math.Abs(float64(v))
			}
		}
		if within < .6*all || len(e.Image.PNG) == 0 {
			t.Errorf("%g of %g lie where the difference is", within, all)
		}
	})
	t.Run("columns", func(t *testing.T) {
		d, err := aiaas.ReadCSV(t.Context(), "visits.csv", strings.NewReader(withNoise(visits(300, 1))), schema, aiaas.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		explained(t, fitted(t, aiaas.MLP(), d), d, 3, 1)
	})
	t.Run("steps", func(t *testing.T) {
		d := plantedWaves()
		explained(t, fitted(t, aiaas.WaveCNN(), d), d, 1, 1)
	})
}

// explained checks completeness and agreement with Predict.
func explained(t *testing.T, m aiaas.Model, d *aiaas.Dataset, row, class int) aiaas.Explanation {
	t.Helper()
	e, err := aiaas.Explain(t.Context(), m, d, row, class)
	if err != nil {
		t.Fatal(err)
	}
	addsUp(t, e)
	p, err := m.Predict(t.Context(), d.Take([]int{row}))
	if err != nil {
		t.Fatal(err)
	}
	q := float64(p[class])
	if odds := math.Log(q / (1 - q)); e.Method != "integrated gradients" || math.Abs(odds-e.Score) > .01*math.Abs(odds)+.01 {
		t.Errorf("%s: the score is %g, the log odds are %g", e.Method, e.Score, odds)
	}
	return e
}

func plantedWords(t *testing.T) *aiaas.Dataset {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	words := strings.Fields("patient seen today for follow up no complaints stable on current therapy walks daily eats well sleeps")
	var csv strings.Builder
	csv.WriteString("note,group\n")
	for i := range 160 {
		var note []string
		for range 8 {
			note = append(note, words[rng.IntN(len(words))])
		}
		class := "other"
		if i%2 == 0 {
			class = "cardiac"
			note[rng.IntN(8)] = "angina"
		}
		fmt.Fprintf(&csv, "%s,%s\n", strings.Join(note, " "), class)
	}
	d, err := aiaas.ReadCSV(t.Context(), "notes.csv", strings.NewReader(csv.String()), aiaas.Schema{Task: aiaas.Text, Label: "group"}, aiaas.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func plain(task aiaas.Task, n int) *aiaas.Dataset {
	d := &aiaas.Dataset{Name: "planted", Task: task, Classes: []string{"no", "yes"}}
	for i := range n {
		d.Subject = append(d.Subject, fmt.Sprint(i))
		d.Places = append(d.Places, aiaas.Place{File: "planted", Line: i + 1})
		d.Labels = append(d.Labels, []int{i % 2})
	}
	return d
}

// plantedPixels are noise with, for one class, a cross in the upper left quarter.
func plantedPixels() *aiaas.Dataset {
	rng := rand.New(rand.NewPCG(2, 2))
	d := plain(aiaas.Images, 120)
	c := aiaas.Column{Name: "image", Kind: aiaas.Picture}
	for i := range d.Len() {
		m := aiaas.Image{Width: 28, Height: 28, Channels: 1, Pixels: make([]float32, 28*28)}
		for k := range m.Pixels {
			m.Pixels[k] = .3 + .2*rng.Float32()
		}
		for k := range 8 * (i % 2) {
			m.Pixels[(3+k)*28+6], m.Pixels[6*28+3+k] = 1, 1
		}
		c.Image = append(c.Image, m)
	}
	d.Columns = []aiaas.Column{c}
	return d
}

func plantedWaves() *aiaas.Dataset {
	rng := rand.New(rand.NewPCG(3, 3))
	d := plain(aiaas.Sequence, 80)
	c := aiaas.Column{Name: "series", Kind: aiaas.Waveforms}
	for i := range d.Len() {
		s := aiaas.Series{Channels: [][]float32{make([]float32, 40)}}
		for k := range s.Channels[0] {
			s.Channels[0][k] = .3 * float32(rng.NormFloat64())
			if i%2 == 1 && k > 10 && k < 16 {
				s.Channels[0][k] += 3
			}
		}
		c.Series = append(c.Series, s)
	}
	d.Columns = []aiaas.Column{c}
	return d
}

func TestANetworkIsExported(t *testing.T) {
	d := plantedWaves()
	m := fitted(t, aiaas.WaveCNN(), d)
	for _, format := range []string{"onnx", "safetensors"} {
		var b bytes.Buffer
		if err := m.(interface {
			Export(format string, w io.Writer) error
		}).Export(format, &b); err != nil || b.Len() < 1000 {
			t.Errorf("%s: %d bytes, %v", format, b.Len(), err)
		}
	}
}
