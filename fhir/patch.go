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

// What one patch may hold in memory: a copy of a copy of a copy has no end, and a value
// of two bytes takes a hundred as a tree.
const (
	mostCopied = 100_000 * treeBytes // by copies
	mostRead   = 1_000_000           // values of the resource and of the operations
)

// errMuch is a resource and a patch of more values than are read.
var errMuch = errors.New("more than " + strconv.Itoa(mostRead) + " values")

// Patch applies a JSON Patch (RFC 6902) to a resource: all operations or none. Numbers keep
// their digits and members their order. The error is a [*PatchError].
func Patch(resource, patch []byte) ([]byte, error) {
	var ops []struct {
		Op    string
		Path  *string
		From  *string
		Value json.RawMessage
	}
	if err := json.Unmarshal(patch, &ops); err != nil || ops == nil {
		return nil, &PatchError{-1, true, "no JSON Patch: an array of operations is expected"}
	}
	if len(ops) > MostPatches {
		return nil, &PatchError{-1, true, "more than " + strconv.Itoa(MostPatches) + " operations"}
	}
	unread, room := mostRead, mostCopied
	doc, err := readTree(resource, &unread)
	if err != nil {
		return nil, &PatchError{-1, false, unreadable("the resource", err)}
	}
	for i, op := range ops {
		one := patchOp{op: op.Op, value: op.Value, unread: &unread, room: &room}
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
	if strings.Count(*text, "/") > mostDepth {
		return nil, errors.New("deeper than anything can be")
	}
	steps := strings.Split((*text)[1:], "/")
	for i := range steps {
		steps[i] = unescapeStep.Replace(steps[i])
	}
	return steps, nil
}

var unescapeStep = strings.NewReplacer("~1", "/", "~0", "~")

type patchOp struct {
	op         string
	path, from []string
	value      json.RawMessage
	unread     *int // values that may still be read
	room       *int // bytes that may still be copied
}

// apply gives what becomes of a document.
func (o *patchOp) apply(doc *tree) (changed *tree, syntax bool, err error) {
	switch o.op {
	case "add", "replace", "test":
		if o.value == nil {
			return nil, true, errors.New("value: missing")
		}
		v, err := readTree(o.value, o.unread)
		if err != nil {
			return nil, true, errors.New(unreadable("value", err))
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

func unreadable(what string, err error) string {
	if errors.Is(err, errMuch) {
		return what + ": " + err.Error()
	}
	return what + ": no JSON"
}

// readTree reads JSON of at most so many values, keeping order and digits.
func readTree(b []byte, most *int) (*tree, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	t, err := readValue(d, 0, most)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errEnd
	}
	return t, nil
}
