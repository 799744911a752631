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
	id       map[conceptKey]uint32
	labels   [wantEnd][]uint32 // concept ids by label index
}

func newVocabulary(concepts []concept, ordered func(i int) bool) *vocabulary {
	v := &vocabulary{concepts: concepts, id: make(map[conceptKey]uint32, len(concepts))}
	for i := range concepts {
		c := &concepts[i]
		v.id[keyOf(c.kind, c.code)] = uint32(i)
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
	id, ok := v.id[keyOf(k, c)]
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
