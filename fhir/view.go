package fhir

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-json"
)

// View is a typed look at a resource, T being one of the structs of
// github.com/samply/golang-fhir-models. It is for reading only: the models lose
// contained resources and extensions of primitives, so what was received is never
// written from them.
//
// It fails when resourceType is not T's, and when the models do not know a code
// of a required value set. Required codes that are missing read as the first code
// of their value set in the models (Observation.status as registered): each is
// reported as an issue.
func View[T any](raw []byte) (T, []Issue, error) {
	var v T
	var h Header
	if issues := Scan(raw, &h); Refused(issues) {
		return v, issues, fmt.Errorf("fhir: viewing %s: malformed resource", h.root())
	}
	want := reflect.TypeFor[T]()
	if h.Type != want.Name() {
		return v, nil, fmt.Errorf("fhir: viewing %s as %s: another type", h.root(), want.Name())
	}
	if err := json.Unmarshal(plainEscapes(raw), &v); err != nil {
		// The text of the error may quote the resource.
		return v, nil, fmt.Errorf("fhir: viewing %s: the models cannot hold it", h.Type)
	}
	return v, missingCodes(raw, h.Type, want), nil
}

// missingCodes reports the required codes that the resource does not have.
func missingCodes(raw []byte, typ string, t reflect.Type) []Issue {
	present := map[string]bool{}
	c := cursor{b: raw}
	for k := c.open(); k != nil; k = c.next() {
		present[string(k)] = true
		c.skip()
	}
	var issues []Issue
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Type.Kind() == reflect.Int && options == "" && f.Type.PkgPath() != "" && !present[name] {
			issues = append(issues, Issue{Warning, "required", typ + "." + name, "missing; the view shows a value that is not there"})
		}
	}
	return issues
}

// plainEscapes writes \u escapes of printable ASCII as the character, for the
// models compare codes byte by byte ("\u003c" is the comparator "<").
func plainEscapes(raw []byte) []byte {
	var out []byte
	last := 0
	for i := 0; i+1 < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		if raw[i+1] != 'u' {
			i++
			continue
		}
		if r, ok := hex4(raw, i+2); ok && r > ' ' && r < 0x7f && r != '"' && r != '\\' {
			out = append(append(out, raw[last:i]...), byte(r))
			last = i + 6
		}
		i += 5
	}
	if out == nil {
		return raw
	}
	return append(out, raw[last:]...)
}
