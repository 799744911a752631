package eval

import (
	"fmt"
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
}

// allTasks are those of the protocol that are about orders.
func allTasks() []task {
	return []task{
		{"T1", recommender.Treatments, record.Medication, false},
		{"T1-new", recommender.Treatments, record.Medication, true},
		{"procedures", recommender.Treatments, record.Procedure, false},
		{"procedures-new", recommender.Treatments, record.Procedure, true},
		{"T2", recommender.Tests, record.Test, false},
		{"T2-new", recommender.Tests, record.Test, true},
	}
}

// Tasks are the names that [Options] takes.
func Tasks() []string {
	var names []string
	for _, t := range allTasks() {
		names = append(names, t.name)
	}
	return names
}

func tasksOf(names []string) ([]task, error) {
	if names == nil {
		return allTasks(), nil
	}
	var out []task
	for _, n := range names {
		found := false
		for _, t := range allTasks() {
			if t.name == n {
				out, found = append(out, t), true
			}
		}
		if !found {
			return nil, fmt.Errorf("eval: no task %q, there are %s", n, strings.Join(Tasks(), ", "))
		}
	}
	return out, nil
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
