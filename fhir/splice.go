package fhir

import (
	"encoding/binary"
	"errors"
	"slices"
)

// Splice says that Raw[Start:End] of received bytes reads With in answers.
// With is JSON text: what stands between quotes is already escaped.
type Splice struct {
	Start, End int
	With       string
}

// Apply is raw with the splices put in. Bytes outside them are unchanged, and
// raw itself is never modified; without splices raw is returned as it is.
// Insertions at the same place keep their order. Splices that overlap or lie
// outside raw are left out.
func Apply(raw []byte, splices []Splice) []byte {
	if len(splices) == 0 {
		return raw
	}
	splices = ordered(splices)
	size := len(raw)
	for _, s := range splices {
		size += len(s.With)
	}
	out := make([]byte, 0, size)
	at := 0
	for _, s := range splices {
		if s.Start < at || s.End < s.Start || s.End > len(raw) {
			continue
		}
		out = append(out, raw[at:s.Start]...)
		out = append(out, s.With...)
		at = s.End
	}
	return append(out, raw[at:]...)
}

func ordered(splices []Splice) []Splice {
	byStart := func(a, b Splice) int { return a.Start - b.Start }
	if slices.IsSortedFunc(splices, byStart) {
		return splices
	}
	splices = slices.Clone(splices)
	slices.SortStableFunc(splices, byStart)
	return splices
}

// EncodeSplices packs splices into bytes for storage; none gives nil.
func EncodeSplices(splices []Splice) []byte {
	if len(splices) == 0 {
		return nil
	}
	out := binary.AppendUvarint(nil, uint64(len(splices)))
	for _, s := range splices {
		out = binary.AppendUvarint(out, uint64(s.Start))
		out = binary.AppendUvarint(out, uint64(s.End-s.Start))
		out = binary.AppendUvarint(out, uint64(len(s.With)))
		out = append(out, s.With...)
	}
	return out
}

var errSplices = errors.New("fhir: decoding splices: malformed")

// DecodeSplices is the inverse of [EncodeSplices].
func DecodeSplices(b []byte) ([]Splice, error) {
	if len(b) == 0 {
		return nil, nil
	}
	number := func(limit uint64) (int, bool) {
		v, n := binary.Uvarint(b)
		if n <= 0 || v > limit {
			return 0, false
		}
		b = b[n:]
		return int(v), true
	}
	count, ok := number(uint64(len(b)))
	if !ok {
		return nil, errSplices
	}
	const offsets = 1 << 40
	out := make([]Splice, 0, min(count, 64))
	for range count {
		start, ok1 := number(offsets)
		length, ok2 := number(offsets)
		size, ok3 := number(uint64(len(b)))
		if !ok1 || !ok2 || !ok3 || size > len(b) {
			return nil, errSplices
		}
		out = append(out, Splice{Start: start, End: start + length, With: string(b[:size])})
		b = b[size:]
	}
	if len(b) != 0 {
		return nil, errSplices
	}
	return out, nil
}
