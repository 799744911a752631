package cds

import (
	"encoding/json"
	"fmt"
	"strings"

	"ember/fhir"
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

// usual is the site's most frequent order sentence for a new item, for adults only.
func (s *Service) usual(x *recommender.Item, adult bool) (Sentence, bool) {
	return Usual(s.deps.Sentences, x, adult)
}

// Usual is the site's most frequent order sentence for an item that is new, for adults
// only; false when there is none. sentences may be nil.
func Usual(sentences Sentences, x *recommender.Item, adult bool) (Sentence, bool) {
	if sentences == nil || !adult || x.Kind != record.Medication || x.Status == "continue" { // who takes it has a dose of their own
		return Sentence{}, false
	}
	return sentences.Sentence(x.Code)
}

// label says where a dosage comes from.
func (u Sentence) label() string {
	return fmt.Sprintf(", dosage \"%s\": this site's most frequent order sentence (%d of %d orders), not chosen for this patient", brief(u.Text, 200), u.Orders, u.Of)
}

// Note is what a draft says of its dosage to who signs it.
func (u Sentence) Note() string { return "Draft" + u.label() + "; check the dose before signing." }

// draft is the order as FHIR R4 has it. Its dosage is what is usual here and says so, or
// there is none.
func (s *Service) draft(r *Request, x *recommender.Item, id string, adult bool) (json.RawMessage, error) {
	o := fhir.Order{ID: id, Kind: x.Kind, Code: x.Code, Subject: "Patient/" + r.Patient, Authored: s.deps.Now()}
	if usual, ok := s.usual(x, adult); ok {
		o.Dosage, o.Note = usual.Text, usual.Note()
	}
	if r.Encounter != "" {
		o.Encounter = "Encounter/" + r.Encounter
	}
	if who, id, _ := strings.Cut(r.User, "/"); (who == "Practitioner" || who == "PractitionerRole") && logicalID.MatchString(id) {
		o.Requester = r.User
	}
	return fhir.DraftOrder(o)
}
