package index

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"ember/record"

	"github.com/RoaringBitmap/roaring/v2"
)

// Apply replaces what is indexed of the documents' patients, takes away the
// patients removed by id, and sets the position, which never goes back. A
// patient who occurs twice counts as the last says; one who is removed and has
// a document is there afterwards. Notes are on disk when it returns, the rest
// after the next Flush. On an error nothing has changed, and the same call may
// be made again.
//
// An event counts on the day it began, else on the day it became known; events
// without either are there with [NoDay]. Cancelled orders are left out. Apply
// keeps nothing of the documents but strings.
func (x *Index) Apply(docs []Document, removed []string, position uint64) error {
	x.write.Lock()
	defer x.write.Unlock()
	if x.closed {
		return ErrClosed
	}
	for len(x.state.Load().layers) > maxLayers && x.merging > 0 {
		x.settled.Wait()
	}
	s := x.state.Load()
	if position < s.position {
		return fmt.Errorf("index: applying: position %d is before %d", position, s.position)
	}
	dim, err := vectorLength(docs, x.dim)
	if err != nil {
		return err
	}
	c := newChange(s)
	for _, id := range removed {
		c.remove(id)
	}
	if c.forget != nil {
		s.concepts.forget(c.forget)
	}
	last := make(map[string]int, len(docs))
	for i := range docs {
		last[docs[i].Timeline.Person.ID] = i
	}
	for i := range docs {
		if last[docs[i].Timeline.Person.ID] == i {
			c.replace(&docs[i])
		}
	}
	if s.notes != nil && !c.notes.empty() {
		if err := s.notes.apply(c.notes, s.position, position); err != nil {
			return err
		}
	}
	x.dim = dim
	x.publish(c, position)
	return nil
}

func vectorLength(docs []Document, dim int) (int, error) {
	for i := range docs {
		switch n := len(docs[i].Vector); {
		case docs[i].Timeline.Person.ID == "":
			return 0, fmt.Errorf("index: applying: document %d has no patient id", i)
		case n == 0 || n == dim:
		case dim != 0:
			return 0, fmt.Errorf("index: applying: a vector of %d numbers among vectors of %d", n, dim)
		default:
			dim = n
		}
	}
	return dim, nil
}

// change gathers what one Apply changes, beside the state it starts from.
type change struct {
	s        *state
	people   *peopleEdit
	gone     *roaring.Bitmap // whose old postings no longer hold
	fresh    *roaring.Bitmap // who is in the new segment
	rows     []conceptRow
	vectors  vectors
	notes    noteChange
	owned    []ownership
	released []string
	forget   map[uint32]bool
}

type conceptRow struct {
	concept uint32
	Posting
}

type ownership struct {
	ord       uint32
	have, had []note
}

func newChange(s *state) *change {
	return &change{s: s, people: s.people.edit(), gone: roaring.New(), fresh: roaring.New()}
}

func (c *change) remove(id string) {
	ord, ok := c.s.ordinals.lookup(id)
	row := c.people.at(ord)
	if !ok || row.ID != id {
		return
	}
	for _, n := range row.notes {
		c.notes.drop = append(c.notes.drop, n.key)
	}
	c.owned = append(c.owned, ownership{ord: ord, had: row.notes})
	c.gone.Add(ord)
	c.people.set(ord, person{})
	c.released = append(c.released, id)
	if c.forget == nil {
		c.forget = map[uint32]bool{}
	}
	c.forget[ord] = true
}

func (c *change) replace(d *Document) {
	p := &d.Timeline.Person
	ord := c.s.ordinals.assign(p.ID)
	old := *c.people.at(ord)
	row := person{Patient: patientOf(&d.Timeline), notes: c.notesOf(d, old.notes)}
	from := len(c.rows)
	c.events(ord, d.Timeline.Events)
	c.events(ord, d.Timeline.Undated)
	c.visits(ord, d.Timeline.Encounters)
	vec := normalised(d.Vector)
	row.sum = sumOf(&row, c.rows[from:], vec)
	if row.sum == old.sum && old.ID == row.ID {
		c.rows = c.rows[:from]
		return
	}
	c.people.set(ord, row)
	c.owned = append(c.owned, ownership{ord, row.notes, old.notes})
	c.gone.Add(ord)
	c.fresh.Add(ord)
	if vec != nil {
		c.vectors.add(ord, vec)
	}
}

func patientOf(t *record.Timeline) Patient {
	p := &t.Person
	first, last := contacts(t)
	return Patient{ID: p.ID, Sex: p.Sex, Born: p.Born, Died: Day(p.Died), First: first, Last: last, Dead: p.Dead, OptOut: p.OptOut}
}

// contacts are the first and the last day of a patient, see [Patient]. The days of birth
// and death are none, nor is the end of an order or a condition, which may be planned.
// When something began says nothing of the first: a history that is told today may have
// begun long ago.
func contacts(t *record.Timeline) (first, last int32) {
	first, last = NoDay, NoDay
	begin := func(at time.Time) {
		if day := Day(at); day != NoDay && (first == NoDay || day < first) {
			first = day
		}
		last = max(last, Day(at))
	}
	for _, events := range [...][]record.Event{t.Events, t.Undated} {
		for i := range events {
			e := &events[i]
			if e.Cancelled {
				continue
			}
			if last = max(last, Day(e.Start)); e.Known.IsZero() {
				begin(e.Start)
			} else {
				begin(e.Known)
			}
		}
	}
	for i := range t.Encounters {
		begin(t.Encounters[i].Start)
		last = max(last, Day(t.Encounters[i].End))
	}
	return first, last
}

func (c *change) events(ord uint32, events []record.Event) {
	for i := range events {
		e := &events[i]
		if e.Cancelled || e.Concept.Zero() {
			continue
		}
		value := float32(math.NaN())
		if e.HasValue {
			value = float32(e.Value)
		}
		concept, form := c.s.concepts.intern(e, ord)
		c.rows = append(c.rows, conceptRow{concept, Posting{ord, eventDay(e), value, form}})
	}
}

// visits are encounters as rows of the kind [Visit], by class.
func (c *change) visits(ord uint32, encounters []record.Encounter) {
	for i := range encounters {
		e := &encounters[i]
		if e.Class == "" && e.Type.Zero() {
			continue
		}
		concept, form := c.s.concepts.internVisit(e)
		c.rows = append(c.rows, conceptRow{concept, Posting{ord, Day(e.Start), float32(math.NaN()), form}})
	}
}

func eventDay(e *record.Event) int32 {
	if !e.Start.IsZero() {
		return Day(e.Start)
	}
	return Day(e.Known)
}

// notesOf are the notes of a document as its row keeps them; what is new or
// gone since had goes into the change.
func (c *change) notesOf(d *Document, had []note) []note {
	if c.s.notes == nil || len(d.Notes) == 0 && len(had) == 0 {
		return nil
	}
	known := make(map[noteKey]bool, len(had))
	for _, n := range had {
		known[n.key] = true
	}
	var have []note
	seen := make(map[noteKey]bool, len(d.Notes))
	for i := range d.Notes {
		n := &d.Notes[i]
		key := keyOf(d.Timeline.Person.ID, n)
		if n.Text == "" || seen[key] {
			continue
		}
		seen[key] = true
		have = append(have, note{key, n.Source})
		if !known[key] {
			c.notes.add = append(c.notes.add, newNoteDocument(key, n.Text))
		}
	}
	for _, n := range had {
		if !seen[n.key] {
			c.notes.drop = append(c.notes.drop, n.key)
		}
	}
	return have
}

// sumOf hashes everything that a row, its postings and its vector of length 1 say. The
// vector's part can be taken out and another put in.
func sumOf(row *person, rows []conceptRow, vec []float32) uint64 {
	h := newSum()
	born := uint64(uint16(row.Born.Year))<<16 | uint64(row.Born.Month)<<8 | uint64(row.Born.Day)
	h.put(uint64(row.Sex) | born<<8 | flags(&row.Patient)<<56)
	h.put(uint64(uint32(row.Died)))
	h.put(uint64(uint32(row.First))<<32 | uint64(uint32(row.Last)))
	for _, n := range row.notes {
		h.put(binary.LittleEndian.Uint64(n.key[:8]))
	}
	for _, r := range rows {
		h.put(uint64(r.concept)<<32 | uint64(uint32(r.Day)))
		h.put(uint64(r.Form)<<32 | uint64(math.Float32bits(r.Value)))
	}
	return uint64(h) ^ sumOfVector(vec)
}

// publish makes the change visible and keeps the layers few.
func (x *Index) publish(c *change, position uint64) {
	s := c.s
	if len(c.owned) == 0 && position == s.position {
		return
	}
	x.dirty = true
	layers := slices.Clone(s.layers)
	for i := range layers {
		layers[i] = layers[i].mask(c.gone)
	}
	if !c.fresh.IsEmpty() {
		layers = append(layers, layer{segment: x.segmentOf(c)})
	}
	if s.notes != nil {
		for _, o := range c.owned {
			s.notes.own(o.ord, o.have, o.had)
		}
	}
	n := s.next(layers, c.people.people, position)
	x.state.Store(n)
	for _, id := range c.released {
		if ord, _ := s.ordinals.lookup(id); n.people.at(ord).ID != id {
			s.ordinals.release(id)
		}
	}
	x.tidy()
}

// segmentOf puts the rows of a change in order by concept.
func (x *Index) segmentOf(c *change) *segment {
	s := &segment{patients: c.fresh, traits: traitsOf(c.fresh, c.people.people), vectors: c.vectors.ordered()}
	s.vectors.code(c.s.cells, nil)
	x.counts = append(x.counts, make([]uint32, int(c.s.concepts.len())-len(x.counts))...)
	for _, r := range c.rows {
		if x.counts[r.concept] == 0 {
			s.concepts = append(s.concepts, r.concept)
		}
		x.counts[r.concept]++
	}
	order := s.concepts
	slices.Sort(order)
	ends, at := make([]uint32, len(order)), uint32(0)
	for i, concept := range order {
		x.counts[concept], at = at, at+x.counts[concept]
		ends[i] = at
	}
	rows := make([]Posting, len(c.rows))
	for _, r := range c.rows {
		rows[x.counts[r.concept]] = r.Posting
		x.counts[r.concept]++
	}
	s.concepts = make([]uint32, 0, len(order))
	for i, concept := range order {
		x.counts[concept] = 0
		s.rows = rows[:ends[i]]
		s.add(concept)
	}
	if len(order) == 0 {
		s.starts = []uint32{0}
	}
	return s
}
