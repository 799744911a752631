package recommender

import (
	"slices"

	"ember/learn"
	"ember/record"
)

// Share is how many patients of training share a trait.
type Share struct {
	By, Value string // "sex" or "age", and its value
	Patients  int
}

// Subgroup is how well the ranker does for decisions about people who share a
// trait, out of fold.
type Subgroup struct {
	By, Value           string
	Decisions, Patients int
	AP, Over            learn.Estimate // average precision, and by how much it exceeds the baseline's
}

// AgeBand is the band of an age in years; -1 is unknown.
func AgeBand(age int) string {
	switch {
	case age < 0:
		return "unknown"
	case age < 18:
		return "0–17"
	case age < 40:
		return "18–39"
	case age < 65:
		return "40–64"
	case age < 80:
		return "65–79"
	}
	return "80 and more"
}

// traits of a chart, in the order of traitNames.
var traitNames = []string{"sex", "age"}

func traits(c *Chart) []string { return []string{sexOf(c.sex), AgeBand(c.age)} }

func sexOf(s record.Sex) string {
	if s == 0 {
		return "unknown"
	}
	return s.String()
}

// represented counts the patients whose decisions are learned from, by trait as of
// their last one. Counts that could point at a person are left to "few".
func (r *trainer) represented() (out []Share) {
	for k, by := range traitNames {
		count := map[string]int{}
		for i := range r.data.rows {
			if last := i+1 == len(r.data.rows) || r.data.rows[i+1].patient != r.data.rows[i].patient; last {
				count[traits(&r.data.rows[i].chart)[k]]++
			}
		}
		out = append(out, sharesOf(by, count)...)
	}
	return out
}

func sharesOf(by string, count map[string]int) (out []Share) {
	few := 0
	for _, v := range sortedStrings(count) {
		if count[v] < disclosed {
			few += count[v]
			continue
		}
		out = append(out, Share{by, v, count[v]})
	}
	if few > 0 {
		out = append(out, Share{by, "others, few each", few})
	}
	return out
}

func sortedStrings[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// subgroups are the chosen ranker's, of the decisions that judge measured; those of
// few patients are left out.
func (r *trainer) subgroups(w Want, best, base []float64) (out []Subgroup) {
	for k, by := range traitNames {
		type part struct {
			best, base []float64
			group      []int
		}
		of := map[string]*part{}
		n := 0
		for i := range r.decisions[w] {
			d := &r.decisions[w][i]
			if d.total == 0 {
				continue
			}
			row := &r.data.rows[d.row]
			v := traits(&row.chart)[k]
			if of[v] == nil {
				of[v] = &part{}
			}
			p := of[v]
			p.best, p.base, p.group = append(p.best, best[n]), append(p.base, base[n]), append(p.group, int(row.patient))
			n++
		}
		for _, v := range sortedStrings(of) {
			p := of[v]
			people := slices.Clone(p.group)
			slices.Sort(people)
			if m := len(slices.Compact(people)); m >= disclosed {
				out = append(out, Subgroup{By: by, Value: v, Decisions: len(p.best), Patients: m,
					AP:   learn.Mean(p.best, p.group, r.opt.BootstrapReps, r.opt.Seed),
					Over: learn.Diff(p.best, p.base, p.group, r.opt.BootstrapReps, r.opt.Seed)})
			}
		}
	}
	return out
}
