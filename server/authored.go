package server

import (
	"context"
	"net/http"

	"ember/fhir"
	"ember/notify"
	"ember/recommender"
	"ember/server/auth"
)

// authored are the resources that Ember describes itself by; they are made when they are
// read, and nothing can be stored in their place.
var authored = map[string]func(s *Server, ctx context.Context, c *call, id string) ([]byte, error){
	"OperationDefinition/ember-recommend": (*Server).recommendDefinition,
	"PlanDefinition/ember-treatments":     (*Server).planDefinition,
	"PlanDefinition/ember-tests":          (*Server).planDefinition,
	"Library/ember-recommender":           (*Server).modelLibrary,
	"Library/ember-rules":                 (*Server).rulesLibrary,

	"Basic/" + topicID + notify.NewRecommendation:  (*Server).topicBasic,
	"Basic/" + topicID + notify.RiskAboveThreshold: (*Server).topicBasic,

	"SubscriptionTopic/" + notify.NewRecommendation:  (*Server).topicResource,
	"SubscriptionTopic/" + notify.RiskAboveThreshold: (*Server).topicResource,
}

// readAuthored answers a read of one of them; false when it is another resource.
func (c *call) readAuthored(ctx context.Context, typ, id string) (bool, error) {
	write, ok := authored[typ+"/"+id]
	if !ok {
		return false, nil
	}
	b, err := write(c.s, ctx, c, id)
	if err != nil {
		return true, err
	}
	if err := c.audit(ctx, c.entry(auth.ActionRead, "", ref(typ, id), http.StatusOK)); err != nil {
		return true, err
	}
	c.send(http.StatusOK, fhirJSON, b)
	return true, nil
}

var errAuthored = &Fault{Status: http.StatusMethodNotAllowed, Code: "not-supported", Detail: "this resource is Ember's own description of itself",
	Hint: "choose another id"}

func (s *Server) recommendDefinition(_ context.Context, c *call, _ string) ([]byte, error) {
	return fhir.OperationOf(fhir.Operation{Base: c.base(), ID: "ember-recommend", Name: "Recommend", Code: "recommend", Title: "What would be ordered next",
		Text:  "Treatments or tests that would be ordered next for a patient as this site orders, with calibrated probabilities, reasons from the patient's own record, and what the safety rules say. " + recommender.IntendedUse,
		Types: []string{"Patient"}, System: true,
		Parameters: []fhir.OperationParameter{
			{Name: "subject", Type: "Reference", Text: "The patient, on record here; where the operation is called on the server."},
			{Name: "data", Type: "Bundle", Text: "A patient and what is known of them, in the place of subject; nothing of it is kept. Where the operation is called on the server."},
			{Name: "want", Type: "code", Text: "treatments (which is the default) or tests."},
			{Name: "at", Type: "dateTime", Text: "The moment asked about: only what was known then is heeded. The default is now."},
			{Name: "limit", Type: "integer", Text: "How many orders, 1 to 100; the default is 10."},
			{Name: "explain", Type: "Coding", Text: "An order to explain whether or not it is recommended."},
			{Name: "feedback", Type: "boolean", Text: "true when the answer is shown to a person who will say at POST /v1/feedback what they did with it."},
			{Out: true, Name: "return", Type: "Bundle", Min: 1, Text: "A collection: GuidanceResponse, RequestGroup, draft MedicationRequests and ServiceRequests, RiskAssessment, DetectedIssues, an OperationOutcome of what could not be checked, and Provenance. The id of the GuidanceResponse is that of the recommendation."},
		}})
}

// description is the card of what answers, to be written into FHIR.
func (s *Server) description(c *call) (fhir.Description, error) {
	card, err := s.deps.Recommender.Card()
	if err != nil {
		return fhir.Description{}, err
	}
	return describe(c, card, recommender.IntendedUse), nil
}

func describe(c *call, card recommender.Card, usage string) fhir.Description {
	d := fhir.Description{Base: c.base(), Version: card.Version, Date: card.Made, Usage: usage, Text: card.Markdown()}
	for _, p := range card.Parts {
		for _, a := range p.Attributes {
			d.Attributes = append(d.Attributes, fhir.Attribute{Group: p.Title, Name: a.Name, Text: a.Text})
		}
	}
	return d
}

func (s *Server) modelLibrary(_ context.Context, c *call, _ string) ([]byte, error) {
	d, err := s.description(c)
	if err != nil {
		return nil, err
	}
	d.Kind = "model-definition"
	d.ID, d.Name, d.Title = "ember-recommender", "EmberRecommender", "Ember's recommender, version "+d.Version
	return fhir.LibraryOf(d)
}

func (s *Server) planDefinition(_ context.Context, c *call, id string) ([]byte, error) {
	d, err := s.description(c)
	if err != nil {
		return nil, err
	}
	d.ID = id
	want := plans[d.ID].String()
	d.Name, d.Title = map[string]string{"treatments": "EmberTreatments", "tests": "EmberTests"}[want], "The "+want+" that would be ordered next"
	d.Library = d.Base + "/Library/ember-recommender|" + d.Version
	d.Action = "Recommend " + want + " for the patient, as drafts that only have to be signed; the safety rules of Library/ember-rules have the last word."
	return fhir.PlanOf(d)
}

func (s *Server) rulesLibrary(ctx context.Context, c *call, _ string) ([]byte, error) {
	version := s.deps.Health.State(ctx).Versions["rules"]
	if version == "" {
		return nil, ErrUnready
	}
	d := describe(c, recommender.RulesCard(version), recommender.IntendedUse)
	d.Kind = "logic-library"
	d.ID, d.Name, d.Title = "ember-rules", "EmberSafetyRules", "Ember's safety rules, version "+version
	return fhir.LibraryOf(d)
}
