package recommender

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"

	"ember/learn"
	"ember/recommender/feedback"
	"ember/record"
)

// Artifact is everything fitted, as one immutable value that many goroutines may
// use: vocabulary, sources, rankers, calibration. What evaluation measured is
// what serves. It holds no patient's id, only ordinals.
type Artifact struct {
	Name    string
	Version string // hash of the content: 12 hexadecimal digits
	Seed    uint64

	names    *names
	lexicon  *lexicon
	fitted   *fitted
	all      *sources
	rankers  [wantEnd]ranker
	ages     [2]int
	seen     [settings]int // decisions of training by setting
	likeness float32       // patients whose nearest in training is less alike are abstained from
	patients int
	samples  int
	report   Report
	learned  feedback.Learned
	prefer   [wantEnd][]float32 // by label, added for the order; nil = none
	without  string             // names the patients left out since, see Without
}

// Report says how training went, for the manifest and the gate.
type Report struct {
	Patients, Samples, Columns int
	// Difference is by how much the ranker's average precision exceeds the
	// baseline's, over the decisions of all wants, each scored by models that
	// were fitted without its patient: what models.Gate decides by.
	Difference learn.Estimate
	Wants      []WantReport
	People     []Share // whose decisions were learned from
	Sites      int     // with 10 patients and more
}

// WantReport is the part of one want.
type WantReport struct {
	Want       string
	Ranker     string                    // the ranker chosen: "neural", "stack" or "baseline"
	AP         map[string]learn.Estimate // by ranker
	Difference learn.Estimate            // of the chosen ranker over the baseline
	Subgroups  []Subgroup
	ECE        float64 // expected calibration error above 5 %

	best, base []float64
	group      []int
}

// Report is how training went. The maps in it are shared and not to be modified.
func (a *Artifact) Report() Report { return a.report }

// Difference is the estimate a gate decides by; see [Report].
func (a *Artifact) Difference() learn.Estimate { return a.report.Difference }

// Baseline is version 0 of the same data: the best simple baseline alone, which
// serves when the gate refuses the rest.
func (a *Artifact) Baseline() *Artifact {
	b := *a
	b.Name = a.Name + "-baseline"
	for w := range b.rankers {
		b.rankers[w].kind = byBaseline
	}
	b.learned = feedback.Learned{} // on lists of another ranker
	b.report.Difference = learn.Estimate{N: a.report.Difference.N}
	b.report.Wants = append([]WantReport(nil), a.report.Wants...)
	for i := range b.report.Wants {
		b.report.Wants[i].Ranker = rankerNames[byBaseline]
		b.report.Wants[i].AP = maps.Clone(b.report.Wants[i].AP)
		b.report.Wants[i].Difference = learn.Estimate{N: a.report.Wants[i].Difference.N}
		b.report.Wants[i].Subgroups, b.report.Wants[i].ECE = nil, 0 // those are of what was chosen
	}
	b.seal()
	return &b
}

// Labels is how many different orders of a want the artifact knows.
func (a *Artifact) Labels(w Want) int { return len(a.lexicon.vocabulary.labels[w]) }

// Label is what a want's label stands for.
func (a *Artifact) Label(w Want, label uint32) (record.Kind, record.Code) {
	c := a.lexicon.vocabulary.label(w, label)
	return c.kind, c.code
}

// Knows reports whether an order is in the vocabulary.
func (a *Artifact) Knows(k record.Kind, c record.Code) bool {
	_, ok := a.lexicon.vocabulary.labelIndex(k, c)
	return ok
}

// Sources are the candidate sources, for conformance tests and tools.
func (a *Artifact) Sources() []Source {
	var out []Source
	for _, s := range a.all {
		if s != nil {
			out = append(out, s)
		}
	}
	return out
}

// Columns is the number of features of a chart.
func (a *Artifact) Columns() int { return a.lexicon.columns.n }

// Chart resolves a past for [Source.Score].
func (a *Artifact) Chart(p record.Past, visit record.Encounter) *Chart {
	var ch charter
	c := &Chart{}
	ch.fill(c, a.lexicon, p, visit, nil)
	a.lexicon.featurise(c)
	return c
}

// seal derives what is not stored and computes the version from the content.
func (a *Artifact) seal() {
	a.all = a.fitted.sources(a.lexicon)
	a.heed()
	h := sha256.New()
	a.encode(h)
	a.Version = hex.EncodeToString(h.Sum(nil))[:12]
}

// Frequencies is how often each order of a want was given in the training data,
// by label, as [Scoring.Labels] counts.
func (a *Artifact) Frequencies(w Want) []int { return a.fitted.orders[w] }
