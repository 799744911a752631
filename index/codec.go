package index

import (
	"encoding/binary"
	"errors"
	"io"
	"math"

	"ember/record"

	"github.com/RoaringBitmap/roaring/v2"
)

// header is what a snapshot says about itself.
type header struct {
	fingerprint string
	notes       bool
	serial      uint64 // of the notes' batch
	dim         int
}

// encoder writes numbers and strings; it remembers the first error.
type encoder struct {
	w   io.Writer
	buf []byte
	err error
}

func (e *encoder) flush(least int) {
	if len(e.buf) >= least && e.err == nil {
		_, e.err = e.w.Write(e.buf)
		e.buf = e.buf[:0]
	}
}

func (e *encoder) uint(v uint64)  { e.buf = binary.AppendUvarint(e.buf, v) }
func (e *encoder) int(v int64)    { e.buf = binary.AppendVarint(e.buf, v) }
func (e *encoder) fixed(v uint64) { e.buf = binary.LittleEndian.AppendUint64(e.buf, v) }
func (e *encoder) float(v float32) {
	e.buf = binary.LittleEndian.AppendUint32(e.buf, math.Float32bits(v))
}
func (e *encoder) string(s string) {
	e.uint(uint64(len(s)))
	e.buf = append(e.buf, s...)
	e.flush(1 << 16)
}

func flags(p *Patient) uint64 {
	var f uint64
	if p.Dead {
		f |= 1
	}
	if p.OptOut {
		f |= 2
	}
	return f
}

// encode writes a state of at most one layer without masked patients. Concepts
// that nobody has any more are left out, the others numbered anew.
func (x *Index) encode(w io.Writer, s *state) error {
	e := &encoder{w: w, buf: append(make([]byte, 0, 1<<17), magic...)}
	only := &segment{patients: roaring.New(), starts: []uint32{0}}
	if len(s.layers) > 0 {
		only = s.layers[0].segment
	}
	e.uint(s.position)
	e.string(x.opt.Fingerprint)
	e.string(s.notesName)
	e.string(s.vectorsBy)
	e.uint(uint64(only.vectors.dim))
	if x.opt.Notes {
		e.uint(1)
		e.uint(s.notes.serial)
	} else {
		e.uint(0)
		e.uint(0)
	}
	e.people(s.people)
	all := s.concepts.copies()
	e.uint(uint64(len(only.rows)))
	e.uint(uint64(len(only.concepts)))
	for _, id := range only.concepts {
		e.concept(&all[id])
	}
	for i := range only.concepts {
		e.postings(only.postings(i), s.concepts)
	}
	e.vectors(&only.vectors)
	e.cells(s.cells, only.vectors.placed.cell)
	e.flush(0)
	return e.err
}

func (e *encoder) people(p people) {
	e.uint(uint64(p.n))
	for ord := range p.n {
		row := p.at(ord)
		e.string(row.ID)
		if row.ID == "" {
			continue
		}
		e.uint(uint64(row.Sex)<<2 | flags(&row.Patient))
		e.int(int64(row.Born.Year))
		e.buf = append(e.buf, row.Born.Month, row.Born.Day)
		e.int(int64(row.Died))
		e.int(int64(row.First))
		e.int(int64(row.Last) - int64(row.First))
		e.fixed(row.sum)
		e.uint(uint64(len(row.notes)))
		for _, n := range row.notes {
			e.buf = append(e.buf, n.key[:]...)
			e.string(n.source)
		}
	}
}

func (e *encoder) concept(c *concept) {
	e.uint(uint64(c.kind))
	e.string(c.code.System)
	e.string(c.code.Value)
	e.string(c.code.Display)
	e.uint(uint64(len(c.texts)))
	for _, t := range c.texts {
		e.string(t.text)
		e.uint(uint64(t.by))
	}
}

// postings writes rows in order: patients as differences, days as differences
// within and across patients, values only for concepts that have any, forms by
// their place among those of the concept.
func (e *encoder) postings(rows []Posting, c *concepts) {
	valued := uint64(0)
	for _, r := range rows {
		if r.Value == r.Value {
			valued = 1
		}
	}
	e.uint(uint64(len(rows))<<1 | valued)
	places := e.forms(rows, c)
	var patient uint32
	var day int64
	for _, r := range rows {
		e.uint(uint64(r.Patient - patient))
		e.int(int64(r.Day) - day)
		if valued == 1 {
			e.float(r.Value)
		}
		if len(places) > 1 {
			e.uint(places[r.Form])
		}
		patient, day = r.Patient, int64(r.Day)
		e.flush(1 << 16)
	}
}

func (e *encoder) vectors(v *vectors) {
	e.uint(uint64(len(v.patient)))
	for i, p := range v.patient {
		e.uint(uint64(p))
		for _, f := range v.row(i) {
			e.float(f)
		}
		e.flush(1 << 16)
	}
}

var errShort = errors.New("it ends early or has impossible numbers")

// decoder reads what encoder wrote. After the first error everything is zero.
type decoder struct {
	data []byte
	err  error
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.data)
	if n <= 0 {
		d.data, d.err = nil, errShort
		return 0
	}
	d.data = d.data[n:]
	return v
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.data)
	if n <= 0 {
		d.data, d.err = nil, errShort
		return 0
	}
	d.data = d.data[n:]
	return v
}

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.data)) {
		d.data, d.err = nil, errShort
		return nil
	}
	b := d.data[:n]
	d.data = d.data[n:]
	return b
}

func (d *decoder) fixed() uint64 {
	if b := d.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) float() float32 {
	if b := d.bytes(4); b != nil {
		return math.Float32frombits(binary.LittleEndian.Uint32(b))
	}
	return 0
}

func (d *decoder) byte() byte {
	if b := d.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) string() string { return string(d.bytes(d.uint())) }

// count is a number of things of at least size bytes each.
func (d *decoder) count(size int) int {
	n := d.uint()
	if n > uint64(len(d.data)/size) {
		d.data, d.err = nil, errShort
		return 0
	}
	return int(n)
}

func decode(data []byte) (*state, header, error) {
	d := &decoder{data: data}
	s, h := &state{concepts: newConcepts()}, header{}
	s.position = d.uint()
	h.fingerprint = d.string()
	s.notesName = d.string()
	s.vectorsBy = d.string()
	h.dim = int(d.uint())
	h.notes = d.uint() == 1
	h.serial = d.uint()
	s.people = d.people()
	s.ordinals = ordinalsOf(s.people)
	only := d.segment(s.concepts)
	only.vectors = d.vectors(h.dim)
	s.cells = d.cells(&only.vectors)
	if d.err == nil && len(d.data) != 0 {
		d.err = errShort
	}
	if d.err != nil {
		return nil, h, d.err
	}
	for ord := range s.people.n {
		if s.people.at(ord).ID != "" {
			only.patients.Add(ord)
		}
	}
	if !only.patients.IsEmpty() {
		only.traits = traitsOf(only.patients, s.people)
		only.patients.RunOptimize()
		s.layers = []layer{{segment: only}}
	}
	s.lazy()
	return s, h, nil
}

func (d *decoder) people() people {
	n := d.count(1)
	edit := people{}.edit()
	for ord := range uint32(n) {
		row := person{Patient: Patient{ID: d.string()}}
		if row.ID != "" {
			d.person(&row)
		}
		edit.set(ord, row)
	}
	return edit.people
}

func (d *decoder) person(row *person) {
	f := d.uint()
	row.Sex, row.Dead, row.OptOut = record.Sex(f>>2), f&1 != 0, f&2 != 0
	row.Born.Year = int16(d.int())
	row.Born.Month, row.Born.Day = d.byte(), d.byte()
	row.Died = int32(d.int())
	row.First = int32(d.int())
	row.Last = int32(int64(row.First) + d.int())
	row.sum = d.fixed()
	for range d.count(len(noteKey{}) + 1) {
		var one note
		copy(one.key[:], d.bytes(uint64(len(one.key))))
		one.source = d.string()
		row.notes = append(row.notes, one)
	}
}

func (d *decoder) segment(c *concepts) *segment {
	rows, n := d.count(2), d.count(5)
	for range n {
		one := concept{kind: record.Kind(d.uint())}
		one.code = record.Code{System: d.string(), Value: d.string(), Display: d.string()}
		for range d.count(2) {
			one.texts = append(one.texts, conceptText{text: d.string(), by: uint32(d.uint())})
		}
		c.add(one)
	}
	c.words.settle()
	s := &segment{patients: roaring.New(), starts: []uint32{0}}
	s.rows = make([]Posting, 0, rows)
	for id := range uint32(n) {
		d.postings(s, c, id)
		s.add(id)
	}
	return s
}

func (d *decoder) postings(s *segment, c *concepts, concept uint32) {
	head := d.uint()
	if head>>1 > uint64(len(d.data)) {
		d.data, d.err = nil, errShort
		return
	}
	forms := d.forms(c, concept)
	p := Posting{Value: float32(math.NaN())}
	day := int64(0)
	for range head >> 1 {
		p.Patient += uint32(d.uint())
		day += d.int()
		p.Day = int32(day)
		if head&1 == 1 {
			p.Value = d.float()
		}
		place := uint64(0)
		if len(forms) > 1 {
			place = d.uint()
		}
		if place >= uint64(len(forms)) {
			d.data, d.err = nil, errShort
			return
		}
		p.Form = forms[place]
		s.rows = append(s.rows, p)
	}
}

func (d *decoder) vectors(dim int) vectors {
	v := vectors{dim: dim}
	n := d.count(1 + 4*max(0, min(dim, math.MaxInt32)))
	vec := make([]float32, min(dim, len(d.data)))
	for range n {
		p := uint32(d.uint())
		for i := range vec {
			vec[i] = d.float()
		}
		v.add(p, vec)
	}
	return v
}
