package recommender

import "context"

// history scores what the patient was ordered before by how often such orders
// are repeated: a rate by how long ago, how often, whether still active and in
// what setting, times how much more often than that this one is. Scores are
// logits; what was never ordered has noHistory.
type history struct {
	vocabulary *vocabulary
	rate       [wantEnd][]float32 // by historyBucket
	ratio      [wantEnd][]float32 // by label: shrunk observed over expected
}

const (
	historyRecency = 7
	historyCounts  = 4
	historyBuckets = 2 * 2 * historyRecency * historyCounts
)

// historyBucket groups facts whose orders are repeated alike.
func historyBucket(f *fact, s setting) int {
	recency := 0
	if f.is&inVisit == 0 {
		recency = 1 + band(f.last, 7, 30, 90, 180, 365)
	}
	count := band(float32(f.count), 2, 3, 6)
	b := recency*historyCounts + count
	if f.is&active != 0 {
		b += historyRecency * historyCounts
	}
	if s != ambulatory {
		b += 2 * historyRecency * historyCounts
	}
	return b
}

// Pseudo-counts: of samples for a bucket's rate, of expected orders for a
// label's ratio.
const (
	historyBucketPrior = 10
	historyRatioPrior  = 5
)

func fitHistory(v *vocabulary, rows []trainingRow) *history {
	h := &history{vocabulary: v}
	for w := Treatments; w < wantEnd; w++ {
		h.rate[w] = fitHistoryRates(v, rows, w)
		h.ratio[w] = h.fitRatios(rows, w)
	}
	return h
}

func fitHistoryRates(v *vocabulary, rows []trainingRow, w Want) []float32 {
	seen, hit := make([]float64, historyBuckets), make([]float64, historyBuckets)
	var allSeen, allHit float64
	eachHistory(v, rows, w, func(r *trainingRow, f *fact, l uint32) {
		b := historyBucket(f, r.chart.setting)
		seen[b]++
		allSeen++
		if r.ordered(w, l) {
			hit[b]++
			allHit++
		}
	})
	mean := (allHit + 1) / (allSeen + 10)
	rate := make([]float32, historyBuckets)
	for b := range rate {
		rate[b] = float32((hit[b] + historyBucketPrior*mean) / (seen[b] + historyBucketPrior))
	}
	return rate
}

func (h *history) fitRatios(rows []trainingRow, w Want) []float32 {
	n := len(h.vocabulary.labels[w])
	expected, observed := make([]float64, n), make([]float64, n)
	eachHistory(h.vocabulary, rows, w, func(r *trainingRow, f *fact, l uint32) {
		expected[l] += float64(h.rate[w][historyBucket(f, r.chart.setting)])
		if r.ordered(w, l) {
			observed[l]++
		}
	})
	ratio := make([]float32, n)
	for l := range ratio {
		ratio[l] = float32((observed[l] + historyRatioPrior) / (expected[l] + historyRatioPrior))
	}
	return ratio
}

// eachHistory calls do for every orderable fact of every row.
func eachHistory(v *vocabulary, rows []trainingRow, w Want, do func(r *trainingRow, f *fact, label uint32)) {
	for i := range rows {
		r := &rows[i]
		for k := range r.chart.facts {
			f := &r.chart.facts[k]
			c := &v.concepts[f.concept]
			if c.label >= 0 && WantOf(c.kind) == w {
				do(r, f, uint32(c.label))
			}
		}
	}
}

// Name implements [Source].
func (*history) Name() string { return columnNames[colHistory] }

// Score implements [Source].
func (h *history) Score(_ context.Context, c *Chart, want Want, into []float32) error {
	for l := range into {
		into[l] = noHistory
	}
	for i := range c.facts {
		f := &c.facts[i]
		k := &h.vocabulary.concepts[f.concept]
		if k.label >= 0 && WantOf(k.kind) == want && f.is&drafted == 0 {
			into[k.label] = logit(float64(h.rate[want][historyBucket(f, c.setting)] * h.ratio[want][k.label]))
		}
	}
	return nil
}
