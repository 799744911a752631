package index

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

// vectors are the patients' vectors of one segment, of length 1, in rows by
// ordinal, and beside each the signs of its numbers as bits.
type vectors struct {
	dim     int // 0 = none
	patient []uint32
	flat    []float32
	signs   []uint64
}

// Near is a patient near a vector.
type Near struct {
	Patient uint32  // ordinal in the view
	ID      string  // the patient's id
	Score   float32 // cosine of the angle, 1 = same direction
}

func signWords(dim int) int { return (dim + 63) / 64 }

func (v *vectors) add(patient uint32, vec []float32) {
	if v.dim == 0 {
		v.dim = len(vec)
	}
	v.patient = append(v.patient, patient)
	v.flat = append(v.flat, vec...)
	v.signs = appendSigns(v.signs, vec)
}

func appendSigns(signs []uint64, vec []float32) []uint64 {
	var w uint64
	for i, x := range vec {
		if x > 0 {
			w |= 1 << (i % 64)
		}
		if i%64 == 63 || i == len(vec)-1 {
			signs, w = append(signs, w), 0
		}
	}
	return signs
}

func (v *vectors) row(i int) []float32 { return v.flat[i*v.dim : (i+1)*v.dim] }

// normalised is vec with length 1; nil when it has no direction.
func normalised(vec []float32) []float32 {
	var sum float64
	for _, x := range vec {
		sum += float64(x) * float64(x)
	}
	if sum == 0 || math.IsNaN(sum) || math.IsInf(sum, 0) {
		return nil
	}
	out, scale := make([]float32, len(vec)), 1/math.Sqrt(sum)
	for i, x := range vec {
		out[i] = float32(float64(x) * scale)
	}
	return out
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
	for _, f := range all {
		v := &layers[f.layer].vectors
		out.patient = append(out.patient, f.ord)
		out.flat = append(out.flat, v.row(f.row)...)
		out.signs = append(out.signs, v.signs[f.row*w:(f.row+1)*w]...)
	}
	return out
}

const (
	// exactBelow is the number of vectors that are compared one by one;
	// among more, signs choose who is compared.
	exactBelow = 4096
	// rescore is how many more patients than asked for are chosen by signs,
	// at least rescoreLeast.
	rescore      = 24
	rescoreLeast = 512
)

// Nearest are the k patients whose vectors have the largest cosine with vec,
// best first, ties by id. A nil filter admits everybody. Below about four
// thousand candidates the answer is exact; above, the bits of the signs choose
// at least 512 and 24·k of them, which are compared exactly. Patients without a
// vector, and a vec of another length or without direction, give nothing.
func (v View) Nearest(vec []float32, k int, filter *Set) []Near {
	query := normalised(vec)
	if query == nil || k <= 0 {
		return nil
	}
	var rows []vectorRow
	for i, l := range v.s.layers {
		if l.vectors.dim == len(query) {
			rows = l.candidates(i, filter, rows)
		}
	}
	if len(rows) > exactBelow {
		rows = v.bySigns(query, rows, max(rescore*k, rescoreLeast))
	}
	near := make([]Near, 0, len(rows))
	for _, r := range rows {
		vs := &v.s.layers[r.layer].vectors
		near = append(near, Near{Patient: vs.patient[r.row], Score: dot(query, vs.row(int(r.row)))})
	}
	return v.best(near, k)
}

type vectorRow struct{ layer, row int32 }

func (l layer) candidates(layer int, filter *Set, into []vectorRow) []vectorRow {
	into = slices.Grow(into, len(l.vectors.patient))
	for i, ord := range l.vectors.patient {
		if filter != nil && !filter.Contains(ord) || l.hides(ord) {
			continue
		}
		into = append(into, vectorRow{int32(layer), int32(i)})
	}
	return into
}

// bySigns keeps the n rows, and those level with the last, that agree with the
// query in most signs. It reuses rows.
func (v View) bySigns(query []float32, rows []vectorRow, n int) []vectorRow {
	signs := appendSigns(nil, query)
	distance, count := make([]uint16, len(rows)), make([]int, len(query)+1)
	for i, r := range rows {
		vs := &v.s.layers[r.layer].vectors
		d := 0
		for j, s := range vs.signs[int(r.row)*len(signs):][:len(signs)] {
			d += bits.OnesCount64(s ^ signs[j])
		}
		distance[i] = uint16(d)
		count[d]++
	}
	limit := 0
	for sum := count[0]; sum < n && limit < len(query); sum += count[limit] {
		limit++
	}
	kept := rows[:0]
	for i, r := range rows {
		if int(distance[i]) <= limit {
			kept = append(kept, r)
		}
	}
	return kept
}

// best sorts by score and id and keeps k; ids are looked up for few only.
func (v View) best(near []Near, k int) []Near {
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

// dot sums in four parts, so that it does not depend on how the compiler or the
// processor orders one long sum.
func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return (s0 + s1) + (s2 + s3)
}
