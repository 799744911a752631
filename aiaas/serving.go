package aiaas

import (
	"encoding/json"
	"time"
)

// InputInfo is one thing a model wants to know of a sample.
type InputInfo struct {
	Name     string   `json:"name"`
	Kind     string   `json:"kind"`
	Shape    []int    `json:"shape"`    // of one sample; -1 = any
	Datatype string   `json:"datatype"` // FP32, FP64 or BYTES, as the Open Inference Protocol has them
	Words    []string `json:"words,omitempty"`
}

// Serving is a version of a model, as those see it who ask it.
type Serving struct {
	Name     string              `json:"name"`
	Task     string              `json:"task"`
	Version  string              `json:"version"`
	Family   string              `json:"family"`
	Created  time.Time           `json:"created"`
	Serves   bool                `json:"serves"`
	Shadow   bool                `json:"shadow,omitempty"`
	Classes  []string            `json:"classes,omitempty"`
	Multi    bool                `json:"multi,omitempty"`
	Inputs   []InputInfo         `json:"inputs"`
	Measures map[string]Estimate `json:"measures,omitempty"` // on samples it was not fitted on
	Dataset  string              `json:"dataset"`
	Origin   json.RawMessage     `json:"origin,omitempty"`   // of the dataset
	Interval *Interval           `json:"interval,omitempty"` // where a number is predicted
	// Forced is what the gate says of a version that was made to serve against its word.
	Forced string `json:"-"`
}

// Interval is how far what came lay from the number predicted, on samples that the model
// had not learned from (split conformal prediction; Lei et al., JASA 2018;113:1094): of
// Level of new ones like them the number lies from Below under the prediction to Above
// over it.
type Interval struct {
	Level float64 `json:"level"`
	Below float64 `json:"below"`
	Above float64 `json:"above"`
}

// Prediction is what a model says of samples.
type Prediction struct {
	Model   Serving    `json:"model"`
	Outputs int        `json:"outputs"` // numbers a sample: one a class, or one
	Values  []float32  `json:"values"`  // samples × outputs
	Labels  [][]string `json:"labels"`  // by sample; nil where a number is predicted
}

// ShadowReport is how a shadow's answers compare with those that were given.
type ShadowReport struct {
	Version    string  `json:"version"`
	Requests   int     `json:"requests"`
	Samples    int     `json:"samples"`
	Failed     int     `json:"failed"`         // requests that the shadow did not answer
	Agree      float64 `json:"agree"`          // share of samples with the same label
	Difference float64 `json:"meanDifference"` // mean absolute difference of the numbers
}

// Tensor is a named array, as the Open Inference Protocol carries them.
type Tensor struct {
	Name     string
	Datatype string    // "BYTES", or a number's
	Shape    []int     // the first is the samples
	Floats   []float64 // the numbers, in row order
	Bytes    [][]byte  // of BYTES
}
