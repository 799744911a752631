package learn

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
)

// Part is a share of the patients. The zero Part is invalid.
type Part uint8

// The parts: 70, 10 and 20 percent.
const (
	Train Part = iota + 1
	Validation
	Test
)

// String is the part's name in lower case.
func (p Part) String() string {
	switch p {
	case Train:
		return "train"
	case Validation:
		return "validation"
	case Test:
		return "test"
	}
	return "invalid"
}

func hash(id string) uint64 {
	h := sha256.Sum256([]byte("ember-v1:" + id))
	return binary.BigEndian.Uint64(h[:])
}

// Fold is the part an id belongs to, for good: the first 64 bits of SHA-256 of
// "ember-v1:" and the id, modulo 100: below 70 train, below 80 validation, else
// test.
func Fold(id string) Part {
	switch h := hash(id) % 100; {
	case h < 70:
		return Train
	case h < 80:
		return Validation
	}
	return Test
}

// KFold deals the samples into k folds so that all samples of a group (a patient,
// a hospital) share one and the folds have like sizes. It depends on the groups'
// names and sizes only, not on the order of samples. With fewer groups than k
// some folds stay empty.
func KFold(groups []string, k int) []int {
	size := make(map[string]int)
	for _, g := range groups {
		size[g]++
	}
	names := make([]string, 0, len(size))
	for g := range size {
		names = append(names, g)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(size[b], size[a]), cmp.Compare(hash(a), hash(b)), cmp.Compare(a, b))
	})
	load, fold := make([]int, max(k, 1)), make(map[string]int, len(names))
	for _, g := range names {
		least := 0
		for f := range load {
			if load[f] < load[least] {
				least = f
			}
		}
		fold[g] = least
		load[least] += size[g]
	}
	out := make([]int, len(groups))
	for i, g := range groups {
		out[i] = fold[g]
	}
	return out
}

// ConformalQuantile is the threshold of split conformal prediction: of n
// nonconformity scores of calibration samples, the ⌈(n+1)(1-alpha)⌉-th smallest.
// A new exchangeable sample is at or below it with chance at least 1-alpha. It
// is +Inf when n is too small to promise that.
func ConformalQuantile(scores []float64, alpha float64) float64 {
	k := int(math.Ceil(float64(len(scores)+1)*(1-alpha) - 1e-9))
	if k > len(scores) {
		return math.Inf(1)
	}
	s := slices.Clone(scores)
	slices.Sort(s)
	return s[max(k, 1)-1]
}
