package recommender

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
)

// Without is the artifact with some training patients no longer among the
// similar ones, by ordinal: they have refused, or were erased, after the training.
// What was fitted to all patients together stays until the next one, so it is
// the same version; cached candidates of one are not used by the other.
func (a *Artifact) Without(patients []int32) *Artifact {
	b := *a
	b.without = ""
	near, fitted := *a.fitted.similar, *a.fitted
	near.gone = nil
	if len(patients) > 0 {
		near.gone = make(map[int32]struct{}, len(patients))
		h := sha256.New()
		for _, p := range slices.Sorted(slices.Values(patients)) {
			near.gone[p] = struct{}{}
			h.Write(binary.LittleEndian.AppendUint32(nil, uint32(p)))
		}
		b.without = "-" + hex.EncodeToString(h.Sum(nil)[:8])
	}
	fitted.similar = &near
	b.fitted = &fitted
	b.all = fitted.sources(b.lexicon)
	return &b
}

// Neighbours are the ordinals of the training patients whose samples the artifact
// keeps to compare others with, ascending.
func (a *Artifact) Neighbours() []int32 {
	patients := slices.Clone(a.fitted.similar.patient)
	slices.Sort(patients)
	return slices.Compact(patients)
}
