package index

import (
	"slices"
	"sync"
	"unicode/utf8"

	"ember/record"
)

const (
	maxTexts = 8   // texts kept of a concept beside its display
	maxText  = 120 // bytes kept of a text
)

type conceptKey struct {
	kind          record.Kind
	system, value string
}

// conceptText is a text that a concept was called by, and the patient with
// whose removal it goes.
type conceptText struct {
	text string
	by   uint32
	doc  uint32 // in the word index
}

type concept struct {
	kind  record.Kind
	code  record.Code
	texts []conceptText
}

// concepts numbers the concepts and knows their words. One goroutine adds;
// reading is safe at any time. Numbers never change while it is open.
type concepts struct {
	mu    sync.RWMutex
	ids   map[conceptKey]uint32
	all   []concept
	words wordIndex

	version uint64 // counts every change of names and forms
	forms   []form
	formIDs map[string]uint32
	formKey []byte // of the one writer

	tallies sync.Pool // of *tallies, for searches
}

func newConcepts() *concepts {
	c := &concepts{ids: map[conceptKey]uint32{}, words: newWordIndex(), formIDs: map[string]uint32{}}
	c.tallies.New = func() any { return new(tallies) }
	return c
}

func (c *concepts) len() uint32 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return uint32(len(c.all))
}

func (c *concepts) lookup(kind record.Kind, code record.Code) (uint32, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	id, ok := c.ids[conceptKey{kind, code.System, code.Value}]
	return id, ok
}

// at is the concept with its best words: the display of its code, else the
// first text, else the value.
func (c *concepts) at(id uint32) (record.Kind, record.Code) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.all[id].kind, c.all[id].named()
}

// named is the code with the best words there are.
func (one *concept) named() record.Code {
	code := one.code
	if code.Display == "" && len(one.texts) > 0 {
		code.Display = one.texts[0].text
	}
	if code.Display == "" {
		code.Display = code.Value
	}
	return code
}

// intern numbers the concept of an event of a patient, and its form, and keeps its
// words. Only the one writer calls it, so its reads need no lock.
func (c *concepts) intern(e *record.Event, patient uint32) (id, form uint32) {
	key := conceptKey{e.Kind, e.Concept.System, e.Concept.Value}
	id, ok := c.ids[key]
	if !ok {
		id = c.add(concept{kind: e.Kind, code: e.Concept})
	}
	c.name(id, e.Concept.Display, patient)
	c.name(id, e.Text, patient)
	for i := range e.Codes {
		c.name(id, e.Codes[i].Display, patient)
	}
	return id, c.form(id, e.Concept, e.Codes, e.Unit)
}

// add gives a new concept its number; texts it comes with are made searchable.
func (c *concepts) add(one concept) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	id := uint32(len(c.all))
	c.ids[conceptKey{one.kind, one.code.System, one.code.Value}] = id
	if one.kind != Visit {
		c.words.add(id, one.code.Display)
		if one.code.Value != one.code.Display {
			c.words.add(id, one.code.Value)
		}
	}
	for i := range one.texts {
		one.texts[i].doc = c.words.add(id, one.texts[i].text)
	}
	c.all = append(c.all, one)
	return id
}

func (c *concepts) name(id uint32, text string, patient uint32) {
	one := &c.all[id]
	if text == "" || text == one.code.Display || len(one.texts) == maxTexts {
		return
	}
	text = clip(text, maxText)
	for i := range one.texts {
		if one.texts[i].text == text {
			return
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	one.texts = append(one.texts, conceptText{text, patient, c.words.add(id, text)})
}

// clip is at most n bytes of a text, whole runes.
func clip(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// forget drops the texts that removed patients brought.
func (c *concepts) forget(removed map[uint32]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	for id := range c.all {
		one := &c.all[id]
		var kept []conceptText
		for i, t := range one.texts {
			switch {
			case removed[t.by]:
				if kept == nil {
					kept = append(make([]conceptText, 0, len(one.texts)), one.texts[:i]...)
				}
				c.words.drop(t.doc)
			case kept != nil:
				kept = append(kept, t)
			}
		}
		if kept != nil {
			one.texts = kept
		}
	}
}

// copies are the concepts as of now, for the snapshot.
func (c *concepts) copies() []concept {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return append([]concept(nil), c.all...)
}

// find are the concepts of some kinds (none = all) that a text names, see
// [wordIndex.find].
func (c *concepts) find(query []word, kinds []record.Kind) []match {
	var admit func(uint32) bool
	if len(kinds) > 0 {
		admit = func(id uint32) bool { return slices.Contains(kinds, c.all[id].kind) }
	}
	c.mu.RLock()
	if c.words.settled() {
		defer c.mu.RUnlock()
		return c.words.find(query, admit)
	}
	c.mu.RUnlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.words.settle()
	return c.words.find(query, admit)
}
