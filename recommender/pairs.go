package recommender

// decision is one training sample with its candidates, scored by sources that
// were fitted without its patient's fold.
type decision struct {
	row    int
	fold   uint8
	want   Want
	cand   *candidates
	facts  []*fact // by candidate, nil where never ordered
	status []status
	hit    []bool // by candidate
	missed int    // orders that are no candidates
	total  int    // orders
}

// resolve finds the fact and the status of every candidate.
func (d *decision) resolve(v *vocabulary, c *Chart) {
	d.facts, d.status = make([]*fact, len(d.cand.labels)), make([]status, len(d.cand.labels))
	for k, l := range d.cand.labels {
		id := v.labels[d.want][l]
		d.facts[k] = c.find(id)
		d.status[k] = statusOf(v.concepts[id].kind, d.facts[k])
	}
}

// pairs are decisions taken apart into (sample, candidate) rows of stack inputs.
type pairs struct {
	fold   []uint8
	status []status
	x      []float32
	y      []float64
	w      []float64
}

// maxPairs bounds the rows of a fit. Beyond it only a share of the candidates
// that were not ordered is kept, each with the weight of those left out.
const maxPairs = 300_000

// makePairs takes the decisions that led to orders of a kind: the others say how
// much is ordered (and where such orders are not recorded at all), not which;
// calibration looks at them.
func makePairs(decisions []decision) *pairs {
	n := 0
	for i := range decisions {
		if decisions[i].total > 0 {
			n += len(decisions[i].cand.labels)
		}
	}
	every := uint64(n/maxPairs + 1)
	p := &pairs{}
	for i := range decisions {
		if decisions[i].total > 0 {
			p.add(&decisions[i], every)
		}
	}
	return p
}

func (p *pairs) add(d *decision, every uint64) {
	var in [stackInputs]float32
	var some [2]bool // of medications and tests, of procedures
	for k, hit := range d.hit {
		some[d.status[k]/procedure] = some[d.status[k]/procedure] || hit
	}
	for k, l := range d.cand.labels {
		if !some[d.status[k]/procedure] {
			continue
		}
		weight := 1.
		if !d.hit[k] && every > 1 {
			if mix(uint64(d.row), uint64(l))%every != 0 {
				continue
			}
			weight = float64(every)
		}
		stackInput(d.cand.row(k), d.facts[k], in[:])
		p.fold = append(p.fold, d.fold)
		p.status = append(p.status, d.status[k])
		p.x = append(p.x, in[:]...)
		y := 0.
		if d.hit[k] {
			y = 1
		}
		p.y = append(p.y, y)
		p.w = append(p.w, weight)
	}
}

// of are the rows of one status and of the folds to keep.
func (p *pairs) of(st status, keep func(fold uint8) bool) (x []float32, y, w []float64) {
	for i := range p.y {
		if p.status[i] != st || !keep(p.fold[i]) {
			continue
		}
		x = append(x, p.x[i*stackInputs:(i+1)*stackInputs]...)
		y = append(y, p.y[i])
		w = append(w, p.w[i])
	}
	return x, y, w
}

// mix is a fixed hash of two numbers (the finaliser of SplitMix64, Steele et
// al., OOPSLA 2014).
func mix(a, b uint64) uint64 {
	z := a*0x9e3779b97f4a7c15 + b + 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
