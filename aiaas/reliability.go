package aiaas

import "math"

// bars is the number of bars of a reliability diagram.
const bars = 15

// decisions yields the confidence of each decision and whether it was right: one
// a sample where classes exclude each other, else one for each class.
func decisions(p []float32, truth []bool, m int, multi bool, yield func(confidence float64, right bool)) {
	for i := 0; i+m <= len(p); i += m {
		if !multi {
			c := best(p[i : i+m])
			yield(float64(p[i+c]), truth[i+c])
			continue
		}
		for c := range m {
			yield(float64(p[i+c]), truth[i+c])
		}
	}
}

func barOf(confidence float64) int { return min(max(int(confidence*bars), 0), bars-1) }

// reliability is how often decisions of like confidence were right. Empty bars
// are left out.
func reliability(d *Dataset, p []float32) []Bin {
	var all [bars]Bin
	decisions(p, has(d.Labels, len(d.Classes)), len(d.Classes), d.Multi, func(confidence float64, right bool) {
		b := &all[barOf(confidence)]
		b.N++
		b.Confidence += confidence
		if right {
			b.Right++
		}
	})
	var out []Bin
	for k, b := range all {
		if b.N == 0 {
			continue
		}
		n := float64(b.N)
		out = append(out, Bin{Low: float64(k) / bars, High: float64(k+1) / bars, Confidence: b.Confidence / n, Right: b.Right / n, N: b.N})
	}
	return out
}

// confidenceError is the expected calibration error of the decisions: the mean
// distance of a bar's confidence from how often it was right.
func confidenceError(p []float32, truth []bool, m int, multi bool) float64 {
	var off [bars]float64
	n := 0.
	decisions(p, truth, m, multi, func(confidence float64, right bool) {
		n++
		off[barOf(confidence)] += confidence
		if right {
			off[barOf(confidence)]--
		}
	})
	var e float64
	for _, v := range off {
		e += math.Abs(v)
	}
	return e / max(n, 1)
}
