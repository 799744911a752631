package recommender

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"ember/learn"
	"ember/recommender/feedback"
	"ember/record"
	"ember/terms"
)

// TrainOptions are the choices of a training run. The zero value works.
type TrainOptions struct {
	Name string // of the model; "" = "ember-recommender"
	Seed uint64
	// Landmarks are the moments of a stay to learn from, since admission; more
	// of them than are evaluated help (EvaluationLandmarks are always fine).
	// nil = 6, 12, 24 and 48 hours.
	Landmarks []time.Duration
	Folds     int // out-of-fold parts, by patient; 0 = 5
	// MaxSamples bounds the decisions learned from, MaxDecisions those that the
	// stack and the network are fitted on; 0 = 60,000 and 16,000.
	MaxSamples, MaxDecisions int
	// RidgePenalty 0 is chosen out of fold among 30, 150, 750 and 4,000.
	RidgePenalty  float64
	BootstrapReps int // of the estimates; 0 = 2,000
	// FoldsBySite keeps the patients of a site in one fold: for judging at
	// sites that training has not seen.
	FoldsBySite bool
	// Simple leaves the neural scorer out.
	Simple bool
	// OutOfFold, when set, is handed every out-of-fold decision of the run with
	// what each system says about it: evaluation chooses baselines and
	// thresholds there, on training patients only. The argument is not kept.
	OutOfFold func(Scoring)
	// Person, when set, is told the id of every patient that is learned from, by
	// ordinal: the artifact itself knows ordinals only.
	Person func(ordinal int, id string)
	// Feedback is what was done with earlier answers.
	Feedback []feedback.Answer
	// Parts, when set, keeps what is finished, for a run that is killed.
	Parts Parts
	// Against, when set, also measures against a version that serves.
	Against *Comparison
}

func (o TrainOptions) withDefaults() TrainOptions {
	if o.Name == "" {
		o.Name = "ember-recommender"
	}
	if o.Landmarks == nil {
		for _, h := range []int{6, 12, 24, 48} {
			o.Landmarks = append(o.Landmarks, time.Duration(h)*time.Hour)
		}
	}
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&o.Folds, 5)
	set(&o.MaxSamples, 60_000)
	set(&o.MaxDecisions, 16_000)
	set(&o.BootstrapReps, 2_000)
	return o
}

// ErrNoDecisions means that the timelines hold no visit or stay to learn from.
var ErrNoDecisions = errors.New("recommender: nothing to learn from")

// Train fits everything an answer rests on to the timelines, which are gone
// through several times and must come in the same order each time. Patients who
// refused, or whose record was merged into another, are left out. What is fitted
// depends on the timelines, the terms and the seed only, not on the machine.
// Memory grows with the samples kept (about 4 KB each), not with the timelines.
// progress may be nil; total is 0 while unknown.
func Train(ctx context.Context, seq iter.Seq[record.Timeline], t *terms.Terms, opt TrainOptions, progress func(stage string, done, total int)) (*Artifact, error) {
	return train(ctx, seq, t, opt, progress)
}

func train(ctx context.Context, seq iter.Seq[record.Timeline], t meanings, opt TrainOptions, progress func(stage string, done, total int)) (*Artifact, error) {
	if progress == nil {
		progress = func(string, int, int) {}
	}
	opt = opt.withDefaults()
	progress("naming the site's own codes", 0, 0)
	names, err := learnNames(ctx, seq, t)
	if err != nil {
		return nil, err
	}
	seq = names.all(seq)
	g := gatherer{terms: t, opt: opt, report: progress}
	data, err := g.gather(ctx, seq)
	if err != nil {
		return nil, err
	}
	data.deal(opt.Folds)
	r := trainer{seq: seq, names: names, data: data, opt: opt, report: progress}
	return r.run(ctx)
}

// trainer fits sources, stack, network and calibration to gathered data.
type trainer struct {
	seq       iter.Seq[record.Timeline]
	names     *names // by which seq is named
	data      *gathered
	opt       TrainOptions
	report    func(stage string, done, total int)
	gram      *learn.Gram // all wants side by side: one factorisation serves them
	offset    [wantEnd]int
	penalty   [wantEnd]float64
	decisions [wantEnd][]decision
	vectors   *vectors            // of all training patients
	partial   [netGroups]*vectors // without the patients of a group of folds
}

func (r *trainer) run(ctx context.Context) (*Artifact, error) {
	r.addGram()
	if err := r.choosePenalty(ctx); err != nil {
		return nil, err
	}
	if err := r.outOfFold(ctx); err != nil {
		return nil, err
	}
	all := make([]int, len(r.data.rows))
	for i := range all {
		all[i] = i
	}
	r.report("fitting sources", 0, 0)
	var err error
	if r.vectors, err = r.embed(ctx, func(int) bool { return true }); err != nil {
		return nil, err
	}
	fitted, err := r.fit(all, r.vectors)
	if err != nil {
		return nil, err
	}
	a := &Artifact{
		Name: r.opt.Name, Seed: r.opt.Seed,
		names: r.names, lexicon: r.data.lexicon, fitted: fitted, ages: r.data.ages, patients: r.data.patients, samples: len(r.data.rows),
	}
	for i := range r.data.rows {
		a.seen[r.data.rows[i].chart.setting]++
	}
	for w := Treatments; w < wantEnd; w++ {
		if err := r.rank(ctx, a, w); err != nil {
			return nil, err
		}
	}
	if err := r.compare(ctx, a); err != nil {
		return nil, err
	}
	r.summarise(a)
	a.likeness = r.likeness()
	r.report("learning from feedback", 0, 0)
	a.learned = feedback.Learn(r.opt.Feedback, r.opt.BootstrapReps, r.opt.Seed)
	a.seal()
	return a, nil
}

// addGram makes the ridge's sums of all rows.
func (r *trainer) addGram() {
	sizes := r.data.lexicon.vocabulary.sizes()
	total := 0
	for w := Treatments; w < wantEnd; w++ {
		r.offset[w] = total
		total += sizes[w]
	}
	r.gram = learn.NewGram(r.data.lexicon.columns.n, max(total, 1))
	for i := range r.data.rows {
		r.gram.Add(r.data.rows[i].chart.x, r.outputs(&r.data.rows[i]))
	}
}

// outputs are the labels of all wants side by side.
func (r *trainer) outputs(row *trainingRow) learn.Row {
	var y learn.Row
	for w := Treatments; w < wantEnd; w++ {
		for _, l := range row.labels[w] {
			y.Index = append(y.Index, uint32(r.offset[w])+l)
		}
	}
	return y
}

// solve is the ridge of the sums as they are, one model per want.
func (r *trainer) solve() (*ridge, error) {
	out := &ridge{}
	var both *learn.Ridge
	last := 0.
	for w, m := range r.data.lexicon.vocabulary.sizes() {
		if m == 0 {
			continue
		}
		if r.penalty[w] != last {
			var err error
			if both, err = r.gram.Solve(r.penalty[w]); err != nil {
				return nil, fmt.Errorf("recommender: fitting ridge: %w", err)
			}
			last = r.penalty[w]
		}
		lo := r.offset[w]
		part := &learn.Ridge{In: both.In, Out: m, W: make([]float32, 0, both.In*m), Bias: slices.Clone(both.Bias[lo : lo+m])}
		for i := range both.In {
			part.W = append(part.W, both.W[i*both.Out+lo:i*both.Out+lo+m]...)
		}
		out.model[w] = part
	}
	return out, nil
}

// fit fits every source to some of the rows. The gram must hold just those.
func (r *trainer) fit(rows []int, vectors *vectors) (*fitted, error) {
	part := make([]trainingRow, len(rows))
	x := make([]learn.Row, len(rows))
	var y [wantEnd][]learn.Row
	for w := range y {
		y[w] = make([]learn.Row, len(rows))
	}
	for i, k := range rows {
		part[i] = r.data.rows[k]
		x[i] = part[i].chart.x
		for w := range y {
			y[w][i] = learn.Row{Index: part[i].labels[w]}
		}
	}
	a := r.data.lexicon
	f := &fitted{
		history:    fitHistory(a.vocabulary, part),
		popularity: fitPopularity(a.vocabulary, part, r.data.orders),
		sites:      fitSites(a.vocabulary, part, len(a.siteNames)),
		vectors:    vectors,
		orders:     r.data.wholeOrders(),
	}
	var err error
	if f.table, err = fitAssociation(x, y, a); err != nil {
		return nil, fmt.Errorf("recommender: fitting associations: %w", err)
	}
	if f.ridge, err = r.solve(); err != nil {
		return nil, err
	}
	if f.similar, err = fitSimilar(part, a, r.opt.Seed); err != nil {
		return nil, err
	}
	return f, nil
}

// fitSimilar keeps at most maxNeighbours of the rows, chosen by hash.
func fitSimilar(rows []trainingRow, a *lexicon, seed uint64) (*similar, error) {
	every := uint64(len(rows)/maxNeighbours + 1)
	var x []learn.Row
	var patient []int32
	var labels [wantEnd][][]uint32
	for i := range rows {
		if every > 1 && mix(seed, uint64(i))%every != 0 {
			continue
		}
		x = append(x, rows[i].chart.x)
		patient = append(patient, rows[i].patient)
		for w := range labels {
			labels[w] = append(labels[w], rows[i].labels[w])
		}
	}
	return newSimilar(x, patient, labels, a.columns.n, a.vocabulary.sizes())
}

// outOfFold scores decisions of each fold by sources fitted without it.
func (r *trainer) outOfFold(ctx context.Context) error {
	chosen := r.chooseDecisions()
	for f := range r.opt.Folds {
		r.report("scoring out of fold", f, r.opt.Folds)
		if err := ctx.Err(); err != nil {
			return err
		}
		var train, test []int
		for i := range r.data.rows {
			switch {
			case int(r.data.rows[i].fold) != f:
				train = append(train, i)
			case chosen[i]:
				test = append(test, i)
			}
		}
		if len(train) == 0 || len(test) == 0 {
			continue
		}
		vectors, err := r.embed(ctx, func(g int) bool { return g != f })
		if err != nil {
			return fmt.Errorf("fold %d: %w", f, err)
		}
		r.shift(f, (*learn.Gram).Remove)
		fitted, err := r.fit(train, vectors)
		r.shift(f, (*learn.Gram).Add)
		if err != nil {
			return fmt.Errorf("fold %d: %w", f, err)
		}
		if err := r.score(ctx, fitted.sources(r.data.lexicon), test); err != nil {
			return err
		}
	}
	if len(r.decisions[Treatments])+len(r.decisions[Tests]) == 0 {
		return fmt.Errorf("%w: fewer patients than folds", ErrNoDecisions)
	}
	return nil
}

// shift adds a fold to the gram or removes it.
func (r *trainer) shift(fold int, do func(g *learn.Gram, x, y learn.Row)) {
	for i := range r.data.rows {
		if row := &r.data.rows[i]; int(row.fold) == fold {
			do(r.gram, row.chart.x, r.outputs(row))
		}
	}
}

// chooseDecisions marks the rows to fit the stack on.
func (r *trainer) chooseDecisions() []bool {
	chosen := make([]bool, len(r.data.rows))
	keep := uint64(1 << 32)
	if n := len(chosen); n > r.opt.MaxDecisions {
		keep = keep * uint64(r.opt.MaxDecisions) / uint64(n)
	}
	for i := range chosen {
		chosen[i] = mix(r.opt.Seed+1, uint64(i))>>32 < keep
	}
	return chosen
}

// score makes the decisions of rows, on all processors; each lands in its place.
func (r *trainer) score(ctx context.Context, s *sources, rows []int) error {
	var made [wantEnd][]decision
	for w := range made {
		made[w] = make([]decision, len(rows))
	}
	err := parallel(len(rows), func(i int) error {
		for w := Treatments; w < wantEnd; w++ {
			if len(r.data.lexicon.vocabulary.labels[w]) == 0 {
				continue
			}
			d, err := r.decide(ctx, s, rows[i], w)
			if err != nil {
				return err
			}
			made[w][i] = d
		}
		return nil
	})
	for w := Treatments; w < wantEnd; w++ {
		if len(r.data.lexicon.vocabulary.labels[w]) > 0 {
			r.decisions[w] = append(r.decisions[w], made[w]...)
		}
	}
	return err
}

func (r *trainer) decide(ctx context.Context, s *sources, i int, w Want) (decision, error) {
	row := &r.data.rows[i]
	v := r.data.lexicon.vocabulary
	cand, err := s.propose(ctx, v, &row.chart, w, false)
	if err != nil {
		return decision{}, err
	}
	d := decision{row: i, fold: row.fold, want: w, cand: cand, total: len(row.labels[w]),
		hit: make([]bool, len(cand.labels))}
	d.resolve(v, &row.chart)
	found := 0
	for k, l := range cand.labels {
		if d.hit[k] = row.ordered(w, l); d.hit[k] {
			found++
		}
	}
	d.missed = d.total - found
	return d, nil
}

func (v *vocabulary) sizes() (n [wantEnd]int) {
	for w := range n {
		n[w] = len(v.labels[w])
	}
	return n
}

// likeness is below what one in a thousand training decisions has to its nearest
// sample of other patients.
func (r *trainer) likeness() float32 {
	var near []float32
	for w := range r.decisions {
		for i := range r.decisions[w] {
			near = append(near, r.decisions[w][i].cand.nearest)
		}
	}
	slices.Sort(near)
	return .5 * near[len(near)/1000]
}

func (out *gathered) wholeOrders() (n [wantEnd][]int) {
	for w := range out.orders {
		n[w] = make([]int, len(out.orders[w]))
		for l, v := range out.orders[w] {
			n[w][l] = int(v)
		}
	}
	return n
}
