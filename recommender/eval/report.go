package eval

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"ember/learn"
)

// Report is the outcome of a run.
type Report struct {
	Seed     uint64       `json:"seed"`
	Folds    int          `json:"folds"`
	BySite   bool         `json:"bySite"`
	Patients int          `json:"patients"` // judged or trained on
	Tasks    []TaskReport `json:"tasks"`
}

// TaskReport is one leaderboard.
type TaskReport struct {
	Task              string   `json:"task"`
	Decisions         int      `json:"decisions"` // with at least one order
	Patients          int      `json:"patients"`
	OrdersPerDecision float64  `json:"ordersPerDecision"`
	OutOfVocabulary   float64  `json:"outOfVocabulary"` // share of orders nobody in training had
	Baselines         []string `json:"baselines"`       // the one to beat, chosen on training patients, by fold
	Rankers           []string `json:"rankers"`         // the one training would serve, by fold
	// Systems in the order of [recommender.Systems].
	Systems []SystemReport `json:"systems"`
}

// SystemReport is one row. Over is the paired difference to the baseline chosen
// in each fold; a win is an interval above 0.
type SystemReport struct {
	System      string                    `json:"system"`
	Metrics     map[string]learn.Estimate `json:"metrics"`
	Over        map[string]learn.Estimate `json:"over"`
	Calibration *Calibration              `json:"calibration,omitempty"` // of those that give probabilities
}

// Calibration says how far probabilities are from rates, over everything that
// could have been ordered at every decision.
type Calibration struct {
	ECE       float64 `json:"ece"`
	ECEAbove5 float64 `json:"eceAbove5"` // where the probability is above .05
	Brier     float64 `json:"brier"`
}

// WriteTable writes the leaderboards for a terminal, best first.
func (r Report) WriteTable(w io.Writer) error {
	for _, t := range r.Tasks {
		fmt.Fprintf(w, "%s: %d decisions of %d patients, %.1f orders each, %.1f %% outside the vocabulary; to beat: %s\n",
			t.Task, t.Decisions, t.Patients, t.OrdersPerDecision, 100*t.OutOfVocabulary, strings.Join(distinct(t.Baselines), ", "))
		if err := t.write(w); err != nil {
			return fmt.Errorf("eval: writing table: %w", err)
		}
		fmt.Fprintln(w)
	}
	return nil
}

func (t TaskReport) write(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "system\tAP [95 %]\tover baseline\tJaccard\tF1\trecall@10\tP@5\tNDCG@10\tMRR\tECE>.05\tBrier")
	rows := slices.Clone(t.Systems)
	slices.SortStableFunc(rows, func(a, b SystemReport) int { return cmp.Compare(b.Metrics["AP"].Value, a.Metrics["AP"].Value) })
	for _, s := range rows {
		m := func(name string) float64 { return s.Metrics[name].Value }
		ece, brier := "", ""
		if s.Calibration != nil {
			ece, brier = fmt.Sprintf("%.3f", s.Calibration.ECEAbove5), fmt.Sprintf("%.4f", s.Calibration.Brier)
		}
		fmt.Fprintf(tw, "%s\t%v\t%s\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%.3f\t%s\t%s\n", s.System, s.Metrics["AP"], signed(s.Over["AP"]),
			m("Jaccard"), m("F1"), m("recall@10"), m("P@5"), m("NDCG@10"), m("MRR"), ece, brier)
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
