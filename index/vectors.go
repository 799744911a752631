package index

import (
	"cmp"
	"math"
	"runtime"
	"slices"
	"sync"

	"ember/learn/nn"
)

// vectors are the patients' vectors of one segment, of length 1, in rows by
// ordinal (ascending), and beside each the signs of its numbers, rotated, as bits.
type vectors struct {
	dim     int // 0 = none
	patient []uint32
	flat    []float32
	signs   []uint64
	placed  placed // in cells, where the index has them
}

// Near is a patient near a vector.
type Near struct {
	Patient uint32  // ordinal in the view
	ID      string  // the patient's id
	Score   float32 // cosine of the angle, 1 = same direction
}

func (v *vectors) add(patient uint32, vec []float32) {
	if v.dim == 0 {
		v.dim = len(vec)
	}
	v.patient = append(v.patient, patient)
	v.flat = append(v.flat, vec...)
}

func (v *vectors) row(i int) []float32 { return v.flat[i*v.dim : (i+1)*v.dim] }

// normalised is vec with length 1; nil when it has no direction.
func normalised(vec []float32) []float32 {
	out := slices.Clone(vec)
	if !normalise(out) {
		return nil
	}
	return out
}

// normalise gives vec length 1; ok is false when it has no direction.
func normalise(vec []float32) (ok bool) {
	var sum float64
	for _, x := range vec {
		sum += float64(x) * float64(x)
	}
	if sum == 0 || math.IsNaN(sum) || math.IsInf(sum, 0) {
		return false
	}
	scale := 1 / math.Sqrt(sum)
	for i, x := range vec {
		vec[i] = float32(float64(x) * scale)
	}
	return true
}

// mergeVectors joins what the layers show, by ordinal.
func mergeVectors(layers []layer) vectors {
	type from struct {
		ord   uint32
		layer int
		row   int
	}
	var all []from
	out := vectors{}
	for k, l := range layers {
		for i, ord := range l.vectors.patient {
			if !l.hides(ord) {
				all = append(all, from{ord, k, i})
				out.dim = l.vectors.dim
			}
		}
	}
	slices.SortFunc(all, func(a, b from) int { return cmp.Compare(a.ord, b.ord) })
	w := signWords(out.dim)
	out.patient = make([]uint32, 0, len(all))
	out.flat = make([]float32, 0, len(all)*out.dim)
	out.signs = make([]uint64, 0, len(all)*w)
	out.placed = placedFor(layers, len(all))
	for _, f := range all {
		v := &layers[f.layer].vectors
		out.patient = append(out.patient, f.ord)
		out.flat = append(out.flat, v.row(f.row)...)
		if len(v.signs) > 0 { // else they are made next
			out.signs = append(out.signs, v.signs[f.row*w:(f.row+1)*w]...)
		}
		out.placed.copyRow(&v.placed, f.row)
	}
	out.placed.list()
	return out
}

const (
	// exactBelow is the number of vectors that are compared one by one;
	// among more, signs choose who is compared. A filter says that somebody waits for
	// these very patients: more are compared.
	exactBelow    = 4096
	exactFiltered = 16384
	// rescore is how many times as many patients as asked for are chosen by
	// signs, at least rescoreLeast.
	rescore      = 24
	rescoreLeast = 1024
)

// Nearest are the k patients whose vectors have the largest cosine with vec,
// best first, ties by id. A nil filter admits everybody. Up to about four
// thousand candidates, or 16,384 of a filter, the answer is exact; above, the signs
// choose about 1024 or 24·k of them, which are compared exactly. Without a filter, an
// index that has cells looks into the nearest of them alone. Patients without a vector,
// and a vec of another length or without direction, give nothing.
func (v View) Nearest(vec []float32, k int, filter *Set) []Near {
	query := normalised(vec)
	if query == nil || k <= 0 {
		return nil
	}
	if c := v.s.cells; filter == nil && c != nil && c.dim == len(query) {
		return v.best(v.byCells(query, k), k)
	}
	chosen, n := make([]vectorRows, 0, len(v.s.layers)), 0
	for _, l := range v.s.layers {
		if l.vectors.dim == len(query) {
			r := l.candidates(filter)
			chosen, n = append(chosen, r), n+r.n
		}
	}
	most := exactBelow
	if filter != nil {
		most = exactFiltered
	}
	if n > most {
		n = bySigns(query, chosen, max(rescore*k, rescoreLeast))
	}
	near := make([]Near, n)
	from := 0
	for _, r := range chosen {
		r.score(query, near[from:from+r.n])
		from += r.n
	}
	return v.best(near, k)
}

// scoredAtOnce is how many rows are worth a goroutine.
const scoredAtOnce = 8192

// score compares the rows with a query, on several processors where they are many.
func (r vectorRows) score(query []float32, into []Near) {
	parts := max(1, min(runtime.GOMAXPROCS(0), 8, r.n/scoredAtOnce))
	var done sync.WaitGroup
	for p := range parts {
		work := func() {
			for j := p * r.n / parts; j < (p+1)*r.n/parts; j++ {
				i := r.at(j)
				into[j] = Near{Patient: r.v.patient[i], Score: nn.Dot(query, r.v.row(i))}
			}
		}
		if p == parts-1 {
			work()
		} else {
			done.Go(work)
		}
	}
	done.Wait()
}

// vectorRows are some of the vectors of a layer.
type vectorRows struct {
	v    *vectors
	n    int
	some []int32 // nil = the first n, which are all
}

func (r vectorRows) at(j int) int {
	if r.some == nil {
		return j
	}
	return int(r.some[j])
}

func (l layer) candidates(filter *Set) vectorRows {
	v := &l.vectors
	if filter == nil && l.masked == nil {
		return vectorRows{v: v, n: len(v.patient)}
	}
	if filter != nil && 8*filter.Len() < len(v.patient) {
		return l.few(filter)
	}
	some := make([]int32, 0, len(v.patient))
	for i, ord := range v.patient {
		if (filter == nil || filter.Contains(ord)) && !l.hides(ord) {
			some = append(some, int32(i))
		}
	}
	return vectorRows{v, len(some), some}
}

// few are the rows of a filter that has few of them: they are looked up one by one.
func (l layer) few(filter *Set) vectorRows {
	v := &l.vectors
	some, from := make([]int32, 0, filter.Len()), 0
	for ord := range filter.All() {
		i, ok := v.find(ord, from)
		if from = i; ok && !l.hides(ord) {
			some = append(some, int32(i))
		}
	}
	return vectorRows{v, len(some), some}
}

// find is the row of a patient at or behind a row, or the row it would stand at.
// Patients mostly have a vector each, so that a row is mostly as far from the first
// as its ordinal is.
func (v *vectors) find(ord uint32, from int) (int, bool) {
	if from >= len(v.patient) {
		return len(v.patient), false
	}
	if guess := from + int(ord) - int(v.patient[from]); guess >= from && guess < len(v.patient) && v.patient[guess] == ord {
		return guess, true
	}
	i, ok := slices.BinarySearch(v.patient[from:], ord)
	return from + i, ok
}

// Vector is the vector of a patient, of length 1; nil where there is none. It must
// not be modified.
func (v View) Vector(ordinal uint32) []float32 {
	for _, l := range v.s.layers {
		if i, ok := l.vectors.find(ordinal, 0); ok && !l.hides(ordinal) {
			return l.vectors.row(i)
		}
	}
	return nil
}

// Mean is the direction in which the vectors of a set lie, of length 1, and how many
// of its patients have a vector; nil where nobody has.
func (v View) Mean(set Set) (vec []float32, n int) {
	var sum []float64
	for ord := range set.All() {
		one := v.Vector(ord)
		if one == nil {
			continue
		}
		if sum == nil {
			sum = make([]float64, len(one))
		}
		for i, x := range one {
			sum[i] += float64(x)
		}
		n++
	}
	out := make([]float32, len(sum))
	for i, x := range sum {
		out[i] = float32(x)
	}
	return normalised(out), n
}

// ordered puts the rows in order of the patients.
func (v vectors) ordered() vectors {
	if slices.IsSorted(v.patient) {
		return v
	}
	return mergeVectors([]layer{{segment: &segment{vectors: v}}})
}

// best sorts by score and id and keeps k; ids are looked up for few only.
func (v View) best(near []Near, k int) []Near {
	near = foremost(near, k)
	slices.SortFunc(near, func(a, b Near) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Patient, b.Patient)) })
	end := min(k, len(near))
	for end > 0 && end < len(near) && near[end].Score == near[end-1].Score {
		end++
	}
	near = near[:end]
	for i := range near {
		near[i].ID = v.s.people.at(near[i].Patient).ID
	}
	slices.SortFunc(near, func(a, b Near) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID)) })
	return slices.Clip(near[:min(k, len(near))])
}

// foremost leaves those that are as near as the k-th, in no order: what is behind them
// need not be sorted.
func foremost(near []Near, k int) []Near {
	if len(near) <= 2*k {
		return near
	}
	scores := make([]float32, len(near))
	for i := range near {
		scores[i] = near[i].Score
	}
	least := kth(scores, k)
	kept := near[:0]
	for _, n := range near {
		if n.Score >= least {
			kept = append(kept, n)
		}
	}
	return kept
}

// kth is the k-th largest number, counted from 1; it puts them in another order
// (quickselect; Hoare 1961).
func kth(v []float32, k int) float32 {
	low, high := 0, len(v)-1
	for low < high {
		pivot := max(min(v[low], v[high]), min(max(v[low], v[high]), v[(low+high)/2]))
		i, j := low, high
		for i <= j {
			for v[i] > pivot {
				i++
			}
			for v[j] < pivot {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case k-1 <= j:
			high = j
		case k-1 >= i:
			low = i
		default:
			return v[k-1]
		}
	}
	return v[k-1]
}
