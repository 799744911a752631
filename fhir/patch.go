package fhir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// PatchError is a patch that cannot be applied; its texts hold no values.
type PatchError struct {
	Op     int  // which operation, from 0; -1 for the whole
	Syntax bool // it is no JSON Patch, whatever it is applied to
	Detail string
}

// Error names the operation.
func (e *PatchError) Error() string {
	if e.Op < 0 {
		return "fhir: patch: " + e.Detail
	}
	return fmt.Sprintf("fhir: patch: operation %d: %s", e.Op, e.Detail)
}

// MostPatches bounds the operations of one patch.
const MostPatches = 1000

// mostCopied bounds the values that copies make: a copy of a copy of a copy has no end.
const mostCopied = 100_000

// Patch applies a JSON Patch (RFC 6902) to a resource: all operations or none. Numbers keep
// their digits and members their order. The error is a [*PatchError].
func Patch(resource, patch []byte) ([]byte, error) {
	var ops []struct {
		Op    string
		Path  *string
		From  *string
		Value json.RawMessage
	}
	d := json.NewDecoder(bytes.NewReader(patch))
	if err := d.Decode(&ops); err != nil || d.More() {
		return nil, &PatchError{-1, true, "no JSON Patch: an array of operations is expected"}
	}
	if len(ops) > MostPatches {
		return nil, &PatchError{-1, true, "more than " + strconv.Itoa(MostPatches) + " operations"}
	}
	doc, err := readTree(resource)
	if err != nil {
		return nil, &PatchError{-1, false, "the resource is no JSON"}
	}
	room := mostCopied
	for i, op := range ops {
		one := patchOp{op: op.Op, value: op.Value, room: &room}
		if one.path, err = pointer(op.Path); err != nil {
			return nil, &PatchError{i, true, "path: " + err.Error()}
		}
		if op.Op == "move" || op.Op == "copy" {
			if one.from, err = pointer(op.From); err != nil {
				return nil, &PatchError{i, true, "from: " + err.Error()}
			}
		}
		var syntax bool
		if doc, syntax, err = one.apply(doc); err != nil {
			return nil, &PatchError{i, syntax, err.Error()}
		}
		if doc == nil {
			return nil, &PatchError{i, false, "nothing would be left"}
		}
	}
	return doc.append(nil), nil
}

// pointer reads a JSON Pointer (RFC 6901).
func pointer(text *string) ([]string, error) {
	switch {
	case text == nil:
		return nil, errors.New("missing")
	case *text == "":
		return nil, nil
	case (*text)[0] != '/':
		return nil, errors.New("no JSON Pointer: it begins with /")
	}
	steps := strings.Split((*text)[1:], "/")
	for i := range steps {
		steps[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(steps[i])
	}
	return steps, nil
}

type patchOp struct {
	op         string
	path, from []string
	value      json.RawMessage
	room       *int // values that may still be copied
}

// apply gives what becomes of a document.
func (o *patchOp) apply(doc *tree) (changed *tree, syntax bool, err error) {
	switch o.op {
	case "add", "replace", "test":
		if o.value == nil {
			return nil, true, errors.New("value: missing")
		}
		v, err := readTree(o.value)
		if err != nil {
			return nil, true, errors.New("value: no JSON")
		}
		switch o.op {
		case "add":
			changed, err = doc.add(o.path, v)
		case "replace":
			changed, err = doc.replace(o.path, v)
		default:
			at, missing := doc.at(o.path)
			if changed, err = doc, missing; err == nil && !at.equal(v) {
				err = errors.New("the test fails")
			}
		}
		return changed, false, err
	case "remove":
		changed, _, err = doc.remove(o.path)
		return changed, false, err
	case "copy":
		v, err := doc.at(o.from)
		if err != nil {
			return nil, false, err
		}
		if *o.room -= v.size(); *o.room < 0 {
			return nil, false, errors.New("copies too much")
		}
		changed, err = doc.add(o.path, v.clone())
		return changed, false, err
	case "move":
		if len(o.path) > len(o.from) && equalSteps(o.path[:len(o.from)], o.from) {
			return nil, false, errors.New("a value cannot be moved into itself")
		}
		changed, v, err := doc.remove(o.from)
		if err != nil {
			return nil, false, err
		}
		if changed == nil {
			return v, false, nil
		}
		changed, err = changed.add(o.path, v)
		return changed, false, err
	}
	return nil, true, errors.New("op: one of add, remove, replace, move, copy, test is expected")
}

func equalSteps(a, b []string) bool { return strings.Join(a, "/") == strings.Join(b, "/") }

// errEnd is where JSON goes on that should end.
var errEnd = errors.New("more than one value")

// readTree reads JSON, keeping order and digits.
func readTree(b []byte) (*tree, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	t, err := readValue(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errEnd
	}
	return t, nil
}
