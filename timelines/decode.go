package timelines

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"ember/record"
)

// ErrFormat is returned for bytes that are no timeline of a known format. The
// timeline can be rebuilt from the store.
var ErrFormat = errors.New("timelines: not a timeline of a known format")

var errTruncated = fmt.Errorf("%w: truncated", ErrFormat)

// decoder reads what encoder wrote. References are written into one arena and
// handed out as parts of it, so that a timeline costs few allocations.
type decoder struct {
	in     []byte
	err    error
	table  []string
	sets   []codingSet
	visits []record.Encounter
	later  []visit
	arena  []byte
	spans  []span
}

// visit is an event waiting for the reference of its encounter.
type visit struct {
	of    *record.Event
	place int
}

type codingSet struct {
	concept record.Code
	codes   []record.Code
}

// span is a reference waiting for the arena to be complete.
type span struct {
	into       *string
	start, end int
}

// Decode is the inverse of [Encode].
func Decode(b []byte) (t record.Timeline, err error) {
	if len(b) == 0 || b[0] != formatVersion {
		return t, ErrFormat
	}
	d := &decoder{in: b[1:]}
	d.strings()
	d.codingSets()
	t.Person = d.person()
	t.Encounters = make([]record.Encounter, d.count(8))
	for i := range t.Encounters {
		d.encounter(&t.Encounters[i])
	}
	d.visits = t.Encounters
	t.Events = d.events()
	t.Undated = d.events()
	if d.err == nil && len(d.in) > 0 {
		d.err = fmt.Errorf("%w: %d bytes too many", ErrFormat, len(d.in))
	}
	if d.err != nil {
		return record.Timeline{}, d.err
	}
	d.settle()
	return t, nil
}

// settle turns the arena into one string and points the references into it.
func (d *decoder) settle() {
	all := string(d.arena)
	for _, s := range d.spans {
		*s.into = all[s.start:s.end]
	}
	for _, v := range d.later {
		v.of.Encounter = d.visits[v.place].ID
	}
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = errTruncated
	}
	d.in = nil
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.in)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.in = d.in[n:]
	return v
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.in)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.in = d.in[n:]
	return v
}

func (d *decoder) bytes(n int) []byte {
	if n < 0 || n > len(d.in) {
		d.fail()
		return nil
	}
	b := d.in[:n]
	d.in = d.in[n:]
	return b
}

// count reads a number of items of at least size bytes each, so that damaged
// input cannot ask for more memory than it has bytes.
func (d *decoder) count(size int) int {
	n := d.uint()
	if n > uint64(len(d.in)/size) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) strings() {
	lens := make([]int, d.count(1))
	total := 0
	for i := range lens {
		n := d.uint()
		if n > uint64(len(d.in)) {
			d.fail()
			return
		}
		lens[i] = int(n)
		total += lens[i]
	}
	all := string(d.bytes(total))
	if d.err != nil {
		return
	}
	d.table = make([]string, len(lens))
	for i, n := range lens {
		d.table[i], all = all[:n], all[n:]
	}
}

func (d *decoder) lookup(id uint64) string {
	if id >= uint64(len(d.table)) {
		d.fail()
		return ""
	}
	return d.table[id]
}

func (d *decoder) string() string { return d.lookup(d.uint()) }
func (d *decoder) bool() bool     { return d.uint() != 0 }

func (d *decoder) time(base int64) time.Time {
	v := d.int()
	switch {
	case v == 0:
		return time.Time{}
	case v > 0:
		v--
	}
	return time.UnixMilli(base + v).UTC()
}

func (d *decoder) code() record.Code {
	return record.Code{System: d.string(), Value: d.string(), Display: d.string()}
}

func (d *decoder) codingSets() {
	d.sets = make([]codingSet, d.count(4))
	for i := range d.sets {
		s := &d.sets[i]
		s.concept = d.code()
		n := d.count(3)
		if n == 0 {
			continue
		}
		s.codes = make([]record.Code, n)
		for j := range s.codes {
			s.codes[j] = d.code()
		}
	}
}

func (d *decoder) person() record.Person {
	return record.Person{
		ID: d.string(), Sex: record.Sex(d.uint()), Born: d.date(), Dead: d.bool(), Died: d.time(0),
		Race: d.string(), Ethnicity: d.string(), ReplacedBy: d.string(), OptOut: d.bool(),
	}
}

func (d *decoder) date() record.Date {
	return record.Date{Year: int16(d.int()), Month: uint8(d.uint()), Day: uint8(d.uint())}
}

func (d *decoder) encounter(c *record.Encounter) {
	d.reference(&c.ID)
	c.Class = d.string()
	c.Type = d.code()
	c.Start = d.time(0)
	c.End = d.time(0)
	if n := d.count(3); n > 0 {
		c.Reason = make([]record.Code, n)
		for i := range c.Reason {
			c.Reason[i] = d.code()
		}
	}
	c.Site = d.string()
}

func (d *decoder) events() []record.Event {
	n := d.count(7)
	if n == 0 {
		return nil
	}
	events := make([]record.Event, n)
	last := int64(0)
	for i := range events {
		if d.err != nil {
			return nil
		}
		last = d.event(&events[i], last)
	}
	return events
}

func (d *decoder) event(v *record.Event, last int64) int64 {
	head := d.bytes(3)
	if head == nil {
		return last
	}
	v.Kind, v.Mode = record.Kind(head[0]&31), record.Mode(head[0]>>5)
	v.Severity, v.Status, v.Home = record.Severity(head[2]&3), record.Status(head[2]>>2&3), head[2]&isHome != 0
	f := head[1]
	set := d.uint()
	if set >= uint64(len(d.sets)) {
		d.fail()
		return last
	}
	v.Concept, v.Codes = d.sets[set].concept, d.sets[set].codes
	v.Known = d.time(last)
	known := last
	if !v.Known.IsZero() {
		known = v.Known.UnixMilli()
	}
	if f&hasStart != 0 {
		v.Start = d.time(known)
	}
	if f&hasEnd != 0 {
		v.End = d.time(known)
	}
	if f&hasDays != 0 {
		v.Days = int(d.int())
	}
	d.result(v, f)
	d.reasons(v, f)
	v.Cancelled = f&isCancelled != 0
	v.Text = impliedText(v.Concept, v.Codes)
	if f&hasText != 0 {
		v.Text = d.string()
	}
	d.visit(v)
	d.reference(&v.Source)
	return known
}

func (d *decoder) result(v *record.Event, f byte) {
	if f&hasValue != 0 {
		if b := d.bytes(8); b != nil {
			v.Value, v.HasValue = math.Float64frombits(binary.LittleEndian.Uint64(b)), true
		}
		v.Unit = d.string()
	}
	if f&hasAnswer != 0 {
		v.Answer = d.code()
	}
}

func (d *decoder) reasons(v *record.Event, f byte) {
	if f&hasReason == 0 {
		return
	}
	v.Reason = make([]string, d.count(1))
	for i := range v.Reason {
		d.reference(&v.Reason[i])
	}
}

func (d *decoder) visit(v *record.Event) {
	place := d.uint()
	switch {
	case place == 0:
		d.reference(&v.Encounter)
	case place <= uint64(len(d.visits)):
		d.later = append(d.later, visit{v, int(place) - 1})
	default:
		d.fail()
	}
}

func (d *decoder) reference(into *string) {
	head := d.uint()
	text := d.lookup(head >> 1)
	if head&1 == 0 {
		*into = text
		return
	}
	raw := d.bytes(16)
	suffix := d.string()
	if d.err != nil {
		return
	}
	start := len(d.arena)
	d.arena = append(d.arena, text...)
	d.arena = appendUUID(d.arena, raw)
	d.arena = append(d.arena, suffix...)
	d.spans = append(d.spans, span{into, start, len(d.arena)})
}
