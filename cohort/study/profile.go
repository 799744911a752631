package study

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"ember/cohort"
	"ember/index"
	"ember/record"
)

// profile is what the patients of a group are like, as the guard keeps it: with nothing
// left out but concepts of 10 or fewer.
type profile struct {
	N        int
	Ages     spreadOf // completed years on the index day, now without one, or at death
	Sexes    []int    // as sexes has them
	Concepts []conceptOf
}

// spreadOf is a distribution of numbers.
type spreadOf struct {
	N               int
	Mean, Deviation float64
	Quantiles       []float64 // at quantilesAt
}

type conceptOf struct {
	Kind          record.Kind
	System, Value string
	N             int
}

var (
	sexes       = []record.Sex{record.Female, record.Male, record.Other, 0}
	quantilesAt = []float64{.05, .1, .25, .5, .75, .9, .95}
)

// maxConcepts is how many concepts of a group are kept, those that most have.
const maxConcepts = 3000

func spreadFrom(values []float64) spreadOf {
	s := spreadOf{N: len(values)}
	if s.N < least {
		return s
	}
	s.Mean, s.Deviation = moments(values)
	slices.Sort(values)
	for _, p := range quantilesAt {
		s.Quantiles = append(s.Quantiles, quantile(values, p))
	}
	return s
}

func (s *Service) profile(ctx context.Context, principal string, a *arm, d Design) (profile, error) {
	var p profile
	err := s.cohorts.Once(principal, d.Now, "profile", a.sample(), &p, func(cohort.Cells) (any, error) {
		out := profile{N: len(a.ords), Sexes: make([]int, len(sexes))}
		var ages []float64
		for _, ord := range a.ords {
			who := a.group.View.Patient(ord)
			if age, ok := a.age(ord, who, d); ok {
				ages = append(ages, float64(age))
			}
			out.Sexes[max(slices.Index(sexes, who.Sex), 0)]++
		}
		out.Ages = spreadFrom(ages)
		var err error
		out.Concepts, err = a.concepts(ctx)
		return out, err
	})
	return p, err
}

func (a *arm) age(ord uint32, who index.Patient, d Design) (int, bool) {
	day := index.Day(d.Now)
	if a.index != nil {
		day = a.index[ord]
	} else if died, dead := cohort.Died(who, d.Now); dead {
		day = died
	}
	return cohort.AgeOn(who, day)
}

// concepts are those that 11 patients or more had, most first.
func (a *arm) concepts(ctx context.Context) ([]conceptOf, error) {
	v := a.group.View
	var all []conceptOf
	seen := map[index.ConceptKey]bool{}
	for _, f := range v.Forms() {
		key := index.ConceptKey{Kind: f.Kind, System: f.Concept.System, Value: f.Concept.Value}
		if f.Kind == index.Visit || seen[key] {
			continue
		}
		seen[key] = true
		all = append(all, conceptOf{Kind: f.Kind, System: f.Concept.System, Value: f.Concept.Value})
	}
	err := parallel(ctx, len(all), func(i int) {
		one := &all[i]
		code := record.Code{System: one.System, Value: one.Value}
		one.N = v.Patients(one.Kind, code).AndLen(a.set)
		if one.N >= least && a.index != nil {
			one.N = a.had(one.Kind, code)
		}
	})
	all = slices.DeleteFunc(all, func(c conceptOf) bool { return c.N < least })
	slices.SortFunc(all, func(x, y conceptOf) int {
		return cmp.Or(cmp.Compare(y.N, x.N), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.System, y.System), cmp.Compare(x.Value, y.Value))
	})
	return all[:min(len(all), maxConcepts)], err
}

// had is how many patients had a concept within their window.
func (a *arm) had(kind record.Kind, code record.Code) (n int) {
	for _, run := range a.group.View.Runs(kind, code) {
		run.Within(a.set, 0, 1<<32-1, func(ord uint32, rows []index.Posting) bool {
			first, last := a.window(ord)
			if slices.ContainsFunc(rows, func(r index.Posting) bool { return r.Day >= first && r.Day <= last }) {
				n++
			}
			return true
		})
	}
	return n
}

// parallel does n things on as many processors as there are. It ends with the context.
func parallel(ctx context.Context, n int, do func(i int)) error {
	var next atomic.Int64
	var g errgroup.Group
	for range min(runtime.GOMAXPROCS(0), n) {
		g.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || ctx.Err() != nil {
					return ctx.Err()
				}
				do(i)
			}
		})
	}
	return g.Wait()
}

// named gives codes the words that the view has for them, as facets do.
func (s *Service) named(v index.View, codes map[index.ConceptKey]*record.Code) {
	for _, f := range v.Forms() {
		key := index.ConceptKey{Kind: f.Kind, System: f.Concept.System, Value: f.Concept.Value}
		if into := codes[key]; into != nil && into.Display == "" {
			*into = f.Concept
			into.Display = cmp.Or(s.engine.Terms().Display(f.Concept), f.Concept.Value)
		}
	}
}
