package ember

import (
	"iter"

	"ember/store"
	"ember/timelines"
)

// timelineSpace is a store's space as the timelines want it. It is not synced:
// timelines can be rebuilt, and their position is written with them.
type timelineSpace struct{ *store.Space }

// Put implements timelines.KV.
func (s timelineSpace) Put(pairs []timelines.Pair) error {
	out := make([]store.Pair, len(pairs))
	for i, p := range pairs {
		out[i] = store.Pair{Key: p.Key, Value: p.Value, Patient: p.Patient}
	}
	return s.Space.Put(out, false)
}

// Delete implements timelines.KV.
func (s timelineSpace) Delete(keys [][]byte) error { return s.Space.Delete(keys, false) }

// All implements timelines.KV.
func (s timelineSpace) All() iter.Seq2[timelines.Pair, error] {
	return func(yield func(timelines.Pair, error) bool) {
		for p, err := range s.Space.All() {
			if !yield(timelines.Pair{Key: p.Key, Value: p.Value}, err) {
				return
			}
		}
	}
}
