package aiaas

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// neuralData is a little data for several kinds of preparation, of which that of
// series draws its inputs anew each epoch.
func neuralData() map[string]*Dataset {
	return map[string]*Dataset{"mlp": visits(1), "text-bag": notes(1), "wave-cnn": curves(64, 1)}
}

// TestFitGoesOn cuts fits off after some epochs, and holds what a second one
// makes of the folder to the bits of a fit that nothing disturbed.
func TestFitGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("it fits networks for a minute")
	}
	for name, d := range neuralData() {
		f, err := FamilyNamed(Families(), name)
		if err != nil {
			t.Fatal(err)
		}
		want := predict(t, fit(t, f, d, Fitting{Seed: 3, Threads: 2}), d)
		o := Fitting{Seed: 3, Threads: 1, Folder: t.TempDir()}
		for _, part := range []float64{.1, .4} {
			ctx, cancel := context.WithCancel(context.Background())
			o.Progress = func(p Progress) {
				if p.Done > part {
					cancel()
				}
			}
			if _, err := f.Fit(ctx, d, o); !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: cut off: %v", name, err)
			}
			cancel()
		}
		files := filesIn(t, o.Folder)
		if files == 0 {
			t.Errorf("%s: nothing kept", name)
		}
		least := 1.
		o.Progress = func(p Progress) { least = min(least, p.Done) }
		if got := predict(t, fit(t, f, d, o), d); !slices.Equal(got, want) {
			t.Errorf("%s: a fit that was cut off gives another model", name)
		}
		if least < .1 {
			t.Errorf("%s: went on from %.2f, not from where it was", name, least)
		}
		files = filesIn(t, o.Folder)
		fit(t, f, d.Take(every(d.Len()-1)), Fitting{Seed: 3, Folder: o.Folder})
		if more := filesIn(t, o.Folder); more <= files {
			t.Errorf("%s: other data took up the run: %d files, %d before", name, more, files)
		}
	}
}

func filesIn(t *testing.T, folder string) int {
	t.Helper()
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

// TestChooseGoesOn cuts a choice off between folds and within one.
func TestChooseGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("it fits networks for a minute")
	}
	d := visits(5)
	o := Choosing{Seed: 2, Threads: 2, Only: []string{"linear", "mlp"}, Best: true, Reps: 50}
	want, err := Choose(context.Background(), d, Families(), o)
	if err != nil {
		t.Fatal(err)
	}
	o.Folder = t.TempDir()
	for _, part := range []float64{.3, .55} {
		ctx, cancel := context.WithCancel(context.Background())
		o.Progress = func(p Progress) {
			if p.Family == "mlp" && p.Done > part {
				cancel()
			}
		}
		if _, err := Choose(ctx, d, Families(), o); !errors.Is(err, context.Canceled) {
			t.Fatalf("cut off: %v", err)
		}
		cancel()
	}
	folds, err := filepath.Glob(filepath.Join(o.Folder, "*-mlp-*.fold"))
	if err != nil || len(folds) < 2 {
		t.Fatalf("%d folds kept, %v", len(folds), err)
	}
	if err := os.WriteFile(folds[0], []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	again := 0
	o.Progress = func(p Progress) {
		if p.Family == "linear" {
			again++
		}
	}
	got, err := Choose(context.Background(), d, Families(), o)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.OutOf, want.OutOf) || got.Board[1].Score != want.Board[1].Score {
		t.Error("a choice that was cut off comes to other folds")
	}
	if x := visits(6); !slices.Equal(predict(t, got.Model, x), predict(t, want.Model, x)) {
		t.Error("a choice that was cut off comes to another model")
	}
	if again > 1 { // the last fit to all may be linear's
		t.Errorf("linear was fitted again on %d folds", again)
	}
	o.Seed++
	other, err := Choose(context.Background(), d, Families(), o)
	if err != nil || slices.Equal(other.OutOf, want.OutOf) {
		t.Errorf("another seed took up the folds: %v", err)
	}
}

func TestNeuralKeepsItsBudget(t *testing.T) {
	if testing.Short() {
		t.Skip("it fits networks for a minute")
	}
	looks := ticking()
	m := fit(t, MLP(), visits(1), Fitting{Now: looks, Budget: 40e9})
	full := fit(t, MLP(), visits(1), Fitting{})
	if d := visits(2); slices.Equal(predict(t, m, d), predict(t, full, d)) {
		t.Error("a budget of forty looks at the clock changes nothing")
	} else if got := accuracy(d, predict(t, m, d)); got < .6 {
		t.Errorf("what the budget allowed is right on %.2f", got)
	}
}

// weekdays is three classes with a rare one.
func weekdays(n int) *Dataset {
	d := visits(9).Take(every(n))
	d.Classes = []string{"a", "b", "rare"}
	for i := range d.Labels {
		d.Labels[i] = []int{i % 2}
		d.Columns[0].Number[i] = float64(i%2) * 30
		if i%20 == 3 {
			d.Labels[i] = []int{2}
			d.Columns[0].Number[i] = 90
		}
	}
	return d
}

func TestRareClassesAreLearnedAndNotOverstated(t *testing.T) {
	if testing.Short() {
		t.Skip("it fits networks for a minute")
	}
	d := weekdays(400)
	p := predict(t, fit(t, MLP(), d, Fitting{}), d)
	var share [3]float64
	for i := range p {
		share[i%3] += float64(p[i]) / float64(d.Len())
	}
	if math.Abs(share[2]-.05) > .02 {
		t.Errorf("one in twenty is rare, the mean probability is %.3f", share[2])
	}
	if got := accuracy(d, p); got < .97 {
		t.Errorf("right on %.2f", got)
	}
}

func TestCustomNetworks(t *testing.T) {
	if testing.Short() {
		t.Skip("it fits networks for a minute")
	}
	for name, c := range map[string]struct {
		spec string
		d    *Dataset
	}{
		"table":  {`{"input":[8],"layers":[{"type":"Dense","units":16,"activation":"relu"},{"type":"Dense","units":2,"activation":"softmax"}]}`, visits(1)},
		"text":   {`{"input":[40],"layers":[{"type":"Embedding","input_dim":300,"output_dim":16,"mask_zero":true},{"type":"GlobalAvgPool"},{"type":"Dense","units":2,"activation":"softmax"}]}`, notes(1)},
		"multi":  {`{"input":[40],"layers":[{"type":"EmbeddingBag","input_dim":500,"output_dim":16,"mask_zero":true},{"type":"Dense","units":2,"activation":"sigmoid"}]}`, severals(1)},
		"image":  {`{"input":[12,16,3],"layers":[{"type":"Conv2D","filters":8,"kernel":3,"activation":"relu"},{"type":"Flatten"},{"type":"Dense","units":2}]}`, scans(160, 1)},
		"series": {`{"input":[50,1],"layers":[{"type":"GRU","units":12},{"type":"Dense","units":2}]}`, curves(120, 1)},
	} {
		f, err := Custom(json.RawMessage(c.spec), json.RawMessage(`{"epochs":12,"optimizer":{"learning_rate":0.01}}`))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := f.Accepts(c.d); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		m := fit(t, f, c.d, Fitting{})
		p := predict(t, m, c.d)
		checkProbabilities(t, name, c.d, p)
		base := goodness(c.d, predict(t, fit(t, Prior(), c.d, Fitting{}), c.d))
		if got := mean(goodness(c.d, p)); got < .9*mean(base) {
			t.Errorf("%s: %.3f, the prior %.3f", name, got, mean(base))
		}
		checkSaved(t, CustomLoader(), m, c.d, p)
	}
}

func TestCustomNamesTheLayer(t *testing.T) {
	for _, c := range []struct {
		spec, options, want string
		d                   *Dataset
	}{
		{`{"input":[28,28,1],"layers":[{"type":"Conv2D","filters":8,"kernel":30},{"type":"Flatten"},{"type":"Dense","units":2}]}`, "", "layer 1 (Conv2D)", nil},
		{`{"input":[8],"layers":[{"type":"Dense","units":3},{"type":"Dens","units":2}]}`, "", "Dense", nil},
		{`{"input":[8],"layers":[{"type":"Dense","units":3}]}`, "", "layer 1 (Dense)", visits(1)},
		{`{"input":[9],"layers":[{"type":"Dense","units":2}]}`, "", "the columns make [8]", visits(1)},
		{`{"input":[50,3],"layers":[{"type":"GRU","units":4},{"type":"Dense","units":2}]}`, "", "3 channels; the data has 1", curves(80, 1)},
		{`{"input":[8],"layers":[{"type":"Dense","units":2}]}`, "", "layer 1 (Dense) take number", notes(1)},
		{`{"input":[8],"layers":[{"type":"Dense","units":2}]}`, `{"epoch":3}`, "epochs", nil},
	} {
		f, err := Custom(json.RawMessage(c.spec), json.RawMessage(c.options))
		if err == nil && c.d != nil {
			if err = f.Accepts(c.d); err == nil {
				_, err = f.Fit(context.Background(), c.d, Fitting{})
			}
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, not %q", c.spec, c.options, err, c.want)
		}
	}
}

func TestVocabularyMakesNewWordsOfPieces(t *testing.T) {
	d := notes(1)
	v, err := fitVocabulary(d, false, 100)
	if err != nil {
		t.Fatal(err)
	}
	text := "Pain of the sternumpalpitations, ζ"
	tokens := v.tokens(text)
	if id, ok := v.index["pain"]; !ok || tokens[0] != (token{id, 0, 4}) {
		t.Errorf("a known word: %+v", tokens[0])
	}
	pieces := 0
	for _, k := range tokens {
		if text[k.from:k.to] == "sternumpalpitations" && k.id > float32(1+len(v.Words)) {
			pieces++
		}
	}
	if last := tokens[len(tokens)-1]; pieces < 2 || last.id != 1 {
		t.Errorf("%d pieces of a new word, the last letter is %+v", pieces, last)
	}
	v.limit(40)
	if v.size() > 40 {
		t.Errorf("%d ids, 40 asked for", v.size())
	}
	for _, k := range v.tokens(text) {
		if k.id >= 40 {
			t.Errorf("id %g", k.id)
		}
	}
}

func TestWavesFillGapsAndRates(t *testing.T) {
	nan := gap
	d := &Dataset{Name: "w", Task: Sequence, Subject: []string{"a", "b", "c"}, Columns: []Column{{Name: "s", Kind: Waveforms, Series: []Series{
		{Rate: 10, Channels: [][]float32{{1, 1, nan, 1, 3, 3, 3, 3}}},
		{Rate: 20, Channels: [][]float32{{1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 3, 3, 3, 3, 3, 3}}},
		{Rate: 10, Channels: [][]float32{{1, 1, 3, 3}}},
	}}}}
	w, err := fitWaves(d)
	if err != nil {
		t.Fatal(err)
	}
	if w.Steps != 8 || w.Rate != 10 || !w.Gaps {
		t.Fatalf("%+v", w)
	}
	x, err := w.inputs(d)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(x.Lengths, []int{8, 8, 4}) {
		t.Errorf("lengths %v", x.Lengths)
	}
	at := func(i, step, ch int) float32 { return x.Data[(i*8+step)*2+ch] }
	for step := range 8 {
		if gone := step == 2; (at(0, step, 1) == 1) != gone || gone && at(0, step, 0) != 0 {
			t.Errorf("step %d: %g, marked %g", step, at(0, step, 0), at(0, step, 1))
		}
		if step != 2 && at(0, step, 0) != at(1, step, 0) {
			t.Errorf("step %d: another rate gives %g, not %g", step, at(1, step, 0), at(0, step, 0))
		}
	}
}

func TestImagesOfColourAndSizes(t *testing.T) {
	if testing.Short() {
		t.Skip("it fits networks for a minute")
	}
	d := scans(70, 1)
	for i, m := range d.Columns[0].Image {
		d.Columns[0].Image[i] = m.Resize(90, 70, 3)
	}
	p, err := fitPictures(d, usualVariation)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.shape(), []int{96, 96, 3}) {
		t.Errorf("%v", p.shape())
	}
	if n, err := cnnSpec(p.shape()).Dense(2).Parameters(); err != nil || n > 150_000 {
		t.Errorf("%d parameters, %v", n, err)
	}
	if n, err := cnnSpec([]int{28, 28, 1}).Dense(2).Parameters(); err != nil || cnn().members*n > 100_000 {
		t.Errorf("%d parameters for 28 × 28, %v", cnn().members*n, err)
	}
	x, err := p.inputs(d.Take([]int{0, 1}))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := p.raw(d.Take([]int{0, 1}))
	if err != nil {
		t.Fatal(err)
	}
	one, two, again := x, x, x
	one.Data, two.Data, again.Data = slices.Clone(x.Data), slices.Clone(x.Data), slices.Clone(x.Data)
	p.vary(raw, one, 1, 1)
	p.vary(raw, two, 1, 2)
	p.vary(raw, again, 1, 1)
	if !slices.Equal(one.Data, again.Data) || slices.Equal(one.Data, two.Data) || slices.Equal(one.Data, x.Data) {
		t.Error("images are not varied by seed and epoch")
	}
	p.Vary = variation{}
	p.vary(raw, two, 1, 1)
	for i, v := range two.Data {
		if math.Abs(float64(v-x.Data[i])) > 2e-3 {
			t.Fatalf("no variation changes pixel %d from %g to %g", i, x.Data[i], v)
		}
	}
}
