package eval

import (
	"fmt"
	"slices"
	"strings"

	"ember/recommender"
	"ember/record"
)

// task is what is to be predicted.
type task struct {
	name    string
	want    recommender.Want
	kind    record.Kind
	newOnly bool

	systems  []string // ways to rank, baselines first
	probable []string // those whose scores are log odds
	ranker   string   // the one that subgroups are shown of
}

// allTasks are those of the protocol that are about orders.
func allTasks() []task {
	var all []task
	for _, of := range []struct {
		name string
		want recommender.Want
		kind record.Kind
	}{{"T1", recommender.Treatments, record.Medication}, {"procedures", recommender.Treatments, record.Procedure}, {"T2", recommender.Tests, record.Test}} {
		one := task{name: of.name, want: of.want, kind: of.kind, systems: recommender.Systems(), probable: []string{"baseline", "stack", "neural"}, ranker: "neural"}
		all = append(all, one)
		one.name, one.newOnly = one.name+"-new", true
		all = append(all, one)
	}
	return all
}

// Tasks are the names that [Options] takes.
func Tasks() []string {
	var names []string
	for _, t := range allTasks() {
		names = append(names, t.name)
	}
	for _, o := range allOutcomes() {
		names = append(names, o.name)
	}
	return names
}

// tasksOf are the tasks and the outcomes of some names, nil = all.
func tasksOf(names []string) (tasks []task, outcomes []*outcomeTask, err error) {
	for _, n := range names {
		if !slices.Contains(Tasks(), n) {
			return nil, nil, fmt.Errorf("eval: no task %q, there are %s", n, strings.Join(Tasks(), ", "))
		}
	}
	asked := func(name string) bool { return names == nil || slices.Contains(names, name) }
	for _, t := range allTasks() {
		if asked(t.name) {
			tasks = append(tasks, t)
		}
	}
	for _, o := range allOutcomes() {
		if asked(o.name) {
			outcomes = append(outcomes, newOutcomeTask(o))
		}
	}
	return tasks, outcomes, nil
}

// view is the part of a scoring that a task is about.
type view struct {
	at       []int    // candidates
	relevant []uint32 // positions in at that were ordered
	missed   int      // orders that could not be ranked
	labels   []uint32 // vocabulary index of each
}

func (t task) view(s recommender.Scoring) view {
	var v view
	if s.Want != t.want {
		return v
	}
	for i, k := range s.Kinds {
		if k != t.kind || t.newOnly && !s.New[i] {
			continue
		}
		if s.Hit[i] {
			v.relevant = append(v.relevant, uint32(len(v.at)))
		}
		v.at = append(v.at, i)
		v.labels = append(v.labels, s.Labels[i])
	}
	for _, l := range s.Missed {
		if l.Kind == t.kind && !(t.newOnly && l.Continue) {
			v.missed++
		}
	}
	return v
}

func (v *view) orders() int { return len(v.relevant) + v.missed }

// of are one system's scores of the view.
func (v *view) of(s recommender.Scoring, system string) []float32 {
	all := s.Scores[system]
	out := make([]float32, len(v.at))
	for i, k := range v.at {
		out[i] = all[k]
	}
	return out
}
