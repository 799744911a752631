package nn

// packing lays padded sequences out by steps: the longest sequence first, of each
// step a row for each sequence that reaches it. What recurs then meets whole
// rows, and padding is never computed.
type packing struct {
	samples, steps int
	order          []int // sample of each row of a step
	lengths        []int // of each sample
	active         []int // rows of each step; steps that nobody reaches are left out
	start          []int // first row of each step, and the end
	counts         []int
}

// set takes the lengths of x, samples × steps × width.
func (p *packing) set(x Tensor) {
	p.samples, p.steps = x.Shape[0], x.Shape[1]
	p.lengths, p.order = resized(p.lengths, p.samples), resized(p.order, p.samples)
	p.counts = resized(p.counts, p.steps+2)
	clear(p.counts)
	for i := range p.lengths {
		p.lengths[i] = x.length(i, p.steps)
		p.counts[p.lengths[i]]++
	}
	// counts becomes the place of the first sample of each length.
	place := 0
	for n := p.steps; n >= 0; n-- {
		place, p.counts[n] = place+p.counts[n], place
	}
	p.active, p.start = p.active[:0], append(p.start[:0], 0)
	for t := range p.steps {
		reach := p.counts[t] // samples longer than t
		if reach == 0 {
			break
		}
		p.active = append(p.active, reach)
		p.start = append(p.start, p.start[t]+reach)
	}
	for i, n := range p.lengths {
		p.order[p.counts[n]] = i
		p.counts[n]++
	}
}

// rows is how many rows there are in all.
func (p *packing) rows() int { return p.start[len(p.active)] }

// at is the step of the sample in row r of step s.
func (p *packing) at(s, r int, reverse bool) (sample, t int) {
	sample = p.order[r]
	if reverse {
		return sample, p.lengths[sample] - 1 - s
	}
	return sample, s
}

// gather packs x into rows.
func (p *packing) gather(x, into []float32, width int, reverse bool) {
	for s, n := range p.active {
		for r := range n {
			sample, t := p.at(s, r, reverse)
			row, from := p.start[s]+r, sample*p.steps+t
			copy(into[row*width:(row+1)*width], x[from*width:(from+1)*width])
		}
	}
}

// scatter puts rows back; padding becomes zeros.
func (p *packing) scatter(rows, into []float32, width int, reverse bool) {
	for i, n := range p.lengths {
		clear(into[(i*p.steps+n)*width : (i+1)*p.steps*width])
	}
	for s, n := range p.active {
		for r := range n {
			sample, t := p.at(s, r, reverse)
			row, to := p.start[s]+r, sample*p.steps+t
			copy(into[to*width:(to+1)*width], rows[row*width:(row+1)*width])
		}
	}
}

// ending are the rows of step s whose sequences end there.
func (p *packing) ending(s int) (from, to int) {
	if s+1 < len(p.active) {
		from = p.active[s+1]
	}
	return from, p.active[s]
}
