package nn

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// stripes are images of 8×8 whose class is the direction of their stripes.
func stripes(n int, seed uint64) Data {
	rng := seeded(seed)
	d := Data{X: NewTensor(n, 8, 8, 1), Y: NewTensor(n)}
	for i := range n {
		class, shift := rng.IntN(3), rng.IntN(4)
		d.Y.Data[i] = float32(class)
		for y := range 8 {
			for x := range 8 {
				at := [3]int{y, x, x + y}[class] + shift
				d.X.Data[i*64+y*8+x] = float32(at/2%2) + .3*float32(rng.NormFloat64())
			}
		}
	}
	return d
}

// words are padded sequences of ids; the class is which of two words came last.
func words(n int, seed uint64) Data {
	rng := seeded(seed)
	d := Data{X: NewTensor(n, 10), Y: NewTensor(n)}
	for i := range n {
		length := 2 + rng.IntN(9)
		for t := range length {
			d.X.Data[i*10+t] = float32(3 + rng.IntN(17))
		}
		for range 3 {
			class := rng.IntN(2)
			d.X.Data[i*10+rng.IntN(length)] = float32(1 + class)
		}
		for t := range length {
			if id := d.X.Data[i*10+t]; id < 3 {
				d.Y.Data[i] = id - 1
			}
		}
	}
	return d
}

func build(t testing.TB, s Spec, seed uint64) *Model {
	t.Helper()
	m, err := s.Build(seed)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func fit(t testing.TB, m *Model, d Data, o Options) History {
	t.Helper()
	h, err := Fit(context.Background(), m, d, o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

var smallCNN = Input(8, 8, 1).Conv2D(8, 3, "relu").BatchNorm().MaxPool2D(2).Flatten().Dropout(.2).Dense(3, "softmax")

func TestFitLearns(t *testing.T) {
	for name, c := range map[string]struct {
		spec        Spec
		train, test Data
		o           Options
	}{
		"cnn":  {smallCNN, stripes(600, 1), stripes(300, 2), Options{Epochs: 8, Threads: 2, Optimizer: Optimizer{Rate: .005}}},
		"lstm": {Input(10).Embedding(20, 8).Masked().LSTM(16).Dense(2, "softmax"), words(1500, 1), words(300, 2), Options{Epochs: 12, Optimizer: Optimizer{Rate: .01}, ClipNorm: 1}},
		"gru": {Input(10).Embedding(20, 8).Masked().GRU(16).Dense(1, "sigmoid"), words(1500, 1), words(300, 2),
			Options{Epochs: 12, Optimizer: Optimizer{Name: "adamw", Rate: .01, Decay: .001}, Schedule: Schedule{Name: "cosine", Warmup: 20}}},
		"attention": {Input(8, 8).Attention(8, 2).LayerNorm().AttentionPool(8).Dense(3, "softmax"), rows(stripes(900, 1)), rows(stripes(300, 2)),
			Options{Epochs: 15, Optimizer: Optimizer{Name: "sgd", Rate: .1, Momentum: .9}, Average: "ema", AverageDecay: .9}},
	} {
		t.Run(name, func(t *testing.T) {
			m := build(t, c.spec, 1)
			fit(t, m, c.train, c.o)
			score, err := m.Evaluate(c.test, c.o)
			if err != nil {
				t.Fatal(err)
			}
			if score.Metric < .9 {
				t.Errorf("accuracy %g, loss %g on new data", score.Metric, score.Loss)
			}
		})
	}
}

// rows takes the rows of images for steps.
func rows(d Data) Data {
	d.X.Shape = []int{d.X.Shape[0], 8, 8}
	return d
}

func sameBits(t *testing.T, a, b *Model) {
	t.Helper()
	for i, p := range a.Params() {
		for j, v := range p.Value {
			if math.Float32bits(v) != math.Float32bits(b.Params()[i].Value[j]) {
				t.Fatalf("%s differs at %d: %g and %g", p.Name, j, v, b.Params()[i].Value[j])
			}
		}
	}
}

func TestFitIsDeterministic(t *testing.T) {
	data := stripes(203, 3)
	for _, threads := range []int{1, 2, 3} {
		o := Options{Epochs: 2, Threads: threads, Seed: 9}
		a, b := build(t, smallCNN, 4), build(t, smallCNN, 4)
		fit(t, a, data, o)
		fit(t, b, data, o)
		sameBits(t, a, b)
	}
}

// Without dropout and batch normalisation the parts of a batch add up to the
// whole.
func TestThreadsAgree(t *testing.T) {
	spec := Input(10).Embedding(20, 6).Masked().LSTM(7).Bidirectional().Dense(2, "softmax")
	data := words(100, 5)
	one, three := build(t, spec, 4), build(t, spec, 4)
	fit(t, one, data, Options{Epochs: 2, Seed: 9})
	fit(t, three, data, Options{Epochs: 2, Seed: 9, Threads: 3})
	for i, p := range one.Params() {
		for j, v := range p.Value {
			if math.Abs(float64(v-three.Params()[i].Value[j])) > 1e-4 {
				t.Fatalf("%s differs at %d: %g and %g", p.Name, j, v, three.Params()[i].Value[j])
			}
		}
	}
}

func TestResumingGivesTheSameBits(t *testing.T) {
	train, validation := stripes(150, 3), stripes(60, 4)
	for _, average := range []string{"", "ema", "swa"} {
		o := Options{Epochs: 6, Threads: 2, Seed: 9, Validation: &validation, Patience: 4, Average: average,
			Optimizer: Optimizer{Name: "adamw", Rate: .003, Decay: .01}, Schedule: Schedule{Name: "cosine", Warmup: 3}}
		whole := build(t, smallCNN, 4)
		want := fit(t, whole, train, o)

		var file bytes.Buffer
		stop := errors.New("interrupted")
		first := o
		first.Checkpoint = func(c *Checkpoint) error {
			if c.Epoch < 3 {
				return nil
			}
			if err := c.Save(&file); err != nil {
				t.Error(err)
			}
			return stop
		}
		if _, err := Fit(context.Background(), build(t, smallCNN, 4), train, first); !errors.Is(err, stop) {
			t.Fatalf("error %v, want %v", err, stop)
		}
		second := o
		second.Resume = bytes.NewReader(file.Bytes())
		resumed := build(t, smallCNN, 77)
		got := fit(t, resumed, train, second)
		sameBits(t, whole, resumed)
		if !slices.Equal(want.Epochs, got.Epochs) || want.Best != got.Best || want.Stopped != got.Stopped {
			t.Errorf("%q: history %+v, uninterrupted %+v", average, got, want)
		}
		other := o
		other.Resume, other.Seed = bytes.NewReader(file.Bytes()), 10
		if _, err := Fit(context.Background(), resumed, train, other); err == nil || !strings.Contains(err.Error(), "options") {
			t.Errorf("resuming with another seed: %v", err)
		}
		for i := range 40 {
			damaged := slices.Clone(file.Bytes())
			damaged[i*len(damaged)/40] ^= 1
			second.Resume = bytes.NewReader(damaged)
			if _, err := Fit(context.Background(), resumed, train, second); !errors.Is(err, ErrFormat) {
				t.Fatalf("resuming from a damaged file: %v", err)
			}
		}
	}
}

func TestEarlyStoppingKeepsTheBest(t *testing.T) {
	train, validation := stripes(40, 3), stripes(200, 4)
	o := Options{Epochs: 200, Validation: &validation, Patience: 5, Optimizer: Optimizer{Rate: .02}}
	m := build(t, smallCNN, 4)
	h := fit(t, m, train, o)
	if !h.Stopped || len(h.Epochs) != h.Best+5 {
		t.Fatalf("stopped %v after %d epochs, the best was %d", h.Stopped, len(h.Epochs), h.Best)
	}
	score, err := m.Evaluate(validation, o)
	if err != nil {
		t.Fatal(err)
	}
	if want := h.Epochs[h.Best-1].Validation; score != want {
		t.Errorf("the model scores %v, its best epoch %v", score, want)
	}
}

func TestProgressTellsWhereItIs(t *testing.T) {
	var told []Progress
	clock := time.Unix(0, 0)
	o := Options{Epochs: 2, Batch: 50, Progress: func(p Progress) { told = append(told, p) },
		Now: func() time.Time { clock = clock.Add(time.Second); return clock }}
	fit(t, build(t, smallCNN, 1), stripes(150, 1), o)
	if len(told) != 8 {
		t.Fatalf("%d reports, want 3 steps and an end for each of 2 epochs", len(told))
	}
	if p := told[1]; p.Epoch != 1 || p.Step != 2 || p.Steps != 3 || p.Left != 4*time.Second || p.MetricName != "accuracy" {
		t.Errorf("after two steps: %+v", p)
	}
	if p := told[7]; !p.EpochEnd || p.Epoch != 2 || p.Left != 0 {
		t.Errorf("at the end: %+v", p)
	}
}

func TestFitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	steps := 0
	o := Options{Epochs: 100, Threads: 2, Progress: func(Progress) {
		if steps++; steps == 3 {
			cancel()
		}
	}}
	if _, err := Fit(ctx, build(t, smallCNN, 1), stripes(320, 1), o); !errors.Is(err, context.Canceled) || steps != 3 {
		t.Errorf("error %v after %d steps", err, steps)
	}
}

func TestFitRefusesWhatDoesNotFit(t *testing.T) {
	good := stripes(10, 1)
	change := func(f func(d *Data)) Data { d := good; f(&d); return d }
	for want, c := range map[string]struct {
		d Data
		o Options
	}{
		"[n 8 8 1]":            {d: change(func(d *Data) { d.X = NewTensor(10, 8, 8, 2) })},
		"targets":              {d: change(func(d *Data) { d.Y = NewTensor(9) })},
		"class below 3":        {d: change(func(d *Data) { d.Y = Of([]float32{0, 1, 2, 3, 0, 0, 0, 0, 0, 0}, 10) })},
		"did you mean \"mse\"": {d: good, o: Options{Loss: "msee"}},
		"softmax":              {d: good, o: Options{Loss: "binary_crossentropy"}},
		"adamw":                {d: good, o: Options{Optimizer: Optimizer{Decay: 1}}},
		"patience":             {d: good, o: Options{Patience: 1}},
		"class weights":        {d: good, o: Options{ClassWeights: []float32{1}}},
		"checksum":             {d: good, o: Options{Resume: strings.NewReader("12345678")}},
	} {
		_, err := Fit(context.Background(), build(t, smallCNN, 1), c.d, c.o)
		if want == "checksum" {
			if !errors.Is(err, ErrFormat) {
				t.Errorf("no checkpoint: %v", err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}

func TestStepsAllocateNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("short runs are those of the race detector, under which pools forget")
	}
	for name, c := range map[string]struct {
		spec Spec
		data Data
	}{
		"cnn":  {smallCNN, stripes(64, 1)},
		"lstm": {Input(10).Embedding(20, 8).Masked().LSTM(16).Sequences().GRU(8).Dense(2, "softmax"), words(64, 1)},
	} {
		m := build(t, c.spec, 1)
		tr, err := newTrainer(m, c.data, Options{Threads: 2, Batch: 64})
		if err != nil {
			t.Fatal(err)
		}
		for i := range tr.order {
			tr.order[i] = i
		}
		for range 3 {
			tr.oneStep(tr.order, 0)
		}
		if n := testing.AllocsPerRun(20, func() { tr.oneStep(tr.order, 0) }); n > 0 {
			t.Errorf("%s: %g allocations in a step of training", name, n)
		}
		tr.close()
		s := m.Session()
		if n := testing.AllocsPerRun(20, func() {
			if _, err := s.Predict(c.data.X); err != nil {
				t.Error(err)
			}
		}); n > 0 {
			t.Errorf("%s: %g allocations in a prediction", name, n)
		}
	}
}

// Each step has a label of its own: whether a small or a large id came last;
// labels behind the end and negative ones are left out.
func TestFitLabelsSteps(t *testing.T) {
	d := words(400, 3)
	d.Y = NewTensor(400, 10)
	for i := range 400 {
		for s := range 10 {
			switch id := d.X.Data[i*10+s]; {
			case id == 0:
				d.Y.Data[i*10+s] = float32(s % 2) // nonsense, but padding
			case s == 3:
				d.Y.Data[i*10+s] = -1
			case id > 10:
				d.Y.Data[i*10+s] = 1
			}
		}
	}
	m := build(t, Input(10).Embedding(20, 8).Masked().GRU(12).Sequences().Bidirectional().Dense(2, "softmax"), 1)
	o := Options{Epochs: 12, Optimizer: Optimizer{Rate: .01}}
	fit(t, m, d, o)
	score, err := m.Evaluate(d, o)
	if err != nil || score.Metric < .99 {
		t.Errorf("%+v, %v", score, err)
	}
}

func TestMean(t *testing.T) {
	p := &Param{Value: []float32{7, -1}}
	m := NewMean([]*Param{p}, .5)
	m.Store()
	if p.Value[0] != 7 {
		t.Errorf("a mean of no steps changed the parameter to %g", p.Value[0])
	}
	for _, v := range []float32{2, 4, 8} { // the first two weigh alike, then half goes to the last
		p.Value[0] = v
		m.Step()
	}
	m.Store()
	if p.Value[0] != 5.5 || p.Value[1] != -1 {
		t.Errorf("mean %v, want [5.5 -1]", p.Value)
	}
}
