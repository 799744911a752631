package eval

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"ember/learn"
)

// Report is the outcome of a run.
type Report struct {
	Seed     uint64       `json:"seed"`
	Folds    int          `json:"folds"`
	BySite   bool         `json:"bySite"`
	ByTime   bool         `json:"byTime,omitempty"`
	Cut      time.Time    `json:"cut,omitzero"`       // of the split by time
	External bool         `json:"external,omitempty"` // judged on another site's data
	Patients int          `json:"patients"`           // judged or trained on
	Tasks    []TaskReport `json:"tasks"`
	// Coverage is what sets of orders promised and held.
	Coverage []Coverage `json:"coverage,omitempty"`
}

// TaskReport is one leaderboard.
type TaskReport struct {
	Task string `json:"task"`
	// Risk: it happens or not; OrdersPerDecision is the share of the decisions in which
	// it did, and metrics are over all decisions.
	Risk              bool     `json:"risk,omitempty"`
	Decisions         int      `json:"decisions"` // with at least one order, of a risk all
	Patients          int      `json:"patients"`
	OrdersPerDecision float64  `json:"ordersPerDecision"`
	OutOfVocabulary   float64  `json:"outOfVocabulary"` // share of orders nobody in training had
	Baselines         []string `json:"baselines"`       // the one to beat, chosen on training patients, by fold
	Rankers           []string `json:"rankers"`         // the one training would serve, by fold

	ToBeat learn.Estimate `json:"toBeat"` // average precision of the baselines to beat
	// Systems in the order of [recommender.Systems].
	Systems []SystemReport `json:"systems"`
	// Subgroups of decisions, with the neural ranker's average precision.
	Subgroups []Subgroup `json:"subgroups,omitempty"`
	// Learning is what fewer patients to train on give, fewest first.
	Learning []LearningPoint `json:"learning,omitempty"`
}

// Subgroup is the decisions that have a value of a trait in common: sex, age,
// earlier encounters, moment.
type Subgroup struct {
	By        string         `json:"by"`
	Value     string         `json:"value"`
	Decisions int            `json:"decisions"`
	Patients  int            `json:"patients"`
	AP        learn.Estimate `json:"ap"`   // of the neural ranker
	Over      learn.Estimate `json:"over"` // the baseline to beat
}

// LearningPoint is the average precision after training on a share of the
// patients, judged on the same ones.
type LearningPoint struct {
	Share    float64        `json:"share"`
	Neural   learn.Estimate `json:"neural"`
	Baseline learn.Estimate `json:"baseline"` // the one to beat
}

// SystemReport is one row. Over is the paired difference to the baseline chosen
// in each fold; a win is an interval above 0.
type SystemReport struct {
	System      string                    `json:"system"`
	Metrics     map[string]learn.Estimate `json:"metrics"`
	Over        map[string]learn.Estimate `json:"over"`
	Recall      []float64                 `json:"recall,omitempty"`      // within the first 1, 2, … 20
	Calibration *Calibration              `json:"calibration,omitempty"` // of those that give probabilities
}

// Calibration says how far probabilities are from rates, over everything that
// could have been ordered at every decision.
type Calibration struct {
	ECE       float64 `json:"ece"`
	ECEAbove5 float64 `json:"eceAbove5"` // where the probability is above .05
	// Noise is what ECEAbove5 would be on average if every probability were true and each
	// came or not by itself; what comes together in a patient adds to it.
	Noise float64 `json:"eceNoise"`
	Brier float64 `json:"brier"`
	AUROC float64 `json:"auroc"` // over all pairs of decision and candidate

	Bins            []Bin        `json:"bins"`            // of 15 of equal width, those that are not empty
	PrecisionRecall [][2]float64 `json:"precisionRecall"` // recall and precision over all pairs
}

// Bin is a bar of a reliability diagram.
type Bin struct {
	Probability float64 `json:"probability"` // mean
	Rate        float64 `json:"rate"`        // of those that were ordered
	N           int     `json:"n"`
}

// How says in words who was fitted to and who was judged.
func (r Report) How() string {
	by := "patient"
	if r.BySite {
		by = "site"
	}
	switch {
	case r.External:
		return "fitted to all of this site, judged on another's"
	case r.ByTime:
		return "fitted to what was known before " + r.Cut.UTC().Format(time.DateOnly) + ", judged from then on"
	case r.Folds > 1:
		return fmt.Sprintf("%d folds by %s, each judged once", r.Folds, by)
	}
	return "one split by " + by + ": 70 % to fit on, 20 % to judge on"
}

// WriteTable writes the leaderboards for a terminal, best first.
func (r Report) WriteTable(w io.Writer) error {
	for _, t := range r.Tasks {
		fmt.Fprintf(w, "%s: %s\n", t.Task, t.Head())
		if err := t.write(w); err != nil {
			return fmt.Errorf("eval: writing table: %w", err)
		}
		fmt.Fprintln(w)
	}
	for _, c := range r.Coverage {
		fmt.Fprintf(w, "sets for %s that promise %.0f %% of the orders hold %.1f %% [%.1f, %.1f]; %.1f candidates each\n",
			c.Want, 100*c.Promised, 100*c.Held.Value, 100*c.Held.Low, 100*c.Held.High, c.Size)
	}
	return nil
}

// Head says in a line what was judged.
func (t TaskReport) Head() string {
	beat := "to beat: " + strings.Join(distinct(t.Baselines), ", ")
	if t.Risk {
		return fmt.Sprintf("%d decisions of %d patients, it happened in %.1f %%; %s", t.Decisions, t.Patients, 100*t.OrdersPerDecision, beat)
	}
	what := "orders"
	if t.Task == "T3-diagnoses" {
		what = "new diagnoses"
	}
	return fmt.Sprintf("%d decisions of %d patients, %.1f %s each, %.1f %% outside the vocabulary; %s",
		t.Decisions, t.Patients, t.OrdersPerDecision, what, 100*t.OutOfVocabulary, beat)
}

func (t TaskReport) writeRisk(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "system\tAP [95 %]\tover baseline\tAUROC [95 %]\tover baseline\tECE>.05\tnoise\tBrier")
	for _, s := range t.Ranked() {
		c := s.Calibration
		fmt.Fprintf(tw, "%s\t%v\t%s\t%v\t%s\t%.3f\t%.3f\t%.4f\n", s.System, s.Metrics["AP"], signed(s.Over["AP"]), s.Metrics["AUROC"], signed(s.Over["AUROC"]),
			c.ECEAbove5, c.Noise, c.Brier)
	}
	return tw.Flush()
}

func (t TaskReport) write(w io.Writer) error {
	if t.Risk {
		return t.writeRisk(w)
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "system\tAP [95 %]\tover baseline\tJaccard\tF1\trecall@10\tP@5\tNDCG@10\tMRR\tECE>.05\tnoise\tBrier")
	for _, s := range t.Ranked() {
		m := func(name string) float64 { return s.Metrics[name].Value }
		ece, noise, brier := "", "", ""
		if s.Calibration != nil {
			ece, noise, brier = fmt.Sprintf("%.3f", s.Calibration.ECEAbove5), fmt.Sprintf("%.3f", s.Calibration.Noise), fmt.Sprintf("%.4f", s.Calibration.Brier)
		}
		fmt.Fprintf(tw, "%s\t%v\t%s\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%s\t%s\t%s\n", s.System, s.Metrics["AP"], signed(s.Over["AP"]),
			m("Jaccard"), m("F1"), m("recall@10"), m("P@5"), m("NDCG@10"), m("MRR"), ece, noise, brier)
	}
	return tw.Flush()
}

func signed(e learn.Estimate) string {
	return fmt.Sprintf("%+.3f [%+.3f, %+.3f]", e.Value, e.Low, e.High)
}

func distinct(names []string) []string {
	names = slices.Clone(names)
	slices.Sort(names)
	return slices.Compact(names)
}

// Task is the leaderboard of a task; ok is false when it had no decisions.
func (r Report) Task(name string) (t TaskReport, ok bool) {
	for _, t := range r.Tasks {
		if t.Task == name {
			return t, true
		}
	}
	return TaskReport{}, false
}

// System is the row of a system; ok is false when there is none.
func (t TaskReport) System(name string) (s SystemReport, ok bool) {
	for _, s := range t.Systems {
		if s.System == name {
			return s, true
		}
	}
	return SystemReport{}, false
}
