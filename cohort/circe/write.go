package circe

import (
	"encoding/json"
	"fmt"
	"strings"

	"ember/cohort"
)

// Code is a code that an event of a definition stands for.
type Code struct{ System, Value, Display string } // System by its short name, "snomed"

// Write makes a Circe expression of a definition: everybody's record is the primary
// event, and each part a rule over all of it. codes gives the codes that are called by a
// text, a value set or a drug class. What cannot be said is left out and named, by its path
// in the definition. Concepts have their codes and no ids, which ATLAS looks up.
func Write(c cohort.Criterion, codes func(cohort.Event) []Code) (json.RawMessage, []Left, error) {
	w := &writer{codes: codes}
	parts, path := []cohort.Criterion{c}, ""
	if c.All != nil {
		parts, path = c.All, "all"
	}
	rules := []any{}
	for i := range parts {
		at := path
		if path != "" {
			at = fmt.Sprintf("all[%d]", i)
		}
		if g, ok := w.group(&parts[i], at); ok {
			rules = append(rules, map[string]any{"name": cohort.Print(parts[i]), "expression": g})
		}
	}
	sets := w.sets
	if sets == nil {
		sets = []any{}
	}
	out, err := json.Marshal(map[string]any{
		"ConceptSets": sets,
		"PrimaryCriteria": map[string]any{
			"CriteriaList":         []any{map[string]any{"ObservationPeriod": map[string]any{}}},
			"ObservationWindow":    map[string]int{"PriorDays": 0, "PostDays": 0},
			"PrimaryCriteriaLimit": map[string]string{"Type": "First"},
		},
		"InclusionRules":    rules,
		"QualifiedLimit":    map[string]string{"Type": "First"},
		"ExpressionLimit":   map[string]string{"Type": "First"},
		"CensoringCriteria": []any{},
		"CollapseSettings":  map[string]any{"CollapseType": "ERA", "EraPad": 0},
		"CensorWindow":      map[string]any{},
	})
	if err != nil {
		return nil, nil, fmt.Errorf("circe: writing: %w", err)
	}
	return out, w.left, nil
}

type writer struct {
	codes func(cohort.Event) []Code
	sets  []any
	left  []Left
}

func (w *writer) leave(path, format string, args ...any) {
	w.left = append(w.left, Left{path, fmt.Sprintf(format, args...)})
}

type group struct {
	Type                    string `json:"Type"`
	CriteriaList            []any  `json:"CriteriaList"`
	DemographicCriteriaList []any  `json:"DemographicCriteriaList"`
	Groups                  []any  `json:"Groups"`
}

func newGroup(kind string) *group {
	return &group{kind, []any{}, []any{}, []any{}}
}

// group is a criterion as a group; ok is false where nothing of it can be said.
func (w *writer) group(c *cohort.Criterion, path string) (*group, bool) {
	kind, list, name := "ALL", c.All, "all"
	if c.Any != nil {
		kind, list, name = "ANY", c.Any, "any"
	}
	if list == nil {
		g := newGroup("ALL")
		return g, w.into(g, c, path, false)
	}
	g := newGroup(kind)
	before := len(w.left)
	for i := range list {
		at := strings.TrimPrefix(fmt.Sprintf("%s.%s[%d]", path, name, i), ".")
		if list[i].All != nil || list[i].Any != nil {
			if inner, ok := w.group(&list[i], at); ok {
				g.Groups = append(g.Groups, inner)
			}
			continue
		}
		w.into(g, &list[i], at, false)
	}
	if kind == "ANY" && len(w.left) > before {
		w.leave(path, "the choice is left out, as a part of it cannot be said")
		return nil, false
	}
	return g, len(g.CriteriaList)+len(g.DemographicCriteriaList)+len(g.Groups) > 0
}

// into puts one criterion, or its opposite, into a group.
func (w *writer) into(g *group, c *cohort.Criterion, path string, not bool) bool {
	n := 1
	switch {
	case c.Not != nil && !not && c.Not.All == nil && c.Not.Any == nil:
		return w.into(g, c.Not, strings.TrimPrefix(path+".not", "."), true)
	case c.Event != nil:
		inner, ok := w.event(c.Event, strings.TrimPrefix(path+".event", "."))
		if !ok {
			return false
		}
		if c.Event.Count > 1 {
			n = c.Event.Count
		}
		g.CriteriaList = append(g.CriteriaList, correlated(inner, n, not, open))
		return true
	case c.Sequence != nil:
		inner, ok := w.sequence(c.Sequence, strings.TrimPrefix(path+".sequence", "."))
		if ok {
			g.CriteriaList = append(g.CriteriaList, correlated(inner, 1, not, open))
		}
		return ok
	case c.Sex == "female" && !not, c.Sex == "male" && !not:
		id := genderFemale
		if c.Sex == "male" {
			id = genderMale
		}
		g.DemographicCriteriaList = append(g.DemographicCriteriaList, map[string]any{"Gender": []any{map[string]any{
			"CONCEPT_ID": id, "CONCEPT_CODE": strings.ToUpper(c.Sex[:1]), "CONCEPT_NAME": strings.ToUpper(c.Sex), "VOCABULARY_ID": "Gender", "DOMAIN_ID": "Gender"}}})
		return true
	case c.Life != "":
		g.CriteriaList = append(g.CriteriaList, correlated(map[string]any{"Death": map[string]any{}}, 1, not != (c.Life == "alive"), open))
		return true
	case c.Age != nil:
		w.leave(path, "ages are those at an event there, and those of today here")
	default:
		w.leave(path, "this cannot be said there")
	}
	return false
}

// span is a window in days; nil is open.
type span struct{ from, to *int }

var open = span{}

func correlated(inner any, n int, not bool, at span) any {
	side := func(days *int, coeff int) map[string]any {
		m := map[string]any{"Coeff": coeff}
		if days != nil {
			m["Days"] = *days
		}
		return m
	}
	occurrence := map[string]any{"Type": 2, "Count": n}
	if not {
		occurrence = map[string]any{"Type": 1, "Count": n - 1}
		if n == 1 {
			occurrence = map[string]any{"Type": 0, "Count": 0}
		}
	}
	return map[string]any{"Criteria": inner, "Occurrence": occurrence,
		"StartWindow": map[string]any{"Start": side(at.from, -1), "End": side(at.to, 1), "UseEventEnd": false}}
}

// sequence nests what comes later in what came before.
func (w *writer) sequence(steps []cohort.Step, path string) (any, bool) {
	var inner any
	for i := len(steps) - 1; i >= 0; i-- {
		s := &steps[i]
		at := fmt.Sprintf("%s[%d]", path, i)
		if s.Without != nil {
			w.leave(at+".without", "what must not lie between two events cannot be said there")
			return nil, false
		}
		one, ok := w.event(&s.Event, at+".event")
		if !ok {
			return nil, false
		}
		if inner != nil {
			zero, g := 0, newGroup("ALL")
			window := span{from: &zero}
			if days, ok := daysOf(steps[i+1].Within); ok {
				window.to = &days
			}
			g.CriteriaList = append(g.CriteriaList, correlated(inner, 1, false, window))
			for _, fields := range one {
				fields.(map[string]any)["CorrelatedCriteria"] = g
			}
		}
		inner = one
	}
	return inner, true
}

// daysOf is a span in days, where it is one.
func daysOf(within string) (days int, ok bool) {
	if within == "" {
		return 0, false
	}
	return cohort.Days(within)
}

// event is {"ConditionOccurrence": {…}}.
func (w *writer) event(e *cohort.Event, path string) (map[string]any, bool) {
	domain := ""
	for name, kind := range domains {
		if kind == e.Kind {
			domain = name
		}
	}
	if e.Kind == "immunization" {
		domain = "DrugExposure"
	}
	switch {
	case domain == "":
		w.leave(path+".kind", "events of this kind are not known there")
		return nil, false
	case e.Within != "" || e.Last != "":
		w.leave(path, "events within a length of time cannot be counted there, nor back from today")
		return nil, false
	}
	fields := map[string]any{}
	if e.Text+e.Code+e.Under+e.Set+e.Class != "" {
		id, ok := w.set(e, path)
		if !ok {
			return nil, false
		}
		fields["CodesetId"] = id
	}
	for name, r := range map[string]*cohort.Range{"Age": e.Age, "ValueAsNumber": valueRange(e)} {
		if r == nil {
			continue
		}
		op, ok := rangeOf(r)
		if !ok {
			w.leave(path+"."+strings.ToLower(name[:1])+name[1:], "a range has one end there, or both in it")
			return nil, false
		}
		fields[name] = op
	}
	if e.Value != nil && e.Value.Unit != "" {
		fields["Unit"] = []any{map[string]any{"CONCEPT_ID": 0, "CONCEPT_CODE": e.Value.Unit, "CONCEPT_NAME": e.Value.Unit, "VOCABULARY_ID": "UCUM", "DOMAIN_ID": "Unit"}}
	}
	switch {
	case e.Since != "" && e.Until != "":
		fields["OccurrenceStartDate"] = map[string]string{"Value": e.Since, "Extent": e.Until, "Op": "bt"}
	case e.Since != "":
		fields["OccurrenceStartDate"] = map[string]string{"Value": e.Since, "Op": "gte"}
	case e.Until != "":
		fields["OccurrenceStartDate"] = map[string]string{"Value": e.Until, "Op": "lte"}
	}
	return map[string]any{domain: fields}, true
}

func valueRange(e *cohort.Event) *cohort.Range {
	if e.Value == nil {
		return nil
	}
	return &e.Value.Range
}

func rangeOf(r *cohort.Range) (map[string]any, bool) {
	switch {
	case r.AtLeast != nil && r.AtMost != nil && *r.AtLeast == *r.AtMost:
		return map[string]any{"Value": *r.AtLeast, "Op": "eq"}, true
	case r.AtLeast != nil && r.AtMost != nil:
		return map[string]any{"Value": *r.AtLeast, "Extent": *r.AtMost, "Op": "bt"}, true
	case r.Above != nil && r.Below == nil && r.AtMost == nil:
		return map[string]any{"Value": *r.Above, "Op": "gt"}, true
	case r.AtLeast != nil && r.Below == nil:
		return map[string]any{"Value": *r.AtLeast, "Op": "gte"}, true
	case r.Below != nil && r.Above == nil && r.AtLeast == nil:
		return map[string]any{"Value": *r.Below, "Op": "lt"}, true
	case r.AtMost != nil && r.Above == nil:
		return map[string]any{"Value": *r.AtMost, "Op": "lte"}, true
	}
	return nil, false
}

// set writes the codes of an event as a concept set.
func (w *writer) set(e *cohort.Event, path string) (int, bool) {
	all := w.codes(*e)
	items := []any{}
	for _, c := range all {
		vocabulary := ""
		for name, short := range vocabularies {
			if short == c.System || short == "icd10" && c.System == "icd10cm" || short == "icd9" && c.System == "icd9cm" {
				vocabulary = name
			}
		}
		if c.System == "act" {
			for code, class := range visitClasses {
				if class == c.Value && len(code) == 2 {
					vocabulary, c.Value = "Visit", code
				}
			}
		}
		if vocabulary == "" {
			w.leave(path, "code %s|%s is of no vocabulary there", c.System, c.Value)
			continue
		}
		items = append(items, map[string]any{"isExcluded": false, "includeDescendants": e.Under != "", "includeMapped": false, "concept": map[string]any{
			"CONCEPT_ID": 0, "CONCEPT_CODE": c.Value, "CONCEPT_NAME": c.Display, "VOCABULARY_ID": vocabulary}})
	}
	if len(items) == 0 {
		w.leave(path, "no code stands for this")
		return 0, false
	}
	id := len(w.sets)
	w.sets = append(w.sets, map[string]any{"id": id, "name": strings.TrimSpace(e.Text + e.Code + e.Under + e.Set + e.Class), "expression": map[string]any{"items": items}})
	return id, true
}
