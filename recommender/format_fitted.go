package recommender

import (
	"ember/learn"
)

// encode writes the state of every source.
func (f *fitted) encode(e *encoder) {
	for w := Treatments; w < wantEnd; w++ {
		e.f32s(f.history.rate[w])
		e.f32s(f.history.ratio[w])
		for s := range f.popularity.rate[w] {
			e.f32s(f.popularity.rate[w][s])
		}
		for _, r := range f.sites.ratio[w] {
			e.f32s(r)
		}
		for _, n := range f.orders[w] {
			e.u32(uint32(n))
		}
		encodeAssociation(e, f.table[w])
		encodeRidge(e, f.ridge.model[w])
	}
	f.similar.encode(e)
	e.bool(f.vectors != nil)
	if f.vectors != nil {
		e.num(f.vectors.dim)
		e.f32s(f.vectors.flat)
	}
}

func decodeFitted(d *decoder, a *lexicon) (*fitted, error) {
	v := a.vocabulary
	f := &fitted{
		history: &history{vocabulary: v}, popularity: &popularity{}, sites: &sitePopularity{},
		table: &[wantEnd]*learn.Association{}, ridge: &ridge{},
	}
	for w := Treatments; w < wantEnd; w++ {
		n := len(v.labels[w])
		f.history.rate[w], f.history.ratio[w] = d.f32s(), d.f32s()
		d.ask(len(f.history.rate[w]) == historyBuckets && len(f.history.ratio[w]) == n)
		for s := range f.popularity.rate[w] {
			f.popularity.rate[w][s] = d.f32s()
			d.ask(len(f.popularity.rate[w][s]) == n)
		}
		f.sites.ratio[w] = make([][]float32, len(a.siteNames))
		for s := range f.sites.ratio[w] {
			f.sites.ratio[w][s] = d.f32s()
			d.ask(len(f.sites.ratio[w][s]) == n)
		}
		f.orders[w] = make([]int, n)
		for l := range f.orders[w] {
			f.orders[w][l] = int(d.u32())
		}
		f.table[w] = decodeAssociation(d, a.columns.n, n)
		f.ridge.model[w] = decodeRidge(d, a.columns.n, n)
	}
	var err error
	if f.similar, err = decodeSimilar(d, a); err != nil {
		return nil, err
	}
	if d.bool() {
		f.vectors = &vectors{dim: d.num(), flat: d.f32s()}
		d.ask(f.vectors.dim > 0 && f.vectors.dim <= 4096 && len(f.vectors.flat) == f.vectors.dim*len(v.concepts))
	}
	return f, d.err
}

func encodeAssociation(e *encoder, t *learn.Association) {
	e.bool(t != nil)
	if t == nil {
		return
	}
	e.f32s(t.Prior)
	e.u32s(t.Start)
	e.u32s(t.Output)
	e.f32s(t.Ratio)
	e.f32s(t.Absent)
}

func decodeAssociation(d *decoder, in, out int) *learn.Association {
	if !d.bool() {
		return nil
	}
	t := &learn.Association{In: in, Out: out, Prior: d.f32s(), Start: d.u32s(), Output: d.u32s(), Ratio: d.f32s(), Absent: d.f32s()}
	d.ask(len(t.Prior) == out && len(t.Start) == in+1 && len(t.Absent) == in && len(t.Ratio) == len(t.Output))
	for i, s := range t.Start {
		d.ask(int(s) <= len(t.Output) && (i == 0 || s >= t.Start[i-1]))
	}
	for _, o := range t.Output {
		d.ask(int(o) < out)
	}
	return t
}

func encodeRidge(e *encoder, r *learn.Ridge) {
	e.bool(r != nil)
	if r == nil {
		return
	}
	e.f32s(r.W)
	e.f32s(r.Bias)
}

func decodeRidge(d *decoder, in, out int) *learn.Ridge {
	if !d.bool() {
		return nil
	}
	r := &learn.Ridge{In: in, Out: out, W: d.f32s(), Bias: d.f32s()}
	d.ask(len(r.W) == in*out && len(r.Bias) == out)
	return r
}

func (s *similar) encode(e *encoder) {
	e.u32(uint32(len(s.rows)))
	for i, r := range s.rows {
		e.u32(uint32(s.patient[i]))
		e.u32s(r.Index)
		for w := Treatments; w < wantEnd; w++ {
			e.u32s(s.labels[w][i])
		}
	}
}

func decodeSimilar(d *decoder, a *lexicon) (*similar, error) {
	n := d.length(8 + 4*int(wantEnd-1))
	rows, patient := make([]learn.Row, n), make([]int32, n)
	var labels [wantEnd][][]uint32
	for w := range labels {
		labels[w] = make([][]uint32, n)
	}
	for i := range rows {
		patient[i] = int32(d.u32())
		rows[i].Index = d.u32s()
		for w := Treatments; w < wantEnd; w++ {
			labels[w][i] = d.u32s()
			for _, l := range labels[w][i] {
				d.ask(int(l) < len(a.vocabulary.labels[w]))
			}
		}
	}
	if d.err != nil {
		return nil, d.err
	}
	return newSimilar(rows, patient, labels, a.columns.n, a.vocabulary.sizes())
}
