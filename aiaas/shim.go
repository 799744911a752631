package aiaas

import (
	"context"
	"errors"
)

// Explain is a stand-in.
func Explain(ctx context.Context, m Model, d *Dataset, row, class int) (Explanation, error) {
	return Explanation{}, errors.New("not yet")
}
