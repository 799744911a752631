package nn

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestModelsAreSavedWhole(t *testing.T) {
	m := build(t, smallCNN, 4)
	fit(t, m, stripes(50, 1), Options{})
	var file bytes.Buffer
	if err := m.Save(&file); err != nil {
		t.Fatal(err)
	}
	back, err := LoadModel(bytes.NewReader(file.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	sameBits(t, m, back)
	x := stripes(9, 2).X
	one, err1 := m.Predict(x)
	two, err2 := back.Predict(x)
	if err1 != nil || err2 != nil || !slices.Equal(one.Data, two.Data) {
		t.Errorf("another answer after loading: %v %v", err1, err2)
	}
	for i := range file.Len() {
		bad := slices.Clone(file.Bytes())
		bad[i] ^= 4
		if _, err := LoadModel(bytes.NewReader(bad)); !errors.Is(err, ErrFormat) {
			t.Fatalf("byte %d damaged: %v", i, err)
		}
	}
	for i := range 50 {
		if _, err := LoadModel(bytes.NewReader(file.Bytes()[:i*file.Len()/50])); !errors.Is(err, ErrFormat) {
			t.Fatalf("cut short: %v", err)
		}
	}
	if err := build(t, Input(8, 8, 1).Flatten().Dense(3), 1).LoadWeights(bytes.NewReader(file.Bytes())); err == nil || !strings.Contains(err.Error(), `"2.dense.W"`) {
		t.Errorf("weights of another model: %v", err)
	}
}

// A file as other libraries write it: no checksum, any order.
func TestWeightsOfOthers(t *testing.T) {
	m := build(t, Input(2).Dense(1), 1)
	file := func(header string, data ...byte) []byte {
		b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
		return append(append(b, header...), data...)
	}
	good := `{"1.dense.B":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"1.dense.W":{"dtype":"F32","shape":[2,1],"data_offsets":[4,12]}}`
	data := []byte{0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64} // 1, 2, 3
	if err := m.LoadWeights(bytes.NewReader(file(good, data...))); err != nil {
		t.Fatal(err)
	}
	if y, err := m.Predict(Of([]float32{10, 100}, 1, 2)); err != nil || y.Data[0] != 321 {
		t.Errorf("%v, %v", y, err)
	}
	for name, bad := range map[string][]byte{
		"half precision": file(strings.Replace(good, "F32", "F16", 1), data...),
		"gap":            file(strings.Replace(good, "[0,4]", "[1,5]", 1), data...),
		"overlap":        file(strings.Replace(good, "[4,12]", "[0,8]", 1), data...),
		"outside":        file(strings.Replace(good, "[4,12]", "[4,16]", 1), data...),
		"negative":       file(strings.Replace(good, "[2,1]", "[-2,-1]", 1), data...),
		"longer":         file(good, append(data, 0)...),
		"no JSON":        file(good[1:], data...),
		"long header":    file(good, data...)[:30],
	} {
		if err := m.LoadWeights(bytes.NewReader(bad)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := m.LoadWeights(bytes.NewReader(file(strings.Replace(good, "[2,1]", "[1,2]", 1), data...))); err == nil || !strings.Contains(err.Error(), "[1 2] in the file, [2 1] in the model") {
		t.Errorf("another shape: %v", err)
	}
}

func FuzzLoadModel(f *testing.F) {
	var file bytes.Buffer
	if err := writeTensors(&file, nil, map[string]string{specKey: `{"input":[2],"layers":[{"type":"Dense","units":1}]}`}); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := LoadModel(bytes.NewReader(data)); err == nil && m == nil {
			t.Error("neither model nor error")
		}
		if len(data) > 8 { // past the checksum
			_ = build(t, Input(2).Dense(1), 1).LoadWeights(bytes.NewReader(data))
		}
	})
}

func TestPredictionsAtTheSameTime(t *testing.T) {
	m := build(t, Input(10).Embedding(20, 8).Masked().LSTM(16).Dense(2, "softmax"), 1)
	d := words(700, 1)
	want, err := m.Predict(d.X)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for worker := range 8 {
		wait.Go(func() {
			for i := worker; i < 700; i += 8 {
				y, err := m.Predict(Of(d.X.Data[i*10:i*10+10], 1, 10))
				if err != nil || !close32(y.Data[0], want.Data[2*i], 1) {
					t.Errorf("sample %d: %v, in a batch %v; %v", i, y.Data, want.Data[2*i:2*i+2], err)
					return
				}
			}
		})
	}
	wait.Wait()
}

func TestPredictRefusesWhatDoesNotFit(t *testing.T) {
	text := build(t, Input(4).Embedding(5, 2).LSTM(3), 1)
	for want, x := range map[string]Tensor{
		"[n 4]":        NewTensor(2, 5),
		"do not make":  {Shape: []int{2, 4}, Data: make([]float32, 7)},
		"lengths of 2": {Shape: []int{2, 4}, Data: make([]float32, 8), Lengths: []int{1}},
		"length 5":     {Shape: []int{1, 4}, Data: make([]float32, 4), Lengths: []int{5}},
		"below 5":      Of([]float32{0, 1, 2, 5}, 1, 4),
		"is 1.5":       Of([]float32{0, 1, 2, 1.5}, 1, 4),
	} {
		if _, err := text.Predict(x); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
}

// Padding and what else is in the batch must not matter.
func TestPaddingDoesNotMatter(t *testing.T) {
	for name, spec := range layerCases() {
		if len(spec.Input) != 2 || name == "flatten" {
			continue
		}
		m := build(t, spec, 1)
		steps, width := spec.Input[0], spec.Input[1]
		x := Of(randoms(seeded(3), 2*steps*width), 2, steps, width)
		x.Lengths = []int{3, steps}
		a, err := m.Predict(x)
		if err != nil {
			t.Fatal(err)
		}
		for i := 3 * width; i < steps*width; i++ {
			x.Data[i] = 1e3
		}
		b, err := m.Predict(x)
		if err != nil {
			t.Fatal(err)
		}
		n := len(a.Data) / 2
		if len(m.out) == 2 { // the real steps
			n = 3 * m.out[1]
			if l, ok := m.net.layers[0].(interface{ steps(int) int }); ok {
				n = l.steps(3) * m.out[1]
			}
		}
		if !slices.Equal(a.Data[:n], b.Data[:n]) || !slices.Equal(a.Data[len(a.Data)/2:], b.Data[len(b.Data)/2:]) {
			t.Errorf("%s: the answer depends on padding\n%v", name, fmt.Sprint(a.Data[:n], b.Data[:n]))
		}
	}
}

// Sessions serve what the weights are, also when they change afterwards, and fold
// the embedding in without changing answers.
func TestSessionsFollowTraining(t *testing.T) {
	for _, spec := range []Spec{
		Input(10).Embedding(20, 8).Masked().LSTM(16).Dense(2, "softmax"),
		Input(10).Embedding(20, 8).GRU(7).Sequences().Bidirectional().GlobalMaxPool().Dense(2, "softmax"),
	} {
		m, d := build(t, spec, 1), words(60, 1)
		d.X.Data[13] = 0 // within a sequence
		session := m.Session()
		for range 2 {
			y, err := session.Predict(d.X)
			if err != nil {
				t.Fatal(err)
			}
			plain := newReplica(m, &objective{}, false)
			want := m.headLayer().Forward(plain.net.forward(d.X, false), false)
			for i, v := range want.Data {
				if !close32(y.Data[i], v, 1) {
					t.Fatalf("output %d is %g, without folding %g", i, y.Data[i], v)
				}
			}
			fit(t, m, d, Options{Epochs: 2})
		}
	}
}
