package timelines

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strings"
	"time"

	"ember/record"
)

// formatVersion is the first byte of every encoded timeline.
const formatVersion = 2

// Presence bits of an encoded event.
const (
	hasStart = 1 << iota
	hasEnd
	hasDays
	hasValue
	hasAnswer
	hasReason
	isCancelled
	hasText
)

// isHome is the bit of [record.Event.Home] beside severity and status.
const isHome = 1 << 4

// encoder writes one timeline: a table of its strings and coding sets, then
// persons, encounters and events that refer to it. Everything is local to the
// patient, so erasing the blob erases all that it said.
type encoder struct {
	strings  map[string]uint64
	table    []string
	codings  map[string]uint64
	visits   map[string]uint64 // encounter reference → its place + 1
	sets     []byte
	setCount uint64
	body     []byte
	scratch  []byte
}

// Encode gives the compact form of a sorted timeline. Times keep milliseconds
// and are UTC; equal timelines have equal bytes.
func Encode(t record.Timeline) []byte {
	e := &encoder{strings: map[string]uint64{"": 0}, table: []string{""}, codings: map[string]uint64{}, visits: map[string]uint64{}}
	e.person(t.Person)
	e.uint(uint64(len(t.Encounters)))
	for i, c := range t.Encounters {
		e.encounter(c)
		e.visits[c.ID] = uint64(i) + 1
	}
	e.events(t.Events)
	e.events(t.Undated)
	return e.assemble()
}

func (e *encoder) assemble() []byte {
	out := []byte{formatVersion}
	out = binary.AppendUvarint(out, uint64(len(e.table)))
	for _, s := range e.table {
		out = binary.AppendUvarint(out, uint64(len(s)))
	}
	for _, s := range e.table {
		out = append(out, s...)
	}
	out = binary.AppendUvarint(out, e.setCount)
	out = append(out, e.sets...)
	return append(out, e.body...)
}

func (e *encoder) uint(v uint64) { e.body = binary.AppendUvarint(e.body, v) }
func (e *encoder) int(v int64)   { e.body = binary.AppendVarint(e.body, v) }

func (e *encoder) id(s string) uint64 {
	if id, ok := e.strings[s]; ok {
		return id
	}
	id := uint64(len(e.table))
	e.strings[s] = id
	e.table = append(e.table, s)
	return id
}

func (e *encoder) string(s string) { e.uint(e.id(s)) }

func (e *encoder) bool(b bool) {
	var v uint64
	if b {
		v = 1
	}
	e.uint(v)
}

// time writes 0 for the zero time, else the distance to base in milliseconds.
func (e *encoder) time(t time.Time, base int64) {
	if t.IsZero() {
		e.int(0)
		return
	}
	d := t.UnixMilli() - base
	if d >= 0 { // keep 0 for "none"
		d++
	}
	e.int(d)
}

func (e *encoder) code(c record.Code) {
	e.string(c.System)
	e.string(c.Value)
	e.string(c.Display)
}

// codingSet interns the concept with its codings.
func (e *encoder) codingSet(concept record.Code, codes []record.Code) uint64 {
	s := e.scratch[:0]
	s = e.appendCode(s, concept)
	s = binary.AppendUvarint(s, uint64(len(codes)))
	for _, c := range codes {
		s = e.appendCode(s, c)
	}
	e.scratch = s
	if id, ok := e.codings[string(s)]; ok {
		return id
	}
	id := e.setCount
	e.codings[string(s)] = id
	e.sets = append(e.sets, s...)
	e.setCount++
	return id
}

func (e *encoder) appendCode(b []byte, c record.Code) []byte {
	b = binary.AppendUvarint(b, e.id(c.System))
	b = binary.AppendUvarint(b, e.id(c.Value))
	return binary.AppendUvarint(b, e.id(c.Display))
}

func (e *encoder) person(p record.Person) {
	e.string(p.ID)
	e.uint(uint64(p.Sex))
	e.date(p.Born)
	e.bool(p.Dead)
	e.time(p.Died, 0)
	e.string(p.Race)
	e.string(p.Ethnicity)
	e.string(p.ReplacedBy)
	e.bool(p.OptOut)
}

func (e *encoder) date(d record.Date) {
	e.int(int64(d.Year))
	e.uint(uint64(d.Month))
	e.uint(uint64(d.Day))
}

func (e *encoder) encounter(c record.Encounter) {
	e.reference(c.ID)
	e.string(c.Class)
	e.code(c.Type)
	e.time(c.Start, 0)
	e.time(c.End, 0)
	e.uint(uint64(len(c.Reason)))
	for _, r := range c.Reason {
		e.code(r)
	}
	e.string(c.Site)
}

// visit writes the place of a known encounter, else 0 and the reference.
func (e *encoder) visit(ref string) {
	place := e.visits[ref]
	e.uint(place)
	if place == 0 {
		e.reference(ref)
	}
}

func (e *encoder) events(events []record.Event) {
	e.uint(uint64(len(events)))
	last := int64(0)
	for i := range events {
		last = e.event(&events[i], last)
	}
}

func (e *encoder) event(v *record.Event, last int64) int64 {
	e.body = append(e.body, byte(v.Kind)|byte(v.Mode)<<5, flags(v), grades(v))
	e.uint(e.codingSet(v.Concept, v.Codes))
	e.time(v.Known, last)
	known := last
	if !v.Known.IsZero() {
		known = v.Known.UnixMilli()
	}
	if !v.Start.IsZero() {
		e.time(v.Start, known)
	}
	if !v.End.IsZero() {
		e.time(v.End, known)
	}
	if v.Days != 0 {
		e.int(int64(v.Days))
	}
	if v.HasValue {
		e.body = binary.LittleEndian.AppendUint64(e.body, math.Float64bits(v.Value))
		e.string(v.Unit)
	}
	if !v.Answer.Zero() {
		e.code(v.Answer)
	}
	if len(v.Reason) > 0 {
		e.uint(uint64(len(v.Reason)))
		for _, r := range v.Reason {
			e.reference(r)
		}
	}
	if flags(v)&hasText != 0 {
		e.string(v.Text)
	}
	e.visit(v.Encounter)
	e.reference(v.Source)
	return known
}

func flags(v *record.Event) byte {
	var f byte
	set := func(on bool, bit byte) {
		if on {
			f |= bit
		}
	}
	set(!v.Start.IsZero(), hasStart)
	set(!v.End.IsZero(), hasEnd)
	set(v.Days != 0, hasDays)
	set(v.HasValue, hasValue)
	set(!v.Answer.Zero(), hasAnswer)
	set(len(v.Reason) > 0, hasReason)
	set(v.Cancelled, isCancelled)
	set(v.Text != impliedText(v.Concept, v.Codes), hasText)
	return f
}

// grades packs severity, status and home into one byte.
func grades(v *record.Event) byte {
	b := byte(v.Severity)&3 | byte(v.Status)&3<<2
	if v.Home {
		b |= isHome
	}
	return b
}

// impliedText is what an event's text is taken to be when it is not stored.
func impliedText(concept record.Code, codes []record.Code) string {
	if len(codes) > 0 {
		return codes[0].Display
	}
	return concept.Display
}

// reference writes "Type/uuid#n" as a prefix, sixteen bytes and a suffix, and
// anything else as a string: ids are most of a timeline's volume.
func (e *encoder) reference(ref string) {
	prefix, id, suffix := splitReference(ref)
	raw, ok := packUUID(id)
	if !ok {
		e.uint(e.id(ref) << 1)
		return
	}
	e.uint(e.id(prefix)<<1 | 1)
	e.body = append(e.body, raw[:]...)
	e.string(suffix)
}

func splitReference(ref string) (prefix, id, suffix string) {
	i := strings.IndexByte(ref, '/') + 1
	if len(ref) < i+36 {
		return ref, "", ""
	}
	return ref[:i], ref[i : i+36], ref[i+36:]
}

func packUUID(s string) (raw [16]byte, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return raw, false
	}
	var digits [32]byte
	n := 0
	for i := range 36 {
		c := s[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			continue
		}
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') { // upper case would not come back
			return raw, false
		}
		digits[n] = c
		n++
	}
	_, err := hex.Decode(raw[:], digits[:])
	return raw, err == nil
}

func appendUUID(b []byte, raw []byte) []byte {
	for i, part := range [...][2]int{{0, 4}, {4, 6}, {6, 8}, {8, 10}, {10, 16}} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, raw[part[0]:part[1]])
	}
	return b
}
