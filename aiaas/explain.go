package aiaas

import "context"

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

// explainer is a model that knows better than to have its inputs taken away.
type explainer interface {
	// explain fills e for the one sample of d.
	explain(d *Dataset, class int, e *Explanation) error
}

// Explain says why the model gives sample row of d what it gives of a class; the
// class is 0 where a number is predicted.
func Explain(ctx context.Context, m Model, d *Dataset, row, class int) (Explanation, error) {
	d = d.Take([]int{row})
	e := Explanation{Method: "sampled Shapley values"}
	if class < len(d.Classes) {
		e.Class = d.Classes[class]
	}
	if m, ok := m.(explainer); ok {
		return e, m.explain(d, class, &e)
	}
	return e, shapley(ctx, m, d, class, &e)
}
