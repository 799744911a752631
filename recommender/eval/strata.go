package eval

import (
	"slices"
	"strconv"

	"ember/learn"
	"ember/recommender"
	"ember/record"
)

// stratifiers are the traits by which decisions are told apart.
var stratifiers = []string{"sex", "age", "earlier encounters", "moment"}

func strataOf(s recommender.Sample) []string {
	moment := "visit"
	if s.Landmark > 0 {
		moment = strconv.Itoa(int(s.Landmark.Hours())) + " h of a stay"
	}
	return []string{s.Past.Person().Sex.String(), ageBand(s.Past), earlier(s), moment}
}

func ageBand(p record.Past) string {
	age, ok := p.Age()
	if !ok {
		age = -1
	}
	return recommender.AgeBand(age)
}

// earlier is how many encounters came before the one at hand.
func earlier(s recommender.Sample) string {
	n := 0
	for _, e := range s.Past.Encounters() {
		if e.ID != s.Visit.ID {
			n++
		}
	}
	switch {
	case n < 2:
		return strconv.Itoa(n)
	case n < 5:
		return "2–4"
	}
	return "5 and more"
}

// fewest decisions a subgroup is shown with, and pairs a bin is drawn with.
const fewest = 20

// subgroups measures the ranker in each, beside the baseline to beat.
func (l *ledger) subgroups(opt Options) (out []Subgroup) {
	ap, base := l.values[l.task.ranker][0], l.best[0]
	for k, by := range stratifiers {
		rows := make(map[string][]int)
		for i, s := range l.strata {
			rows[s[k]] = append(rows[s[k]], i)
		}
		var values []string
		for v := range rows {
			values = append(values, v)
		}
		slices.Sort(values)
		for _, v := range values {
			of := rows[v]
			if len(of) < fewest || len(values) == 1 {
				continue
			}
			g := Subgroup{By: by, Value: v, Decisions: len(of)}
			mine, other, group := make([]float64, len(of)), make([]float64, len(of)), make([]int, len(of))
			at := make(map[int]int)
			for j, i := range of {
				n, ok := at[l.group[i]]
				if !ok {
					n = len(at)
					at[l.group[i]] = n
				}
				mine[j], other[j], group[j] = ap[i], base[i], n
			}
			g.Patients = len(at)
			g.AP = learn.Mean(mine, group, opt.BootstrapReps, opt.Seed)
			g.Over = learn.Diff(mine, other, group, opt.BootstrapReps, opt.Seed)
			out = append(out, g)
		}
	}
	return out
}
