package cds

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"ember/recommender"
	"ember/record"
)

// suggestion offers an item as a draft that only has to be signed.
func (s *Service) suggestion(_ context.Context, r *Request, x *recommender.Item, card string) (Suggestion, error) {
	verb := "Order "
	if x.Status == "continue" {
		verb = "Continue "
	}
	name := brief(called(x.Code), 100)
	sug := Suggestion{Label: verb + name, UUID: s.id(r, card, x.Code.Key())}
	resource, err := s.draft(r, x, sug.UUID)
	if err != nil {
		return sug, fmt.Errorf("cds: drafting an order: %w", err)
	}
	about := "Create a draft order for " + name
	if x.Kind == record.Medication {
		about += "; dosage is left to who signs it"
	}
	sug.Actions = []Action{{Type: "create", Description: about, Resource: resource}}
	return sug, nil
}

type reference struct {
	Reference string `json:"reference"`
}

type codeable struct {
	Coding []Coding `json:"coding,omitempty"`
	Text   string   `json:"text,omitempty"`
}

// order is a draft MedicationRequest or ServiceRequest.
type order struct {
	ResourceType string     `json:"resourceType"`
	ID           string     `json:"id"`
	Status       string     `json:"status"`
	Intent       string     `json:"intent"`
	Medication   *codeable  `json:"medicationCodeableConcept,omitempty"`
	Code         *codeable  `json:"code,omitempty"`
	Subject      reference  `json:"subject"`
	Encounter    *reference `json:"encounter,omitempty"`
	AuthoredOn   string     `json:"authoredOn"`
	Requester    *reference `json:"requester,omitempty"`
}

// draft is the order as FHIR R4 has it. It has no dosage: none is known that could be
// vouched for.
func (s *Service) draft(r *Request, x *recommender.Item, id string) (json.RawMessage, error) {
	o := order{ID: id, Status: "draft", Intent: "order", Subject: reference{"Patient/" + r.Patient},
		AuthoredOn: s.deps.Now().UTC().Format(time.RFC3339)}
	code := &codeable{Text: called(x.Code)}
	if !strings.HasPrefix(x.Code.System, "urn:ember:") && x.Code.System != "" { // words of our own are no codes of others
		code.Coding = []Coding{{x.Code.System, x.Code.Value, x.Code.Display}}
	}
	if x.Kind == record.Medication {
		o.ResourceType, o.Medication = "MedicationRequest", code
	} else {
		o.ResourceType, o.Code = "ServiceRequest", code
	}
	if r.Encounter != "" {
		o.Encounter = &reference{"Encounter/" + r.Encounter}
	}
	if who, id, _ := strings.Cut(r.User, "/"); (who == "Practitioner" || who == "PractitionerRole") && logicalID.MatchString(id) {
		o.Requester = &reference{r.User}
	}
	return json.Marshal(o)
}
