package aiaas

import (
	"context"
	"fmt"

	"ember/learn/nn"
)

// Explanation is why a model says what it says of one sample: shares of its
// inputs, which add up to Score − Baseline but for Gap.
type Explanation struct {
	// Method is "integrated gradients" (of networks) or "sampled Shapley values"
	// (of everything else).
	Method   string        `json:"method"`
	Class    string        `json:"class,omitempty"`
	Score    float64       `json:"score"`    // log odds of the class, or the number predicted
	Baseline float64       `json:"baseline"` // the score of an input that says nothing
	Gap      float64       `json:"gap"`      // Score − Baseline − Σ shares
	Words    []WordShare   `json:"words,omitempty"`
	Columns  []ColumnShare `json:"columns,omitempty"`
	Image    *ImageShare   `json:"image,omitempty"`
	Series   []SeriesShare `json:"series,omitempty"`
}

// WordShare is what a word of a text gives; From and To are its place in bytes.
type WordShare struct {
	Column string  `json:"column"`
	Text   string  `json:"text"`
	From   int     `json:"from"`
	To     int     `json:"to"`
	Share  float64 `json:"share"`
}

// ColumnShare is what a column of a table gives, against its value being unknown.
type ColumnShare struct {
	Name  string  `json:"name"`
	Value string  `json:"value"`
	Share float64 `json:"share"`
}

// ImageShare is what each pixel gives, row by row.
type ImageShare struct {
	Column string    `json:"column"`
	Width  int       `json:"width"`
	Height int       `json:"height"`
	Shares []float32 `json:"shares"`
	PNG    []byte    `json:"png"` // the image under a heat map: red speaks for the class, blue against
}

// SeriesShare is what each step of a channel gives.
type SeriesShare struct {
	Column  string    `json:"column"`
	Channel int       `json:"channel"`
	Shares  []float32 `json:"shares"`
}

// networked is a model that is one network behind its preparation of a sample.
type networked interface {
	// input is what the network is given for the one sample of d, and the input
	// that says nothing.
	input(d *Dataset) (m *nn.Model, x, baseline nn.Tensor, err error)
	// show puts the shares of the network's input into words, pixels or steps.
	show(d *Dataset, x nn.Tensor, shares []float32, e *Explanation) error
}

// Explain says why the model gives sample row of d what it gives of a class; the
// class is 0 where a number is predicted.
func Explain(ctx context.Context, m Model, d *Dataset, row, class int) (Explanation, error) {
	d = d.Take([]int{row})
	e := Explanation{Method: "sampled Shapley values"}
	if class < len(d.Classes) {
		e.Class = d.Classes[class]
	}
	net, ok := m.(networked)
	if !ok {
		return e, shapley(ctx, m, d, class, &e)
	}
	e.Method = "integrated gradients"
	model, x, baseline, err := net.input(d)
	if err != nil {
		return e, err
	}
	a, err := model.Attribute(x, baseline, min(class, size(model.Output())-1))
	if err != nil {
		return e, fmt.Errorf("aiaas: explaining: %w", err)
	}
	if size(model.Output()) == 1 && len(d.Classes) == 2 && class == 0 { // the one output is of the other class
		a.Score, a.Baseline, a.Gap = -a.Score, -a.Baseline, -a.Gap
		for i := range a.Shares {
			a.Shares[i] = -a.Shares[i]
		}
	}
	e.Score, e.Baseline, e.Gap = a.Score, a.Baseline, a.Gap
	return e, net.show(d, x, a.Shares, &e)
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
