package fhir

import (
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/samply/golang-fhir-models/fhir-models/fhir"
)

// CarePlan is the answer as one resource that holds all of it: a proposal whose activity
// is the RequestGroup, with the drafts, the RiskAssessment and what the rules say
// contained.
func (g *Guidance) CarePlan() ([]byte, error) {
	w := guide{Guidance: g, ref: func(part string) string { return "#" + part }, id: func(part string) string { return part }}
	at := g.At.UTC().Format(time.RFC3339)
	parts := w.parts()
	if len(w.remarks()) > 0 {
		parts = append(parts, part{"remarks", containedOutcome(w.outcome())})
	}
	parts = append(parts, part{"provenance", w.provenance([]string{"#"})})
	plan := fhir.CarePlan{Id: some(g.ID), Identifier: []fhir.Identifier{*recommended(g.ID)}, InstantiatesCanonical: []string{g.Module}, Status: fhir.RequestStatusDraft,
		Intent: fhir.CarePlanIntentProposal, Title: some(g.Title + " that would be ordered next"), Subject: *refTo(g.Subject), Created: &at, Author: w.device(),
		Note: []fhir.Annotation{{Text: g.IntendedUse}}}
	if g.Abstained != "" {
		plan.Note = append(plan.Note, fhir.Annotation{Text: "Nothing is recommended: " + g.Abstained})
	}
	var contained []any
	for _, p := range parts {
		contained = append(contained, p.resource)
		if p.name == "group" {
			plan.Activity = []fhir.CarePlanActivity{{Reference: refTo("#group")}}
			continue
		}
		plan.SupportingInfo = append(plan.SupportingInfo, *refTo("#" + p.name))
	}
	return Encode(struct {
		fhir.OtherCarePlan
		Contained    []any  `json:"contained,omitempty"`
		ResourceType string `json:"resourceType"`
	}{fhir.OtherCarePlan(plan), contained, "CarePlan"})
}

func containedOutcome(o fhir.OperationOutcome) fhir.OperationOutcome {
	o.Id = some("remarks")
	return o
}

// Description describes something that advises: a model, or rules. It is what a
// PlanDefinition and its Library say.
type Description struct {
	Base    string // of canonical addresses, "https://host/fhir"
	Kind    string // of library: "model-definition" or "logic-library"
	ID      string
	Name    string // a computer's name: letters, digits and _
	Title   string
	Version string
	Date    time.Time
	Usage   string // intended use
	Text    string // Markdown
	// Attributes are source attributes, in their order.
	Attributes []Attribute
	// Library is the canonical of the library a plan runs; Actions what the plan does.
	Library, Action string
}

// Attribute is a source attribute of decision support (45 CFR 170.315(b)(11)(iv)).
type Attribute struct{ Group, Name, Text string }

func (d *Description) canonical(typ string) string { return d.Base + "/" + typ + "/" + d.ID }

func (d *Description) date() *string {
	if d.Date.IsZero() {
		return nil
	}
	return some(d.Date.UTC().Format(time.RFC3339))
}

// artifacts are the source attributes as documentation: each a label, a name and a text.
func (d *Description) artifacts() (all []fhir.RelatedArtifact) {
	for i := range d.Attributes {
		a := &d.Attributes[i]
		all = append(all, fhir.RelatedArtifact{Type: fhir.RelatedArtifactTypeDocumentation, Label: some(a.Group), Display: some(a.Name), Citation: some(a.Text)})
	}
	return all
}

// LibraryOf is the description as a Library with its source
// attributes; the whole text is its content, as Markdown.
func LibraryOf(d Description) ([]byte, error) {
	media, url := "text/markdown", d.canonical("Library")
	data := base64.StdEncoding.EncodeToString([]byte(d.Text))
	lib := fhir.Library{Id: some(d.ID), Url: &url, Name: some(d.Name), Version: some(d.Version), Title: some(d.Title), Date: d.date(), Status: fhir.PublicationStatusActive,
		Type:        *concept("http://terminology.hl7.org/CodeSystem/library-type", d.Kind, ""),
		Description: some(d.Text), Usage: some(d.Usage), RelatedArtifact: d.artifacts()}
	if d.Text != "" {
		lib.Content = []fhir.Attachment{{ContentType: &media, Title: some(d.Title), Data: &data}}
	}
	return Encode(lib)
}

// PlanOf is the description as a PlanDefinition that is applied to a patient.
func PlanOf(d Description) ([]byte, error) {
	url := d.canonical("PlanDefinition")
	return Encode(fhir.PlanDefinition{Id: some(d.ID), Url: &url, Name: some(d.Name), Version: some(d.Version), Title: some(d.Title), Date: d.date(), Status: fhir.PublicationStatusActive,
		Type:                   concept("http://terminology.hl7.org/CodeSystem/plan-definition-type", "eca-rule", "ECA Rule"),
		SubjectCodeableConcept: concept("http://hl7.org/fhir/resource-types", "Patient", "Patient"),
		Description:            some(d.Text), Usage: some(d.Usage), Library: []string{d.Library}, RelatedArtifact: d.artifacts(),
		Action: []fhir.PlanDefinitionAction{{Title: some(d.Title), Description: some(d.Action)}}})
}

// Operation describes an operation that Ember defines.
type Operation struct {
	Base, ID, Name, Code, Title, Text string
	Types                             []string // of instances it is called on
	System                            bool     // it may be called on the whole server
	Parameters                        []OperationParameter
}

// OperationParameter is one parameter. Out: it is given back. Max is "1" unless set.
type OperationParameter struct {
	Out                   bool
	Name, Type, Max, Text string
	Min                   int
}

// OperationOf is the operation as an OperationDefinition.
func OperationOf(o Operation) ([]byte, error) {
	url, changes := o.Base+"/OperationDefinition/"+o.ID, false
	def := fhir.OperationDefinition{Id: &o.ID, Url: &url, Name: o.Name, Title: &o.Title, Status: fhir.PublicationStatusActive, Kind: fhir.OperationKindOperation,
		Description: &o.Text, AffectsState: &changes, Code: o.Code, System: o.System, Instance: len(o.Types) > 0}
	for _, typ := range o.Types {
		var code fhir.ResourceType
		if err := json.Unmarshal([]byte(`"`+typ+`"`), &code); err != nil {
			return nil, err
		}
		def.Resource = append(def.Resource, code)
	}
	for _, p := range o.Parameters {
		use, most := fhir.OperationParameterUseIn, p.Max
		if p.Out {
			use = fhir.OperationParameterUseOut
		}
		if most == "" {
			most = "1"
		}
		def.Parameter = append(def.Parameter, fhir.OperationDefinitionParameter{Name: p.Name, Use: use, Min: p.Min, Max: most, Type: &p.Type, Documentation: some(p.Text)})
	}
	return Encode(def)
}

// IsType reports whether a name is that of a type of resources in R4.
func IsType(name string) bool {
	var code fhir.ResourceType
	text, err := json.Marshal(name)
	return err == nil && code.UnmarshalJSON(text) == nil
}
