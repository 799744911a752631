package index

import (
	"math"
	"math/bits"
)

// rounds of rotation: two mix every number with every other.
const rounds = 2

// width is how many numbers a rotated vector has: the next power of two.
func width(dim int) int { return 1 << bits.Len(uint(max(dim, 1)-1)) }

func signWords(dim int) int { return (width(dim) + 63) / 64 }

// rotated is a vector turned by a fixed rotation, which spreads what it says evenly over
// its numbers, so that each sign tells as much as the others: vectors of an embedding
// have most of their length in their first numbers. Randomised Hadamard transform
// (Ailon and Chazelle 2009); signs of what was so turned: RaBitQ (Gao and Long 2024).
func rotated(vec []float32) []float32 {
	out := make([]float32, width(len(vec)))
	rotate(out, vec)
	return out
}

// rotate writes the rotated vector to out, of length width(len(vec)).
func rotate(out, vec []float32) {
	copy(out, vec)
	clear(out[len(vec):])
	scale := float32(1 / math.Sqrt(float64(len(out))))
	for r := range uint32(rounds) {
		for i := range out {
			if (uint32(i)*7+r*13+1)*2654435761>>31 == 1 {
				out[i] = -out[i]
			}
			out[i] *= scale
		}
		for h := 1; h < len(out); h *= 2 {
			for i := 0; i < len(out); i += 2 * h {
				low, high := out[i:i+h], out[i+h:i+2*h]
				for j, a := range low {
					b := high[j]
					low[j], high[j] = a+b, a-b
				}
			}
		}
	}
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

// bySigns keeps about n rows that agree with the query in most signs, level by
// level, and gives their number. A last level that would more than double n is
// left out when a quarter of n is there without it.
func bySigns(query []float32, chosen []vectorRows, n int) int {
	signs := appendSigns(nil, rotated(query))
	distances, count := make([][]uint16, len(chosen)), make([]int, 64*len(signs)+1)
	for k, r := range chosen {
		distances[k] = r.distances(signs)
		for _, d := range distances[k] {
			count[d]++
		}
	}
	limit, sum := 0, count[0]
	for sum < n && limit < len(count)-1 {
		limit++
		sum += count[limit]
	}
	if before := sum - count[limit]; sum > 2*n && before > n/4 {
		limit, sum = limit-1, before
	}
	for k, r := range chosen {
		kept := make([]int32, 0, sum)
		for j, d := range distances[k] {
			if int(d) <= limit {
				kept = append(kept, int32(r.at(j)))
			}
		}
		chosen[k] = vectorRows{r.v, len(kept), kept}
	}
	return sum
}

// distances are the numbers of signs in which the rows differ from the query.
func (r vectorRows) distances(signs []uint64) []uint16 {
	out := make([]uint16, r.n)
	if w := len(signs); w == 2 && r.some == nil {
		a, b, all := signs[0], signs[1], r.v.signs[:2*r.n]
		for j := range out {
			out[j] = uint16(bits.OnesCount64(all[2*j]^a) + bits.OnesCount64(all[2*j+1]^b))
		}
		return out
	}
	for j := range out {
		d := 0
		for i, s := range r.v.signs[r.at(j)*len(signs):][:len(signs)] {
			d += bits.OnesCount64(s ^ signs[i])
		}
		out[j] = uint16(d)
	}
	return out
}
