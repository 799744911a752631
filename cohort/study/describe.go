package study

import "math"

// moments are the mean and the standard deviation (n-1) of numbers; NaN of none, and the
// deviation of one.
func moments(v []float64) (mean, deviation float64) {
	if len(v) == 0 {
		return math.NaN(), math.NaN()
	}
	squares := 0.
	for i, x := range v {
		d := x - mean
		mean += d / float64(i+1)
		squares += d * (x - mean)
	}
	return mean, math.Sqrt(squares / float64(len(v)-1))
}

// quantile is that of sorted numbers, with a line between neighbours (Hyndman and Fan's
// seventh, as in NumPy and R).
func quantile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := p * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// Standardised is the difference of two means in pooled standard deviations (Austin, Stat
// Med 2009;28:3083); 0 where there is no variance. Of shares, the deviation is
// that of 0 and 1.
func Standardised(meanA, deviationA, meanB, deviationB float64) float64 {
	pooled := math.Sqrt((deviationA*deviationA + deviationB*deviationB) / 2)
	if pooled == 0 {
		return 0
	}
	return (meanA - meanB) / pooled
}

// spread is the standard deviation of 0 and 1 of which a share is 1.
func spread(share float64) float64 { return math.Sqrt(share * (1 - share)) }
