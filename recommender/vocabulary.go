package recommender

import (
	"cmp"
	"slices"

	"ember/record"
)

// Kinds beside record's own, for what is no event: the reasons of visits, and
// the groups (ancestors, drug classes) that concepts belong to.
const (
	reasonKind record.Kind = 200
	groupKind  record.Kind = 201
)

// conceptKey identifies what is counted as one thing.
type conceptKey struct {
	kind          record.Kind
	system, value string
}

func keyOf(k record.Kind, c record.Code) conceptKey { return conceptKey{k, c.System, c.Value} }

func compareKeys(a, b conceptKey) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.system, b.system), cmp.Compare(a.value, b.value))
}

// concept is one entry of the vocabulary.
type concept struct {
	kind   record.Kind
	code   record.Code // with the words to show
	groups []uint32    // the groups it belongs to, ascending
	label  int32       // index among the labels of its want, -1 for none
	means  int32       // for reasons: the condition it is, -1 unknown
	low    float32     // a value below it is low, above high it is high:
	high   float32     // fifths of the values in training, in the usual unit
	valued bool
}

// vocabulary gives concepts dense ids: position in concepts, which are in the
// order of their keys. It is immutable.
type vocabulary struct {
	concepts []concept
	first    map[shortKey]uint32 // the first concept of a kind and value
	next     []int32             // by concept: another of its kind and value, -1 none
	labels   [wantEnd][]uint32   // concept ids by label index
}

// shortKey leaves out the system, which is long and hardly ever decides.
type shortKey struct {
	kind  record.Kind
	value string
}

func newVocabulary(concepts []concept, ordered func(i int) bool) *vocabulary {
	v := &vocabulary{concepts: concepts, first: make(map[shortKey]uint32, len(concepts)), next: make([]int32, len(concepts))}
	for i := range concepts {
		c := &concepts[i]
		v.next[i] = -1
		short := shortKey{c.kind, c.code.Value}
		if other, ok := v.first[short]; ok {
			v.next[i] = int32(other)
		}
		v.first[short] = uint32(i)
		c.label = -1
		if w := WantOf(c.kind); w != 0 && ordered(i) {
			c.label = int32(len(v.labels[w]))
			v.labels[w] = append(v.labels[w], uint32(i))
		}
	}
	return v
}

// lookup is the id of a concept; ok is false for one never seen in training.
func (v *vocabulary) lookup(k record.Kind, c record.Code) (uint32, bool) {
	id, ok := v.first[shortKey{k, c.Value}]
	for ok && v.concepts[id].code.System != c.System {
		if v.next[id] < 0 {
			return 0, false
		}
		id = uint32(v.next[id])
	}
	return id, ok
}

// label is the concept behind a label.
func (v *vocabulary) label(w Want, l uint32) *concept { return &v.concepts[v.labels[w][l]] }

// labelIndex is the label of an orderable concept; ok is false for one that no
// training patient was ordered.
func (v *vocabulary) labelIndex(k record.Kind, c record.Code) (l uint32, ok bool) {
	id, ok := v.lookup(k, c)
	if !ok || v.concepts[id].label < 0 {
		return 0, false
	}
	return uint32(v.concepts[id].label), true
}

// concepts in the making, while training patients stream by.
type conceptCount struct {
	code     record.Code
	patients int
	last     int // ordinal of the last patient counted, plus one
	ordered  bool
	values   []float32
}

// maxValues bounds the values kept per concept to find its fifths.
const maxValues = 512

func sortedKeys(m map[conceptKey]*conceptCount) []conceptKey {
	keys := make([]conceptKey, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareKeys)
	return keys
}
