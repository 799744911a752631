package nn

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const cnnJSON = `{"input":[28,28,1],"layers":[{"type":"Conv2D","filters":32,"kernel":[3,3],"activation":"relu"},
	{"type":"MaxPool2D","pool":[2,2]},{"type":"Flatten"},{"type":"Dense","units":10,"activation":"softmax"}]}`

func TestSpecInJSONAndInGoAreTheSame(t *testing.T) {
	want := Input(28, 28, 1).Conv2D(32, 3, "relu").MaxPool2D(2).Flatten().Dense(10, "softmax")
	got, err := ParseSpec([]byte(cnnJSON))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for name, spec := range layerCases() {
		text, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ParseSpec(text); err != nil || !reflect.DeepEqual(back, spec) {
			t.Errorf("%s: %s became %+v, %v", name, text, back, err)
		}
	}
}

func TestSpecCountsAndShapes(t *testing.T) {
	for _, c := range []struct {
		spec  Spec
		count int
		out   []int
	}{
		{Input(28, 28, 1).Conv2D(32, 3, "relu").MaxPool2D(2).Flatten().Dense(10, "softmax"), 32*9 + 32 + 13*13*32*10 + 10, []int{10}},
		{Input(20, 7).LSTM(128), 4 * 128 * (7 + 128 + 1), []int{128}},
		{Input(20, 7).GRU(8).Sequences().Bidirectional(), 2 * 3 * 8 * (7 + 8 + 2), []int{20, 16}},
		{Input(20).Embedding(100, 8).Conv1D(4, 3).Same().Strides(2), 800 + 3*8*4 + 4, []int{10, 4}},
		{Input(9, 9, 2).Conv2D(3, 3).Strides(2, 2).BatchNorm(), 54 + 3 + 6, []int{4, 4, 3}},
	} {
		n, err := c.spec.Parameters()
		if err != nil || n != c.count {
			t.Errorf("%v: %d parameters, want %d; %v", c.spec, n, c.count, err)
		}
		m := build(t, c.spec, 1)
		if !slices.Equal(m.Output(), c.out) {
			t.Errorf("%v: output %v, want %v", c.spec, m.Output(), c.out)
		}
	}
}

func TestSpecErrorsSayWhatAndWhere(t *testing.T) {
	for _, c := range []struct {
		json string
		says []string
	}{
		{`{"input":[28,28],"layers":[{"type":"Conv2D","filters":3,"kernel":3}]}`, []string{"layer 1 (Conv2D)", "[height width channels]", "[28 28]"}},
		{`{"input":[4,4,1],"layers":[{"type":"Flatten"},{"type":"LSTM","units":3}]}`, []string{"layer 2 (LSTM)", "[steps features]", "[16]"}},
		{`{"input":[4,4,1],"layers":[{"type":"Conv2D","filters":3,"kernel":[5,5]}]}`, []string{"layer 1 (Conv2D)", "[5 5]", "[4 4 1]"}},
		{`{"input":[4],"layers":[{"type":"Residual","layers":[{"type":"Dense","units":3}]}]}`, []string{"layer 1 (Residual)", "[3]", "[4]"}},
		{`{"input":[4],"layers":[{"type":"Residual","layers":[{"type":"Conv1D","filters":1,"kernel":1}]}]}`, []string{"layer 1 (Residual)", "layer 1 (Conv1D)"}},
		{`{"input":[4],"layers":[{"type":"Dens","units":3}]}`, []string{"layer 1 (Dens)", `did you mean "Dense"?`}},
		{`{"input":[4,4,1],"layers":[{"type":"Conv2D","filters":3,"kernel_size":3}]}`, []string{"layer 1 (Conv2D)", `"kernel_size"`, `did you mean "kernel"?`}},
		{`{"input":[4],"layers":[{"type":"Dense","units":3,"filters":2}]}`, []string{"layer 1 (Dense)", `"filters"`, "units activation"}},
		{`{"input":[4],"layer":[]}`, []string{`did you mean "layers"?`}},
		{`{"input":[4],"layers":[{"type":"Dense","units":3,"activation":"rleu"}]}`, []string{`did you mean "relu"?`}},
		{`{"input":[4],"layers":[{"type":"Dense"}]}`, []string{"layer 1 (Dense)", "units is 0"}},
		{`{"input":[4],"layers":[{"type":"Dense","units":16777216},{"type":"Dense","units":16777216}]}`, []string{"more than"}},
		{`{"input":[16777216,16777216,16777216],"layers":[{"type":"Flatten"}]}`, []string{"the input", "more than"}},
		{`{"input":[1000000],"layers":[{"type":"Embedding","input_dim":2,"output_dim":100000}]}`, []string{"layer 1 (Embedding)", "[1000000 100000]"}},
		{`{"input":[0],"layers":[{"type":"Dense","units":3}]}`, []string{"input is 0"}},
		{`{"input":[4],"layers":[]}`, []string{"without layers"}},
		{`{"input":[4,2],"layers":[{"type":"Dense","units":3},{"type":"Embedding","input_dim":3,"output_dim":2}]}`, []string{"layer 2 (Embedding)", "[4 3]"}},
		{`{"input":[4],"layers":[{"type":"Dense","units":3},{"type":"Embedding","input_dim":3,"output_dim":2}]}`, []string{"layer 2 (Embedding)", "first"}},
		{`{"input":[4,2],"layers":[{"type":"Attention","units":6,"heads":4}]}`, []string{"layer 1 (Attention)", "6", "4 heads"}},
		{`{"input":[4,2],"layers":[{"type":"Bidirectional","layer":{"type":"Dense","units":3}}]}`, []string{"layer 1 (Bidirectional)", "(Dense)"}},
		{`{"input":[4],"layers":[{"type":"Dropout","rate":1}]}`, []string{"rate 1"}},
		{`{"input":[4],"layers":[]} {}`, []string{"more follows"}},
		{`{"input":"x"}`, []string{"sizes"}},
	} {
		s, err := ParseSpec([]byte(c.json))
		if err == nil {
			_, err = s.Build(1)
		}
		for _, want := range c.says {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v does not say %s", c.json, err, want)
			}
		}
	}
}

func TestKerasNamesWork(t *testing.T) {
	s, err := ParseSpec([]byte(`{"input":[8,8,1],"layers":[{"type":"BatchNormalization"},{"type":"MaxPooling2D","pool":2},{"type":"GlobalAveragePooling2D"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if m := build(t, s, 1); !slices.Equal(m.Output(), []int{1}) {
		t.Errorf("output %v", m.Output())
	}
}

func TestParseOptions(t *testing.T) {
	o, err := ParseOptions([]byte(`{"epochs":3,"batch_size":64,"optimizer":{"name":"adamw","learning_rate":0.01},"schedule":{"name":"cosine","warmup_steps":5}}`))
	if err != nil || o.Epochs != 3 || o.Batch != 64 || o.Optimizer.Rate != .01 || o.Schedule.Warmup != 5 {
		t.Errorf("%+v, %v", o, err)
	}
	for text, want := range map[string]string{
		`{"epoch":3}`:                                  `did you mean "epochs"?`,
		`{"optimizer":{"name":"adm"}}`:                 `did you mean "adam"?`,
		`{"schedule":{"name":"step"}}`:                 "every_epochs",
		`{"epochs":-1,"batch_size":-2}`:                "batch_size",
		`{"optimizer":{"name":"adam","momentum":0.9}}`: "sgd",
	} {
		if _, err := ParseOptions([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v does not say %s", text, err, want)
		}
	}
}

func TestSchedules(t *testing.T) {
	for _, c := range []struct {
		s    Schedule
		step int
		want float64
	}{
		{Schedule{}, 50, 1},
		{Schedule{Warmup: 10}, 0, .1}, {Schedule{Warmup: 10}, 9, 1}, {Schedule{Warmup: 10}, 60, 1},
		{Schedule{Name: "cosine"}, 0, 1}, {Schedule{Name: "cosine"}, 50, .5}, {Schedule{Name: "cosine", Final: .2}, 100, .2},
		{Schedule{Name: "cosine", Warmup: 20}, 60, .5},
		{Schedule{Name: "step", Every: 3}, 29, 1}, {Schedule{Name: "step", Every: 3}, 30, .1}, {Schedule{Name: "step", Every: 3, Factor: .5}, 65, .25},
	} {
		if got := c.s.share(c.step, 10, 100); !close32(float32(got), float32(c.want), 1) {
			t.Errorf("%+v at step %d: %g, want %g", c.s, c.step, got, c.want)
		}
	}
}

// Whatever is asked for, the answer is a model or an error.
func FuzzParseSpec(f *testing.F) {
	f.Add([]byte(cnnJSON))
	for _, spec := range layerCases() {
		text, err := json.Marshal(spec)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		spec, err := ParseSpec(data)
		if err != nil {
			return
		}
		n, err := spec.Parameters()
		if err != nil || n > 1e5 || size(spec.Input) > 1e4 {
			return
		}
		m, err := spec.Build(1)
		if err != nil {
			t.Fatalf("%s has %d parameters, but: %v", data, n, err)
		}
		if m.widest > 1e5 {
			return
		}
		y, err := m.Predict(NewTensor(append([]int{2}, spec.Input...)...))
		if err != nil || !slices.Equal(y.Shape[1:], m.Output()) {
			t.Errorf("%s puts out %v, not %v: %v", data, y.Shape, m.Output(), err)
		}
	})
}
