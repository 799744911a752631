package nn

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
)

// ParseSpec reads a spec from JSON. Unknown fields and types are refused with the
// name that may have been meant.
func ParseSpec(data []byte) (Spec, error) {
	var raw struct {
		Input  Dims              `json:"input"`
		Layers []json.RawMessage `json:"layers"`
	}
	if err := strict(data, &raw); err != nil {
		return Spec{}, fmt.Errorf("nn: model: %w", err)
	}
	layers, err := parseLayers(raw.Layers)
	if err != nil {
		return Spec{}, fmt.Errorf("nn: %w", err)
	}
	return Spec{Input: raw.Input, Layers: layers}, nil
}

func parseLayers(raw []json.RawMessage) ([]LayerSpec, error) {
	layers := make([]LayerSpec, len(raw))
	for i, data := range raw {
		if err := strict(data, &layers[i]); err != nil {
			var named struct {
				Type string `json:"type"`
			}
			_ = json.Unmarshal(data, &named) // only to say which layer it is
			return nil, fmt.Errorf("layer %d (%s): %w", i+1, named.Type, err)
		}
	}
	return layers, nil
}

// strict decodes one JSON value and refuses fields that v does not have.
func strict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, err = d.Token(); err == io.EOF {
			return nil
		}
		return errors.New("more follows the JSON value")
	}
	_, name, found := strings.Cut(err.Error(), `unknown field "`)
	if !found {
		return err
	}
	name, _, _ = strings.Cut(name, `"`)
	fields := jsonFields(reflect.TypeOf(v).Elem())
	return fmt.Errorf("unknown field %q%s; there are: %s", name, meant(name, fields), strings.Join(fields, ", "))
}

// jsonFields are the JSON names of a struct's fields.
func jsonFields(t reflect.Type) []string {
	var names []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}

// meant suggests the closest of names, or nothing when none is close.
func meant(name string, names []string) string {
	best, least := "", len(name)/2+1
	for _, n := range names {
		a, b := strings.ToLower(name), strings.ToLower(n)
		d := distance(a, b)
		if len(b) > 2 && len(a) > 2 && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a)) {
			d = min(d, 1)
		}
		if d < least {
			best, least = n, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// distance is how many letters are to be put in, taken out or changed.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal, row[j+1] = row[j+1], min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// UnmarshalJSON takes a number for a list of one.
func (d *Dims) UnmarshalJSON(data []byte) error {
	var n int
	if json.Unmarshal(data, &n) == nil {
		*d = Dims{n}
		return nil
	}
	var list []int
	if err := json.Unmarshal(data, &list); err != nil {
		return errors.New("sizes are a whole number or a list of them")
	}
	*d = list
	return nil
}

// checkFields reports fields of a layer that its type does not read.
func checkFields(s LayerSpec, k kind) error {
	v := reflect.ValueOf(s)
	allowed := append(strings.Fields(k.fields), "type", "name")
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if !v.Field(i).IsZero() && !slices.Contains(allowed, name) {
			return fmt.Errorf("%s has no field %q%s; it has: %s", s.Type, name, meant(name, allowed), k.fields)
		}
	}
	return nil
}
