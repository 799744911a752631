package fhir

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"

	"ember/record"
)

// Guidance is one answer of the recommender, to be written into FHIR.
type Guidance struct {
	ID       string // of the answer
	Module   string // canonical of the PlanDefinition that answered
	Title    string // what is recommended: "Treatments"
	Software string // "Ember 1.2"
	Subject  string // reference of the patient
	At       time.Time
	Recorded time.Time
	// Model, ModelVersion, Data and Rules are what the answer rests on: the artifact's
	// name and content hash, the version of the patient's data, that of the rules.
	Model, ModelVersion, Data, Rules string

	Items   []GuidanceItem // best first
	Blocked []GuidanceItem // what must not be ordered
	Sets    []GuidanceSet
	// Remarks are what could not be checked or did not take part; Abstained says why
	// nothing is recommended.
	Remarks     []string
	Abstained   string
	Checks      []string
	IntendedUse string
	// Explained says why one named order is or is not recommended.
	Explained string
}

// GuidanceItem is one order that is recommended, or must not be.
type GuidanceItem struct {
	Kind        record.Kind
	Code        record.Code
	Status      string // "new" or "continue"
	Probability float64
	// Dosage and Label are the usual order sentence and where it comes from.
	Dosage, Label string
	Reasons       []GuidanceReason
	Findings      []GuidanceFinding
}

// GuidanceReason is one summand of an item's log odds.
type GuidanceReason struct {
	Text    string
	Weight  float64
	Sources []string // references
}

// GuidanceFinding is what a safety rule says.
type GuidanceFinding struct {
	Rule, Tier, Text, Citation, Assumption string
	Sources                                []string // references
}

// GuidanceSet says how many of the candidates hold a share of the orders that follow:
// those at least as probable as Probability.
type GuidanceSet struct {
	Coverage, Probability float64
	Size                  int
}

// guide writes the resources of one answer; ref names one of them, as others refer to it.
type guide struct {
	*Guidance
	ref func(part string) string
	id  func(part string) string // "" for none
}

// Entries are the answer as resources that refer to each other: a GuidanceResponse first,
// then the RequestGroup of draft orders, the orders, a RiskAssessment, what the safety
// rules say, an OperationOutcome of remarks, and the Provenance of all. urn gives the
// full URL of a part, the same one each time.
func (g *Guidance) Entries(urn func(part string) string) ([]BundleEntry, error) {
	w := guide{Guidance: g, ref: urn, id: func(part string) string {
		if part == "guidance" {
			return g.ID
		}
		return ""
	}}
	var all []BundleEntry
	add := func(part string, resource any) error {
		raw, err := Encode(resource)
		all = append(all, BundleEntry{FullURL: urn(part), Resource: raw})
		return err
	}
	if err := add("guidance", w.response()); err != nil {
		return nil, err
	}
	for _, p := range w.parts() {
		if err := add(p.name, p.resource); err != nil {
			return nil, err
		}
	}
	if len(w.remarks()) > 0 {
		if err := add("remarks", w.outcome()); err != nil {
			return nil, err
		}
	}
	targets := make([]string, len(all))
	for i := range all {
		targets[i] = all[i].FullURL
	}
	return all, add("provenance", w.provenance(targets))
}

// part is one resource of an answer.
type part struct {
	name     string
	resource any
}

// parts are the resources that both a Bundle and a CarePlan hold.
func (g guide) parts() (all []part) {
	if len(g.Items) > 0 {
		all = append(all, part{"group", g.group()})
	}
	for i := range g.Items {
		all = append(all, part{itemName(i), g.order(i)})
	}
	if len(g.Items) > 0 {
		all = append(all, part{"risk", g.risk()})
	}
	for i := range g.Items {
		for j := range g.Items[i].Findings {
			all = append(all, part{issueName("warned", i, j), g.issue(&g.Items[i], j, issueName("warned", i, j), g.ref(itemName(i)))})
		}
	}
	for i := range g.Blocked {
		for j := range g.Blocked[i].Findings {
			all = append(all, part{issueName("blocked", i, j), g.issue(&g.Blocked[i], j, issueName("blocked", i, j), "")})
		}
	}
	return all
}

func itemName(i int) string { return "order-" + strconv.Itoa(i+1) }

func issueName(kind string, i, j int) string {
	return kind + "-" + strconv.Itoa(i+1) + "-" + strconv.Itoa(j+1)
}

func (g guide) response() fhir.GuidanceResponse {
	at := g.At.UTC().Format(time.RFC3339)
	r := fhir.GuidanceResponse{Id: some(g.id("guidance")), RequestIdentifier: recommended(g.ID), Identifier: []fhir.Identifier{*recommended(g.ID)},
		ModuleCanonical: g.Module, Status: fhir.GuidanceResponseStatusSuccess, Subject: refTo(g.Subject), OccurrenceDateTime: &at, Performer: g.device()}
	notes := []string{g.IntendedUse}
	if g.Abstained != "" {
		notes = append(notes, "Nothing is recommended: "+g.Abstained)
	}
	if g.Explained != "" {
		notes = append(notes, g.Explained)
	}
	for _, text := range notes {
		r.Note = append(r.Note, fhir.Annotation{Text: text})
	}
	if len(g.remarks()) > 0 {
		r.EvaluationMessage = []fhir.Reference{*refTo(g.ref("remarks"))}
	}
	if len(g.Items) > 0 {
		r.Result = refTo(g.ref("group"))
	}
	return r
}

// device is Ember, which is not stored as a resource.
func (g guide) device() *fhir.Reference {
	kind, system := "Device", "urn:ember:model"
	return &fhir.Reference{Type: &kind, Display: some(g.Software + ", model " + g.Model), Identifier: &fhir.Identifier{System: &system, Value: some(g.ModelVersion)}}
}

func (g guide) group() fhir.RequestGroup {
	at := g.At.UTC().Format(time.RFC3339)
	grouping, selection := fhir.ActionGroupingBehaviorVisualGroup, fhir.ActionSelectionBehaviorAny
	title := g.Title + " that would be ordered next"
	all := fhir.RequestGroupAction{Title: &title, GroupingBehavior: &grouping, SelectionBehavior: &selection}
	for i := range g.Items {
		x := &g.Items[i]
		label, about := nameOf(x.Code), fmt.Sprintf("%s, estimated chance that it is ordered now: %s", statusWords(x.Status), percent(x.Probability))
		all.Action = append(all.Action, fhir.RequestGroupAction{Prefix: some(strconv.Itoa(i + 1)), Title: &label, Description: &about, Resource: refTo(g.ref(itemName(i)))})
	}
	return fhir.RequestGroup{Id: some(g.id("group")), Identifier: []fhir.Identifier{*recommended(g.ID)}, GroupIdentifier: recommended(g.ID),
		InstantiatesCanonical: []string{g.Module}, Status: fhir.RequestStatusDraft, Intent: fhir.RequestIntentProposal, Subject: refTo(g.Subject),
		AuthoredOn: &at, Author: g.device(), Note: []fhir.Annotation{{Text: g.IntendedUse}}, Action: []fhir.RequestGroupAction{all}}
}

func statusWords(status string) string {
	if status == "continue" {
		return "Continued"
	}
	return "New"
}

// percent is a probability for people, never 0 or 100 %.
func percent(p float64) string {
	return fmt.Sprintf("%d %%", max(1, min(99, int(math.Round(100*p)))))
}

func (g guide) order(i int) any {
	x := &g.Items[i]
	o := Order{ID: g.id(itemName(i)), Kind: x.Kind, Code: x.Code, Subject: g.Subject, Authored: g.At, Dosage: x.Dosage, Note: x.Label, Group: g.ID, Support: x.sources()}
	for j := range x.Findings {
		o.Issues = append(o.Issues, g.ref(issueName("warned", i, j)))
	}
	return o.resource()
}

// sources are the facts that an item's reasons rest on, each once.
func (x *GuidanceItem) sources() (refs []string) {
	seen := map[string]bool{}
	for i := range x.Reasons {
		refs = appendFacts(refs, seen, x.Reasons[i].Sources)
	}
	return refs
}

// appendFacts adds the references of stored resources that are not there yet. What
// stands behind a # is a part of one.
func appendFacts(refs []string, seen map[string]bool, sources []string) []string {
	for _, source := range sources {
		ref, _, _ := strings.Cut(source, "#")
		if r := ParseReference(ref); r.Type == "" || r.ID == "" || r.Type+"/"+r.ID != ref || seen[ref] {
			continue
		}
		seen[ref] = true
		refs = append(refs, ref)
	}
	return refs
}

// remarks are what a reader has to know of the answer's limits.
func (g guide) remarks() []Issue {
	var all []Issue
	if g.Abstained != "" {
		all = append(all, Issue{Severity: Warning, Code: "not-supported", Detail: "nothing is recommended: " + g.Abstained})
	}
	for _, text := range g.Remarks {
		all = append(all, Issue{Severity: Warning, Code: "incomplete", Detail: text})
	}
	return all
}

func (g guide) outcome() fhir.OperationOutcome { return outcomeOf(g.remarks()) }
