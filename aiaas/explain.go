package aiaas

// Explanation is why a model says what it says of one sample, in shares of its
// inputs.
type Explanation struct {
	Method   string  `json:"method"` // how the shares were found
	Class    string  `json:"class"`
	Score    float64 `json:"score"`    // log odds, or the number predicted
	Baseline float64 `json:"baseline"` // the score of an input that says nothing
}
