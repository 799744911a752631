// Package circe reads and writes the cohort definitions of OHDSI's ATLAS (Circe
// expressions) as far as they can be said in the language of cohorts.
//
// A Circe expression finds events of persons: primary events, of which rules ask what
// lies around them. A definition here finds patients. What asks for the whole of a
// person's record is the same in both; what hangs on which of several primary events was
// first is mostly not. Its invariant: what cannot be said is named with its path, and
// never left out in silence.
package circe

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"ember/cohort"
)

// Left is a part of an expression that cannot be said, by its path in the JSON.
type Left struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// domains are the criteria of Circe that are events here, with the kind they are.
var domains = map[string]string{
	"ConditionOccurrence": "condition", "DrugExposure": "medication", "ProcedureOccurrence": "procedure",
	"Measurement": "test", "Observation": "finding", "VisitOccurrence": "encounter",
}

// vocabularies are OMOP's names of code systems, and what they are called here.
var vocabularies = map[string]string{
	"SNOMED": "snomed", "LOINC": "loinc", "RxNorm": "rxnorm", "ICD10CM": "icd10", "ICD9CM": "icd9", "CVX": "cvx",
}

// visitClasses are OMOP's concepts of visits as classes of encounters.
var visitClasses = map[string]string{"IP": "IMP", "OP": "AMB", "ER": "EMER", "9201": "IMP", "9202": "AMB", "9203": "EMER"}

const (
	genderMale   = 8507
	genderFemale = 8532
)

// object is a JSON object that is read field by field; what is not taken is left.
type object struct {
	r      *reader
	path   string
	fields map[string]json.RawMessage
	taken  map[string]bool
}

// reader gathers what cannot be said.
type reader struct {
	left []Left
	sets map[int][]coded // by id
	err  error
}

func (r *reader) leave(path, format string, args ...any) {
	r.left = append(r.left, Left{path, fmt.Sprintf(format, args...)})
}

func (r *reader) fail(path, text string) {
	if r.err == nil {
		r.err = &cohort.Error{Offset: -1, Path: path, Detail: text, Hint: "export the definition from ATLAS as JSON"}
	}
}

func (r *reader) object(raw json.RawMessage, path string) *object {
	o := &object{r: r, path: path, taken: map[string]bool{}}
	if err := json.Unmarshal(raw, &o.fields); err != nil {
		r.fail(path, "an object is expected here")
	}
	return o
}

func (o *object) at(name string) string {
	if o.path == "" {
		return name
	}
	return o.path + "." + name
}

// take is a field's JSON; nil where it is not there or null.
func (o *object) take(name string) json.RawMessage {
	o.taken[name] = true
	raw := o.fields[name]
	if string(raw) == "null" {
		return nil
	}
	return raw
}

func (o *object) into(name string, v any) bool {
	raw := o.take(name)
	if raw == nil {
		return false
	}
	if err := json.Unmarshal(raw, v); err != nil {
		o.r.fail(o.at(name), "another type is expected here")
		return false
	}
	return true
}

func (o *object) list(name string) (all []json.RawMessage) {
	o.into(name, &all)
	return all
}

// rest names the fields that were not taken and say something.
func (o *object) rest() {
	var names []string
	for name, raw := range o.fields {
		if !o.taken[name] && says(raw) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		o.r.leave(o.at(name), "this cannot be said here")
	}
}

// says reports whether a value is more than nothing.
func says(raw json.RawMessage) bool {
	switch strings.TrimSpace(string(raw)) {
	case "null", "[]", "{}", `""`, "false":
		return false
	}
	return true
}

// coded is a code of a concept set.
type coded struct {
	code        string // "snomed|44054006"
	descendants bool
}

// conceptSets reads the sets of codes.
func (r *reader) conceptSets(all []json.RawMessage) {
	r.sets = map[int][]coded{}
	for i, raw := range all {
		o := r.object(raw, fmt.Sprintf("ConceptSets[%d]", i))
		id := 0
		o.into("id", &id)
		o.take("name")
		expression := r.object(o.take("expression"), o.at("expression"))
		for k, item := range expression.list("items") {
			r.conceptItem(id, r.object(item, fmt.Sprintf("%s.items[%d]", expression.path, k)))
		}
		if _, ok := r.sets[id]; !ok {
			r.sets[id] = nil
		}
		expression.rest()
		o.rest()
	}
}

func (r *reader) conceptItem(set int, o *object) {
	var c struct {
		Code       string `json:"CONCEPT_CODE"`
		Vocabulary string `json:"VOCABULARY_ID"`
	}
	var excluded, descendants, mapped bool
	o.into("concept", &c)
	o.into("isExcluded", &excluded)
	o.into("includeDescendants", &descendants)
	o.into("includeMapped", &mapped)
	system, known := vocabularies[c.Vocabulary]
	switch {
	case excluded:
		r.leave(o.at("isExcluded"), "a code cannot be taken out of a set")
		return
	case c.Vocabulary == "Visit" && visitClasses[c.Code] != "":
		system, c.Code, descendants = "act", visitClasses[c.Code], false
	case !known:
		r.leave(o.at("concept.VOCABULARY_ID"), "this vocabulary is not known here")
		return
	case c.Code == "":
		r.leave(o.at("concept.CONCEPT_CODE"), "the concept has no code")
		return
	}
	if mapped {
		r.leave(o.at("includeMapped"), "mapped codes are not looked up; codes of events are compared as they are")
	}
	o.rest()
	r.sets[set] = append(r.sets[set], coded{system + "|" + c.Code, descendants})
}
