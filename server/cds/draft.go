package cds

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"ember/recommender"
	"ember/record"
)

// suggestion offers an item as a draft that only has to be signed.
func (s *Service) suggestion(r *Request, x *recommender.Item, card string, adult bool) (Suggestion, error) {
	verb := "Order "
	if x.Status == "continue" {
		verb = "Continue "
	}
	name := brief(called(x.Code), 100)
	sug := Suggestion{Label: verb + name, UUID: s.id(r, card, x.Code.Key())}
	resource, err := s.draft(r, x, sug.UUID, adult)
	if err != nil {
		return sug, fmt.Errorf("cds: drafting an order: %w", err)
	}
	about := "Create a draft order for " + name
	if x.Kind == record.Medication {
		about += "; the dosage is left to who signs it"
		if usual, ok := s.usual(x, adult); ok {
			about = "Create a draft order for " + name + usual.label()
		}
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
	ResourceType string       `json:"resourceType"`
	ID           string       `json:"id"`
	Status       string       `json:"status"`
	Intent       string       `json:"intent"`
	Medication   *codeable    `json:"medicationCodeableConcept,omitempty"`
	Code         *codeable    `json:"code,omitempty"`
	Subject      reference    `json:"subject"`
	Encounter    *reference   `json:"encounter,omitempty"`
	AuthoredOn   string       `json:"authoredOn"`
	Requester    *reference   `json:"requester,omitempty"`
	Dosage       []annotation `json:"dosageInstruction,omitempty"`
	Note         []annotation `json:"note,omitempty"`
}

type annotation struct {
	Text string `json:"text"`
}

// usual is the site's most frequent order sentence for a new item, for adults only.
func (s *Service) usual(x *recommender.Item, adult bool) (Sentence, bool) {
	if s.deps.Sentences == nil || !adult || x.Kind != record.Medication || x.Status == "continue" { // who takes it has a dose of their own
		return Sentence{}, false
	}
	return s.deps.Sentences.Sentence(x.Code)
}

// label says where a dosage comes from.
func (u Sentence) label() string {
	return fmt.Sprintf(", dosage \"%s\": this site's most frequent order sentence (%d of %d orders), not chosen for this patient", brief(u.Text, 200), u.Orders, u.Of)
}

// draft is the order as FHIR R4 has it. Its dosage is what is usual here and says so, or
// there is none.
func (s *Service) draft(r *Request, x *recommender.Item, id string, adult bool) (json.RawMessage, error) {
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
	if usual, ok := s.usual(x, adult); ok {
		o.Dosage = []annotation{{usual.Text}}
		o.Note = []annotation{{"Draft" + usual.label() + "; check the dose before signing."}}
	}
	if r.Encounter != "" {
		o.Encounter = &reference{"Encounter/" + r.Encounter}
	}
	if who, id, _ := strings.Cut(r.User, "/"); (who == "Practitioner" || who == "PractitionerRole") && logicalID.MatchString(id) {
		o.Requester = &reference{r.User}
	}
	return json.Marshal(o)
}
