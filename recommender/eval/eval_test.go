package eval

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"ember/learn"
	"ember/recommender"
	"ember/record"
	"ember/terms"
)

// patients whose orders follow from the reason of the visit, with noise.
func patients(n int, seed uint64) []record.Timeline {
	out := make([]record.Timeline, n)
	for i := range out {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		t := record.Timeline{Person: record.Person{ID: fmt.Sprintf("p%d", i), Sex: record.Female, Born: record.Date{Year: int16(1950 + i%40)}}}
		when := time.Date(2021, 1, 1, 9, 0, 0, 0, time.UTC)
		for v := range 4 {
			c := rng.IntN(8)
			id := fmt.Sprintf("Encounter/%d-%d", i, v)
			t.Encounters = append(t.Encounters, record.Encounter{ID: id, Class: "AMB", Start: when, End: when.Add(time.Hour), Site: fmt.Sprintf("Organization/%d", i%6),
				Reason: []record.Code{{System: "r", Value: fmt.Sprint(c)}}})
			add := func(k record.Kind, name string) {
				t.Events = append(t.Events, record.Event{Kind: k, Mode: record.Ordered, Concept: record.Code{System: "s", Value: name}, Known: when.Add(time.Minute),
					Encounter: id, Source: fmt.Sprintf("%v/%d-%d-%s", k, i, v, name)})
			}
			if rng.Float64() < .8 {
				add(record.Medication, fmt.Sprint("drug", c))
			}
			add(record.Medication, fmt.Sprint("drug", rng.IntN(15)))
			add(record.Test, fmt.Sprint("test", (c+rng.IntN(2))%8))
			when = when.AddDate(0, 0, 100+rng.IntN(200))
		}
		t.Sort()
		out[i] = t
	}
	return out
}

func tables(t testing.TB) *terms.Terms {
	t.Helper()
	tt, err := terms.Default()
	if err != nil {
		t.Fatal(err)
	}
	return tt
}

func quick() Options {
	return Options{Seed: 3, BootstrapReps: 200, Train: recommender.TrainOptions{Simple: true, BootstrapReps: 50}}
}

func run(t testing.TB, lines []record.Timeline, opt Options) Report {
	t.Helper()
	rep, err := Run(context.Background(), slices.Values(lines), tables(t), opt)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

func TestLeaderboard(t *testing.T) {
	rep := run(t, patients(250, 1), quick())
	task, ok := rep.Task("T1-new")
	if !ok || len(task.Systems) != len(recommender.Systems()) {
		t.Fatalf("T1-new: %v with %d systems", ok, len(task.Systems))
	}
	ap := func(name string) float64 { s, _ := task.System(name); return s.Metrics["AP"].Value }
	if ap("reason popularity") < ap("popularity")+.1 || ap("stack") < ap("popularity")+.1 {
		t.Errorf("AP by reason %.3f, stack %.3f, popularity %.3f: the rule of the data is not found", ap("reason popularity"), ap("stack"), ap("popularity"))
	}
	if s, _ := task.System(task.Baselines[0]); s.Over["AP"].Value != 0 {
		t.Errorf("%s over itself: %v", task.Baselines[0], s.Over["AP"])
	}
	if s, _ := task.System("stack"); s.Calibration == nil || s.Calibration.ECE > .05 {
		t.Errorf("stack's calibration: %+v", s.Calibration)
	}
	var b bytes.Buffer
	if err := rep.WriteTable(&b); err != nil || !strings.Contains(b.String(), "T1-new: ") {
		t.Errorf("table: %v\n%s", err, b.String())
	}
	if _, err := json.Marshal(rep); err != nil {
		t.Errorf("JSON: %v", err)
	}
}

func TestRunIsReproducible(t *testing.T) {
	first, _ := json.Marshal(run(t, patients(120, 1), quick()))
	second, _ := json.Marshal(run(t, patients(120, 1), quick()))
	if !bytes.Equal(first, second) {
		t.Error("two runs with one seed differ")
	}
}

func TestCodesOfTestPatientsAreNotInTheVocabulary(t *testing.T) {
	lines := patients(200, 2)
	marker := record.Code{System: "s", Value: "marker"}
	marked := 0
	for i := range lines {
		if learn.Fold(lines[i].Person.ID) != learn.Test {
			continue
		}
		for k := range lines[i].Events {
			if e := &lines[i].Events[k]; e.Kind == record.Medication && k%2 == 0 {
				e.Concept = marker
				marked++
			}
		}
	}
	opt := quick().withDefaults()
	p := split(slices.Values(lines), opt)
	a, err := recommender.Train(context.Background(), p.rounds[0].train, tables(t), opt.Train, nil)
	if err != nil {
		t.Fatal(err)
	}
	if marked == 0 || a.Knows(record.Medication, marker) {
		t.Errorf("%d orders of test patients marked; in the vocabulary: %t", marked, a.Knows(record.Medication, marker))
	}
	task, _ := run(t, lines, quick()).Task("T1")
	if task.OutOfVocabulary < .2 {
		t.Errorf("share outside the vocabulary is %.2f", task.OutOfVocabulary)
	}
	plain, _ := run(t, patients(200, 2), quick()).Task("T1")
	with, _ := task.System("stack")
	without, _ := plain.System("stack")
	if with.Metrics["recall@10"].Value >= without.Metrics["recall@10"].Value-.1 {
		t.Errorf("orders outside the vocabulary are no misses: recall %.3f, without them %.3f", with.Metrics["recall@10"].Value, without.Metrics["recall@10"].Value)
	}
}

// What test patients were ordered after the decision, and any status, must not
// change what is predicted, only how it is judged.
func TestScoresDoNotSeeTheFuture(t *testing.T) {
	lines := patients(150, 4)
	a, err := recommender.Train(context.Background(), slices.Values(lines[:120]), tables(t), quick().Train, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines[120:] {
		samples := slices.Collect(recommender.Samples(line, nil))
		for n, s := range samples {
			changed := line
			changed.Events = slices.Clone(line.Events)
			for i := range changed.Events {
				if e := &changed.Events[i]; e.Known.Before(s.Past.At()) {
					e.End = s.Past.At().AddDate(0, 1, 0)
				} else {
					e.Concept.Value = "drug1"
				}
			}
			again := slices.Collect(recommender.Samples(changed, nil))[n]
			x, err := a.Score(context.Background(), s, recommender.Treatments)
			if err != nil {
				t.Fatal(err)
			}
			y, err := a.Score(context.Background(), again, recommender.Treatments)
			if err != nil {
				t.Fatal(err)
			}
			for name := range x.Scores {
				if !slices.Equal(x.Scores[name], y.Scores[name]) {
					t.Fatalf("%s: decision %d sees what came after", name, n)
				}
			}
		}
	}
}

func TestFoldsJudgeEveryPatientOnce(t *testing.T) {
	lines := patients(120, 5)
	opt := quick()
	opt.Folds, opt.BySite = 3, true
	p := split(slices.Values(lines), opt)
	site, judged := map[string]int{}, 0
	for f, r := range p.rounds {
		for l := range r.judged {
			s := l.Encounters[0].Site
			if g, seen := site[s]; seen && g != f {
				t.Fatalf("site %s in folds %d and %d", s, g, f)
			}
			site[s] = f
			judged++
		}
		for l := range r.train {
			if g, seen := site[l.Encounters[0].Site]; seen && g == f {
				t.Fatalf("site %s is fitted to and judged in fold %d", l.Encounters[0].Site, f)
			}
		}
	}
	if len(p.rounds) != 3 || judged != len(lines) {
		t.Fatalf("%d rounds judge %d of %d patients", len(p.rounds), judged, len(lines))
	}
	task, _ := run(t, lines, opt).Task("T1")
	if task.Patients != len(lines) || len(task.Baselines) != 3 {
		t.Errorf("%d of %d patients judged, %d choices of a baseline", task.Patients, len(lines), len(task.Baselines))
	}
}

func TestRunRefuses(t *testing.T) {
	if _, err := Run(context.Background(), slices.Values(patients(20, 1)), tables(t), Options{Tasks: []string{"T9"}}); err == nil || !strings.Contains(err.Error(), "T9") {
		t.Errorf("unknown task: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, slices.Values(patients(20, 1)), tables(t), quick()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// The report says what sets of orders promised and held.
func TestCoverage(t *testing.T) {
	opt := quick()
	opt.Folds = 4
	rep := run(t, patients(400, 3), opt)
	if len(rep.Coverage) == 0 {
		t.Fatal("no sets")
	}
	for _, c := range rep.Coverage {
		// Few different candidates have few different probabilities: a set that
		// needs part of those that are alike takes them all.
		if c.Held.Value < c.Promised-.04 || c.Held.Value > c.Promised+.1 || c.Size <= 0 || c.Held.Low > c.Held.Value {
			t.Errorf("%+v", c)
		}
	}
}

// A split by time fits to nothing that was known from the cut on.
func TestSplitByTime(t *testing.T) {
	lines := patients(200, 6)
	opt := quick()
	opt.ByTime = true
	p := split(slices.Values(lines), opt.withDefaults())
	before := 0
	for l := range p.rounds[0].train {
		before++
		for _, e := range l.Events {
			if !e.Known.Before(p.cut) || e.End.After(p.cut) || e.Status != 0 {
				t.Fatalf("an event known at %v, ending %v, is fitted to; the cut is at %v", e.Known, e.End, p.cut)
			}
		}
		for _, e := range l.Encounters {
			if !e.Start.Before(p.cut) || e.End.After(p.cut) {
				t.Fatalf("a stay from %v to %v is fitted to; the cut is at %v", e.Start, e.End, p.cut)
			}
		}
	}
	var all, judged int
	opt.Export = func(e Exported) error {
		all++
		if e.Fold == 0 {
			judged++
		}
		return nil
	}
	rep := run(t, lines, opt)
	if share := float64(judged) / float64(all); before == 0 || share < .15 || share > .25 || !rep.Cut.Equal(p.cut) {
		t.Errorf("%d patients to fit to, %.2f of %d decisions judged, cut %v of %v", before, share, all, rep.Cut, p.cut)
	}
}

// Another site's data are judged and not fitted to.
func TestExternal(t *testing.T) {
	opt := quick()
	other := patients(60, 8)
	for i := range other {
		other[i].Person.ID = "elsewhere-" + other[i].Person.ID
	}
	opt.External = slices.Values(other)
	rep := run(t, patients(150, 7), opt)
	task, _ := rep.Task("T1")
	if task.Patients != len(other) || !rep.External || rep.Patients != 210 {
		t.Errorf("%d patients judged of %d, of %d in all", task.Patients, len(other), rep.Patients)
	}
	opt.Folds = 3
	if _, err := Run(context.Background(), slices.Values(other), tables(t), opt); err == nil {
		t.Error("folds and another site at once are taken")
	}
}

// What is exported is what was judged, no more and no less.
func TestExport(t *testing.T) {
	opt := quick()
	opt.Tasks = []string{"T1"}
	var all []Exported
	opt.Export = func(e Exported) error { all = append(all, e); return nil }
	some := patients(250, 1)
	rep := run(t, some, opt)
	task, _ := rep.Task("T1")
	stack, _ := task.System("stack")
	var sum float64
	n, fitted := 0, 0
	seen := map[int]bool{}
	for _, e := range all {
		if e.Fold < 0 {
			fitted++
			if len(e.Metrics) > 0 || len(e.Scores) > 0 {
				t.Fatalf("a decision to fit to has %v", e.Metrics)
			}
			continue
		}
		for _, o := range e.Known {
			if o.Days <= 0 || o.Visit < 0 {
				t.Fatalf("%+v was not known before", o)
			}
		}
		if m, ok := e.Metrics["T1"]; ok {
			sum += m["stack"][0]
			n++
			seen[e.Patient] = true
		}
		for i, s := range e.Scores["treatments"] {
			if s.Probability < 0 || s.Probability > 1 || i > 0 && s.Probability > e.Scores["treatments"][i-1].Probability {
				t.Fatalf("score %d: %+v", i, s)
			}
		}
	}
	if n != task.Decisions || len(seen) != task.Patients || fitted == 0 {
		t.Errorf("%d decisions of %d patients exported, %d of %d judged; %d fitted to", n, len(seen), task.Decisions, task.Patients, fitted)
	}
	if mean := sum / float64(n); math.Abs(mean-stack.Metrics["AP"].Value) > 1e-9 {
		t.Errorf("the mean of what was exported is %g, the report says %g", mean, stack.Metrics["AP"].Value)
	}
	failing := errors.New("full")
	opt.Export = func(Exported) error { return failing }
	if _, err := Run(context.Background(), slices.Values(some), tables(t), opt); !errors.Is(err, failing) {
		t.Errorf("an export that fails: %v", err)
	}
}

// TestPage: subgroups divide the decisions, the curves end where they must, a
// learning curve judges the same decisions, and the page holds them all.
func TestPage(t *testing.T) {
	opt := quick()
	opt.Shares = []float64{.3}
	opt.Tasks = []string{"T1-new"}
	rep := run(t, patients(250, 1), opt)
	task := rep.Tasks[0]
	by := map[string]int{}
	for _, g := range task.Subgroups {
		by[g.By] += g.Decisions
		if g.AP.Low > g.AP.Value || g.AP.High < g.AP.Value || g.Patients > g.Decisions {
			t.Errorf("%+v", g)
		}
	}
	if by["age"] == 0 || by["age"] > task.Decisions || by["earlier encounters"] != task.Decisions || by["sex"] != 0 {
		t.Errorf("of %d decisions the subgroups have %v; one sex is no subgroup", task.Decisions, by)
	}
	s, _ := task.System("neural")
	if len(s.Recall) != 20 || !slices.IsSorted(s.Recall) || s.Recall[9] < s.Metrics["recall@10"].Value-1e-9 || s.Recall[9] > s.Metrics["recall@10"].Value+1e-9 {
		t.Errorf("recall by depth %v, recall@10 %v", s.Recall, s.Metrics["recall@10"])
	}
	c := s.Calibration
	if c == nil || c.AUROC < .5 || len(c.Bins) == 0 || c.PrecisionRecall[len(c.PrecisionRecall)-1][0] != 1 {
		t.Errorf("%+v", c)
	}
	if n := len(task.Learning); n != 2 || task.Learning[0].Share != .3 || task.Learning[1].Neural != s.Metrics["AP"] || task.Learning[0].Neural.N != task.Learning[1].Neural.N {
		t.Errorf("%+v", task.Learning)
	}
	var b bytes.Buffer
	if err := rep.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	for want, r := range map[string]Report{"one split by patient": rep, "5 folds by site": {Folds: 5, BySite: true}, "judged on another": {External: true},
		"known before 2024-02-01": {ByTime: true, Cut: time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC)}} {
		if !strings.Contains(r.How(), want) {
			t.Errorf("%q does not say %q", r.How(), want)
		}
	}
	if !strings.Contains(b.String(), rep.How()) {
		t.Error("the page does not say who was judged")
	}
	if len(rep.Coverage) == 0 || strings.Count(b.String(), "<td>treatments<td>") != 2 {
		t.Error("the page does not say what sets held")
	}
	if n := strings.Count(b.String(), "</svg>"); n != 6 || strings.Contains(b.String(), "NaN") || strings.Contains(b.String(), "ZgotmplZ") {
		t.Errorf("%d plots in\n%s", n, b.String())
	}
	opt.Shares = []float64{1.5}
	if _, err := Run(context.Background(), slices.Values(patients(50, 1)), tables(t), opt); err == nil {
		t.Error("a share above 1 is taken")
	}
}
