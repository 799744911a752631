package aiaas

import (
	"context"
	"encoding/json"
	"errors"
)

// Custom is a stand-in.
func Custom(spec, options json.RawMessage) (Family, error) { return Family{}, errors.New("not yet") }

// CustomLoader is a stand-in.
func CustomLoader() Family { return Family{Name: "custom"} }

// Explain is a stand-in.
func Explain(ctx context.Context, m Model, d *Dataset, row, class int) (Explanation, error) {
	return Explanation{}, errors.New("not yet")
}
