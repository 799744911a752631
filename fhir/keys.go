package fhir

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// Keys are how a resource is found: the lists it stands in, its place in each, and
// marks of its values that are tested before it is read. A list is named for
// where it is kept; who keeps it hashes the name.
type Keys struct {
	Lists [][]byte
	Place int64
	Marks []uint16
}

// KeysVersion changes whenever [Extractor.Keys] would give another result for
// some resource, so that what was stored before is keyed anew.
const KeysVersion = 4

// yearOne is 0001-01-01 in milliseconds of Unix time.
const yearOne = -62_135_596_800_000

// PlaceOf is the place of what began at a time, in milliseconds of Unix time. What
// has no date stands before all others, at 0.
func PlaceOf(first int64) int64 {
	if first <= yearOne {
		return 1
	}
	return first - yearOne + 1
}

// LongTime is how long what stands in the lists of short things takes at most, in
// milliseconds. Longer things stand in lists of their own, so that a search for what
// is going on at a time need not look back further than this in the others.
const LongTime = 48 * 3600 * 1000

// mostLists bounds the lists of one resource; see [CrowdList].
const mostLists = 256

// TypeList names the list of all resources of a type.
func TypeList(typ string, long bool) []byte { return listName('t', long, typ, "", "") }

// TargetList names the list of the resources of a type that refer to a target,
// "Type/id" or what else the reference says.
func TargetList(typ, target string, long bool) []byte { return listName('r', long, typ, "", target) }

// ValueList names the list of the resources of a type with a code, of any system,
// for a parameter that is Listed. Of strings see [LineList].
func ValueList(typ, param, code string, long bool) []byte {
	return listName('v', long, typ, param, code)
}

// CrowdList names the list of the resources of a type that have too many values
// for lists of their own: all of them may be in any [TargetList] or [ValueList].
func CrowdList(typ string, long bool) []byte { return listName('c', long, typ, "", "") }

func listName[T string | []byte](sort byte, long bool, typ, param string, value T) []byte {
	return appendListName(make([]byte, 0, 3+len(typ)+len(param)+len(value)), sort, long, typ, param, value)
}

func appendListName[T string | []byte](b []byte, sort byte, long bool, typ, param string, value T) []byte {
	if long {
		sort -= 'a' - 'A'
	}
	b = append(append(append(b, sort, '|'), typ...), '|')
	if param != "" {
		b = append(append(b, param...), '|')
	}
	return append(b, value...)
}

// MarkOf is the mark of a value of a parameter.
func MarkOf[T string | []byte](p *Param, value T) uint16 {
	h := hashText(p.seed, value)
	h ^= h >> 16
	if m := uint16(h); m != 0xffff {
		return m
	}
	return 0xfffe
}

// A string is marked by its first markRunes characters, and stands, where its
// parameter is Listed, in a list for each beginning of leastRunes to markRunes.
const (
	leastRunes = 2
	markRunes  = 3
)

// LineMark is what of a folded string is marked: its beginning; ok is false when it
// is shorter than that.
func LineMark(folded []byte) (head []byte, ok bool) { return lineHead(folded, markRunes) }

// LineList names the list, for a parameter that is Listed, of the resources of a type
// with a string that begins with a folded one; ok is false when that is too short to
// have a list. Strings that begin otherwise may be in it.
func LineList(typ, param string, folded []byte, long bool) (list []byte, ok bool) {
	head, ok := lineHead(folded, markRunes)
	if !ok {
		_, ok = lineHead(folded, leastRunes)
	}
	return listName('v', long, typ, param, head), ok
}

// lineHead is the beginning of a string, all of it and not ok when it is shorter.
func lineHead(folded []byte, runes int) (head []byte, ok bool) {
	at := 0
	for range runes {
		if at >= len(folded) {
			return folded, false
		}
		_, n := utf8.DecodeRune(folded[at:])
		at += n
	}
	return folded[:at], true
}

// Target is a literal reference as it is compared: without version, in the form
// "Type/id" where it is relative. It is nil for what cannot be followed.
func Target(ref []byte) []byte {
	r := Ref{Text: ref, End: 1}
	switch r.Kind() {
	case Relative, Absolute:
		if i := bytes.Index(ref, []byte("/_history/")); i >= 0 {
			return ref[:i]
		}
		return ref
	case URN:
		return ref
	}
	return nil
}

// Keys are those of a resource as answers show it. patient, "" for none, is in
// whose compartment it is. The result has memory of its own.
func (x *Extractor) Keys(typ, patient string, raw []byte) Keys {
	values := x.Values(typ, raw)
	k := keyMaker{typ: typ, buf: make([]byte, 0, 256)}
	k.when(values)
	k.Lists = make([][]byte, 0, 6)
	k.Marks = make([]uint16, 0, len(values))
	k.list('t', "", nil)
	for i := range values {
		k.value(&values[i])
	}
	if patient != "" && typ != "Patient" {
		k.list('r', "", append([]byte("Patient/"), patient...))
	}
	if k.crowd {
		k.Lists = [][]byte{TypeList(typ, k.long), CrowdList(typ, k.long)}
		if patient != "" {
			k.Lists = append(k.Lists, TargetList(typ, "Patient/"+patient, k.long))
		}
	}
	return k.Keys
}

// keyMaker makes the keys of one resource.
type keyMaker struct {
	Keys
	typ   string
	long  bool
	crowd bool
	buf   []byte
}

// when finds the place: the earliest time of the ordering date.
func (k *keyMaker) when(values []Value) {
	first, last, some := int64(Latest), int64(Earliest), false
	for i := range values {
		if v := &values[i]; v.Form == Time && v.Param.Ordered {
			first, last, some = min(first, v.First), max(last, v.Last), true
		}
	}
	if !some {
		return
	}
	k.Place = PlaceOf(first)
	k.long = first == Earliest || last == Latest || last-first > LongTime
}

func (k *keyMaker) value(v *Value) {
	switch v.Form {
	case Coded, Word:
		if len(v.Code) == 0 {
			return
		}
		k.mark(MarkOf(v.Param, v.Code))
		if v.Param.Listed {
			k.list('v', v.Param.Name, v.Code)
		}
	case Pointer:
		if target := Target(v.Code); target != nil {
			k.mark(MarkOf(v.Param, target))
			k.list('r', "", target)
		}
	case Line:
		k.line(v.Param, Fold(v.Text))
	}
}

func (k *keyMaker) line(p *Param, folded []byte) {
	head, _ := LineMark(folded)
	k.mark(MarkOf(p, head))
	for runes := leastRunes; p.Listed && runes <= markRunes; runes++ {
		if head, ok := lineHead(folded, runes); ok {
			k.list('v', p.Name, head)
		}
	}
}

func (k *keyMaker) mark(m uint16) {
	if !slices.Contains(k.Marks, m) {
		k.Marks = append(k.Marks, m)
	}
}

func (k *keyMaker) list(sort byte, param string, value []byte) {
	if k.crowd {
		return
	}
	at := len(k.buf)
	k.buf = appendListName(k.buf, sort, k.long, k.typ, param, value)
	name := k.buf[at:len(k.buf):len(k.buf)]
	for _, other := range k.Lists {
		if bytes.Equal(other, name) {
			k.buf = k.buf[:at]
			return
		}
	}
	k.Lists = append(k.Lists, name)
	k.crowd = len(k.Lists) > mostLists
}
