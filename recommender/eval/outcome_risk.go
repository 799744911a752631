package eval

import (
	"slices"

	"ember/learn"
	"ember/recommender"
)

// riskChoice is what is settled on training patients: the calibration of every system
// and the single baseline to beat, by average precision over all decisions.
type riskChoice struct {
	calibrate []learn.Calibration // by outcomeColumns, then the stack
	baseline  string
}

func chooseRisk(of []asked, scores [][][]float32, s *outcomeStack) riskChoice {
	var c riskChoice
	happened := make([]bool, len(of))
	for i := range of {
		happened[i] = len(of[i].came) > 0
	}
	best := -1.
	for k := range len(outcomeColumns) + 1 {
		raw, z := make([]float64, len(of)), make([]float32, len(of))
		for i := range of {
			if k < len(outcomeColumns) {
				z[i] = scores[i][k][0]
			} else {
				z[i] = s.logits(scores[i])[0]
			}
			raw[i] = float64(z[i])
		}
		platt, err := learn.FitPlatt(raw, happened)
		if err != nil { // scores are finite: cannot happen
			platt = learn.Calibration{Kind: "platt", A: 1}
		}
		c.calibrate = append(c.calibrate, platt)
		if ap := learn.NewCurve(z, happened).AveragePrecision(nil); k < len(outcomeColumns) && ap > best {
			best, c.baseline = ap, outcomeColumns[k]
		}
	}
	return c
}

// riskJudged are the decisions of one round.
type riskJudged struct {
	patient  []string
	happened []bool
	p        map[string][]float64 // by system
	what     []Moment
}

func (j *riskJudged) add(o *outcomeRound, s recommender.Sample, happened bool, scores [][]float32) {
	if j.p == nil {
		j.p = map[string][]float64{}
	}
	j.patient = append(j.patient, s.Past.Person().ID)
	j.happened = append(j.happened, happened)
	for k, name := range outcomeColumns {
		j.p[name] = append(j.p[name], o.risks.calibrate[k].Probability(float64(scores[k][0])))
	}
	j.p[byStack] = append(j.p[byStack], o.risks.calibrate[len(outcomeColumns)].Probability(float64(o.stack.logits(scores)[0])))
	if o.opt.Risks != nil {
		j.what = append(j.what, momentOf(s))
	}
}

// riskLedger holds what every system said of one risk, in all rounds.
type riskLedger struct {
	name     string
	patients map[string]int
	group    []int
	happened []bool
	p        map[string][]float64
	best     []float64 // of the baseline chosen in the round
	chosen   []string
}

func newRiskLedger(name string) *riskLedger {
	return &riskLedger{name: name, patients: map[string]int{}, p: map[string][]float64{}}
}

func (l *riskLedger) enter(j *riskJudged, baseline string) {
	for i, id := range j.patient {
		g, ok := l.patients[id]
		if !ok {
			g = len(l.patients)
			l.patients[id] = g
		}
		l.group, l.happened = append(l.group, g), append(l.happened, j.happened[i])
	}
	for name, p := range j.p {
		l.p[name] = append(l.p[name], p...)
	}
	l.best = append(l.best, j.p[baseline]...)
}

// riskMetrics are those of a risk: over all decisions.
var riskMetrics = []string{"AP", "AUROC"}

func (l *riskLedger) report(opt Options) (TaskReport, bool) {
	n := 0
	for _, h := range l.happened {
		if h {
			n++
		}
	}
	rep := TaskReport{Task: l.name, Risk: true, Decisions: len(l.group), Patients: len(l.patients), Baselines: l.chosen}
	if n == 0 || n == len(l.happened) {
		return rep, false
	}
	rep.OrdersPerDecision = float64(n) / float64(len(l.group))
	best := curveOf(l.best, l.happened)
	rep.ToBeat = learn.Resample(l.group, opt.BootstrapReps, opt.Seed, best.AveragePrecision)
	for _, name := range append(slices.Clone(outcomeColumns), byStack, served) {
		p := l.p[name]
		if len(p) != len(l.group) {
			continue
		}
		c := curveOf(p, l.happened)
		s := SystemReport{System: name, Metrics: map[string]learn.Estimate{}, Over: map[string]learn.Estimate{}}
		for i, of := range []func(*learn.Curve, []float64) float64{(*learn.Curve).AveragePrecision, (*learn.Curve).AUROC} {
			s.Metrics[riskMetrics[i]] = learn.Resample(l.group, opt.BootstrapReps, opt.Seed, func(w []float64) float64 { return of(c, w) })
			s.Over[riskMetrics[i]] = learn.Resample(l.group, opt.BootstrapReps, opt.Seed, func(w []float64) float64 { return of(c, w) - of(best, w) })
		}
		b := probabilities{hit: l.happened, logits: make([]float32, len(p))}
		for i, v := range p {
			b.logits[i] = float32(learn.Logit(v))
		}
		s.Calibration = b.calibration(opt.Seed)
		rep.Systems = append(rep.Systems, s)
	}
	return rep, true
}

func curveOf(p []float64, happened []bool) *learn.Curve {
	scores := make([]float32, len(p))
	for i, v := range p {
		scores[i] = float32(v)
	}
	return learn.NewCurve(scores, happened)
}
