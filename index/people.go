package index

import (
	"slices"
	"sync"
	"time"

	"ember/record"
)

// Patient is what the index knows of a patient beside postings.
type Patient struct {
	ID   string
	Sex  record.Sex
	Born record.Date
	Died int32 // day of death, see [Day]; [NoDay] = alive or unknown
	// First is the first day on which an event became known or an encounter began,
	// Last the last on which an event began or became known, or an encounter began or
	// ended; [NoDay] where nothing has a day. Last may lie ahead: encounters are planned.
	First, Last int32
	Dead        bool
	OptOut      bool // refuses use beyond the own care
}

// NoDay stands for an unknown day.
const NoDay = -1 << 31

// Day is the number of days from 1970-01-01 to t, in UTC; [NoDay] for the zero
// time.
func Day(t time.Time) int32 {
	if t.IsZero() {
		return NoDay
	}
	s := t.Unix()
	if s < 0 {
		s -= 86399
	}
	return int32(s / 86400)
}

// person is a patient's row. The zero row, without an id, is a free ordinal.
type person struct {
	Patient
	sum   uint64 // hash of what was indexed: the same again changes nothing
	notes []note // by key; never modified, replaced as a whole
}

const peopleChunk = 256

// chunk is some rows, with births apart: who is asked for by age is looked at often.
type chunk struct {
	rows   [peopleChunk]person
	births [peopleChunk]Birth
}

// Birth is a date of birth that compares as dates do, with whether the patient is
// dead. The zero Birth is unknown.
type Birth uint32

const deadBit = 1 << 15

func birthOf(p *Patient) Birth {
	b := BirthOn(p.Born)
	if p.Dead {
		b |= deadBit
	}
	return b
}

// BirthOn is the Birth of somebody alive.
func BirthOn(d record.Date) Birth {
	return Birth(uint16(d.Year))<<16 | Birth(d.Month&15)<<8 | Birth(d.Day)
}

// Dead reports whether the patient is dead.
func (b Birth) Dead() bool { return b&deadBit != 0 }

// people is a persistent vector of rows by ordinal: versions share the chunks
// that did not change.
type people struct {
	chunks []*chunk
	n      uint32
}

func (p people) at(ord uint32) *person {
	if ord >= p.n {
		return &person{}
	}
	return &p.chunks[ord/peopleChunk].rows[ord%peopleChunk]
}

// peopleEdit makes the next version of people; nothing of the old is touched.
type peopleEdit struct {
	people
	own map[uint32]bool // chunks that are copies already
}

func (p people) edit() *peopleEdit {
	return &peopleEdit{people{slices.Clone(p.chunks), p.n}, map[uint32]bool{}}
}

func (e *peopleEdit) set(ord uint32, row person) {
	c := ord / peopleChunk
	for uint32(len(e.chunks)) <= c {
		e.own[uint32(len(e.chunks))] = true
		e.chunks = append(e.chunks, new(chunk))
	}
	if !e.own[c] {
		copied := *e.chunks[c]
		e.chunks[c], e.own[c] = &copied, true
	}
	e.chunks[c].rows[ord%peopleChunk] = row
	e.chunks[c].births[ord%peopleChunk] = birthOf(&row.Patient)
	e.n = max(e.n, ord+1)
}

// ordinals gives patients dense numbers. A number of a removed patient is given
// out again. It is safe for concurrent use; readers check what they get against
// their own version of people.
type ordinals struct {
	mu   sync.RWMutex
	ids  map[string]uint32
	free []uint32
	next uint32
}

func (o *ordinals) lookup(id string) (uint32, bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	ord, ok := o.ids[id]
	return ord, ok
}

func (o *ordinals) assign(id string) uint32 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if ord, ok := o.ids[id]; ok {
		return ord
	}
	ord := o.next
	if n := len(o.free); n > 0 {
		ord, o.free = o.free[n-1], o.free[:n-1]
	} else {
		o.next++
	}
	o.ids[id] = ord
	return ord
}

func (o *ordinals) release(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if ord, ok := o.ids[id]; ok {
		delete(o.ids, id)
		o.free = append(o.free, ord)
	}
}

// ordinalsOf is the table of a vector of people read from disk.
func ordinalsOf(p people) *ordinals {
	o := &ordinals{ids: make(map[string]uint32, p.n), next: p.n}
	for ord := range p.n {
		if id := p.at(ord).ID; id != "" {
			o.ids[id] = ord
		} else {
			o.free = append(o.free, ord)
		}
	}
	return o
}
