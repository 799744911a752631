package eval

import (
	"cmp"
	"slices"

	"ember/learn"
	"ember/recommender"
	"ember/record"
)

// Exported is one decision with all that another program needs to be measured on
// the very same: what was known, what was then ordered, what Ember said, and how
// that was judged. Concepts are "kind:system|value". It is a patient's data;
// patients are named by ordinals in the order of their first decision.
type Exported struct {
	Patient   int    `json:"patient"`
	Encounter string `json:"encounter"`
	Fold      int    `json:"fold"` // that judges it; -1 = only fitted to
	Site      string `json:"site,omitempty"`
	Sex       string `json:"sex"`
	Age       int    `json:"age"`     // in years, -1 = unknown
	Setting   string `json:"setting"` // class of the encounter, as a v3 ActCode
	Hours     int    `json:"hours"`   // of the stay that have passed, 0 for a visit
	// Known are the events before, oldest first, and Reasons those of the visit.
	Known   []ExportedEvent `json:"known"`
	Reasons []string        `json:"reasons,omitempty"`
	// Standing is what a further order of would be a repetition: the tasks on new
	// starts leave it out.
	Standing []string `json:"standing"`
	Orders   []string `json:"orders"` // that followed
	// Scores are the ranker's best candidates with their probabilities, by want;
	// Metrics what each system got, by task and system, in the order of the
	// report's metrics.
	Scores  map[string][]ExportedScore      `json:"scores,omitempty"`
	Metrics map[string]map[string][]float64 `json:"metrics,omitempty"`
	// Outcomes are what came of the decision, by task.
	Outcomes map[string]ExportedOutcome `json:"outcomes,omitempty"`
}

// ExportedEvent is something that happened, some days before the decision; the
// same number of Visit is the same encounter, the highest the one at hand, and 0
// none.
type ExportedEvent struct {
	Concept string   `json:"c"`
	Days    float64  `json:"d"`
	Visit   int      `json:"v"`
	Value   *float64 `json:"x,omitempty"`
}

// ExportedScore is a candidate's probability.
type ExportedScore struct {
	Concept     string  `json:"c"`
	Probability float64 `json:"p"`
}

// ExportedOutcome is what came of a decision, and what the stack said of it before: its
// best diagnoses, or the probability of a risk.
type ExportedOutcome struct {
	Came        []string        `json:"came,omitempty"`
	Happened    bool            `json:"happened"`
	Scores      []ExportedScore `json:"scores,omitempty"`
	Probability float64         `json:"p,omitempty"`
}

// exportedScores is how many candidates are exported.
const exportedScores = 100

// exporter hands decisions on; without a function to hand them to it does
// nothing.
type exporter struct {
	to       func(Exported) error
	ordinals map[string]int
	names    func(record.Timeline) record.Timeline // of the last round
}

func nameOf(k record.Kind, c record.Code) string { return k.String() + ":" + c.Key() }

func (x *exporter) begin(s recommender.Sample, fold int) *Exported {
	if x.to == nil {
		return nil
	}
	p := s.Past.Person()
	n, ok := x.ordinals[p.ID]
	if !ok {
		n = len(x.ordinals)
		x.ordinals[p.ID] = n
	}
	e := &Exported{Patient: n, Encounter: s.Visit.ID, Fold: fold, Site: s.Visit.Site, Sex: p.Sex.String(), Age: -1, Setting: s.Visit.Class, Hours: int(s.Landmark.Hours()),
		Standing: []string{}, Orders: []string{}, Scores: map[string][]ExportedScore{}, Metrics: map[string]map[string][]float64{}}
	if age, ok := s.Past.Age(); ok {
		e.Age = age
	}
	e.know(s)
	for _, r := range s.Visit.Reason {
		e.Reasons = append(e.Reasons, r.Key())
	}
	for _, l := range s.Standing() {
		e.Standing = append(e.Standing, nameOf(l.Kind, l.Code))
	}
	for _, l := range s.Labels {
		e.Orders = append(e.Orders, nameOf(l.Kind, l.Code))
	}
	return e
}

func (e *Exported) know(s recommender.Sample) {
	visits := map[string]int{}
	for _, v := range s.Past.Encounters() {
		if v.ID != s.Visit.ID {
			visits[v.ID] = len(visits) + 1
		}
	}
	visits[s.Visit.ID] = len(visits) + 1
	events := s.Past.Events()
	e.Known = make([]ExportedEvent, len(events))
	for i, o := range events {
		e.Known[i] = ExportedEvent{Concept: nameOf(o.Kind, o.Concept), Days: s.Past.At().Sub(o.Known).Hours() / 24, Visit: visits[o.Encounter]}
		if o.HasValue {
			e.Known[i].Value = &o.Value
		}
	}
}

// score adds the ranker's best.
func (x *exporter) score(e *Exported, a *recommender.Artifact, s recommender.Scoring) {
	if e == nil {
		return
	}
	logits := s.Scores["neural"]
	best := make([]int, len(logits))
	for i := range best {
		best[i] = i
	}
	slices.SortStableFunc(best, func(i, j int) int { return cmp.Compare(logits[j], logits[i]) })
	for _, i := range best[:min(len(best), exportedScores)] {
		k, c := a.Label(s.Want, s.Labels[i])
		e.Scores[s.Want.String()] = append(e.Scores[s.Want.String()], ExportedScore{nameOf(k, c), probability(logits[i])})
	}
}

// came adds what came of the decision.
func (x *exporter) came(e *Exported, o *outcomeRound, came []record.Code, a asked, scores [][]float32) {
	if e == nil {
		return
	}
	logits := o.stack.logits(scores)
	one := ExportedOutcome{Happened: len(came) > 0}
	if o.outcome.risk {
		one.Probability = o.risks.calibrate[len(outcomeColumns)].Probability(float64(logits[0]))
	} else {
		for _, c := range came {
			one.Came = append(one.Came, nameOf(record.Condition, c))
		}
		order := learn.Order(logits)
		for _, l := range order {
			if len(one.Scores) < exportedScores && !has(a.closed, int(l)) {
				one.Scores = append(one.Scores, ExportedScore{nameOf(record.Condition, o.codes[l]), probability(logits[l])})
			}
		}
	}
	if e.Outcomes == nil {
		e.Outcomes = map[string]ExportedOutcome{}
	}
	e.Outcomes[o.name] = one
}

// measured adds what the ledger has just entered.
func (x *exporter) measured(e *Exported, l *ledger) {
	if e == nil {
		return
	}
	of := map[string][]float64{}
	for system, values := range l.values {
		for _, v := range values {
			of[system] = append(of[system], v[len(v)-1])
		}
	}
	e.Metrics[l.task.name] = of
}

func (x *exporter) end(e *Exported) error {
	if e == nil {
		return nil
	}
	return x.to(*e)
}

// rest hands on what no round judges.
func (x *exporter) rest(p parts) error {
	if x.to == nil || p.rest == nil {
		return nil
	}
	for line := range p.rest {
		if !judgeable(line) {
			continue
		}
		for s := range recommender.Samples(x.names(line), p.moments) {
			if !p.resting(s) {
				continue
			}
			if err := x.end(x.begin(s, -1)); err != nil {
				return err
			}
		}
	}
	return nil
}
