package aiaas

import (
	"context"
	"encoding/json"
	"errors"
)

func Custom(spec, options json.RawMessage) (Family, error) { return Family{}, errors.New("not yet") }
func CustomLoader() Family                                  { return Family{Name: "custom"} }
func Explain(ctx context.Context, m Model, d *Dataset, row, class int) (Explanation, error) {
	return Explanation{}, errors.New("not yet")
}
