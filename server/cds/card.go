package cds

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"unicode/utf16"

	"github.com/google/uuid"
)

// Response is what a client gets.
type Response struct {
	Cards []Card `json:"cards"` // never null
}

// Card is one card. Whatever is optional and empty is left out.
type Card struct {
	UUID              string       `json:"uuid"`
	Summary           string       `json:"summary"` // below 140 characters
	Detail            string       `json:"detail,omitempty"`
	Indicator         string       `json:"indicator"`
	Source            Source       `json:"source"`
	Suggestions       []Suggestion `json:"suggestions,omitempty"`
	SelectionBehavior string       `json:"selectionBehavior,omitempty"`
	OverrideReasons   []Coding     `json:"overrideReasons,omitempty"`
	Links             []Link       `json:"links,omitempty"`
}

// Source says where the guidance of a card comes from.
type Source struct {
	Label string  `json:"label"`
	URL   string  `json:"url,omitempty"`
	Topic *Coding `json:"topic,omitempty"`
}

// Coding is a code with words.
type Coding struct {
	System  string `json:"system,omitempty"`
	Code    string `json:"code"`
	Display string `json:"display,omitempty"`
}

// Suggestion is what a user may take over.
type Suggestion struct {
	Label   string   `json:"label"`
	UUID    string   `json:"uuid"`
	Actions []Action `json:"actions"`
}

// Action is one change of a suggestion.
type Action struct {
	Type        string          `json:"type"`
	Description string          `json:"description"`
	Resource    json.RawMessage `json:"resource,omitempty"`
	ResourceID  string          `json:"resourceId,omitempty"`
}

// Link leads to more.
type Link struct {
	Label string `json:"label"`
	URL   string `json:"url"`
	Type  string `json:"type"`
}

// The indicators, least urgent first.
const (
	info     = "info"
	warning  = "warning"
	critical = "critical"
)

// topics are what the cards of a service are about.
var topics = map[string]Coding{
	Treatments: {"urn:ember:topic", Treatments, "Recommended treatments"},
	NextTests:  {"urn:ember:topic", NextTests, "Recommended tests"},
	Safety:     {"urn:ember:topic", Safety, "Safety of orders"},
	Risk:       {"urn:ember:topic", Risk, "Risk of an outcome"},
}

// nonAdherence is HL7's code system of reasons for which advice is not followed.
const nonAdherence = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"

// reasons are offered to who dismisses a card.
var reasons = []Coding{
	{nonAdherence, "action-completed", "Recommended action was already completed"},
	{nonAdherence, "cds-not-applicable", "PC CDS does not apply to patient"},
	{nonAdherence, "patient-contraindication", "Patient has contraindication to recommended action"},
	{nonAdherence, "action-unsuccessful", "Recommended action was previously unsuccessful"},
	{nonAdherence, "recipient-disagrees-evidence", "Recipient disagrees with recommendation because of issues with the evidence"},
	{nonAdherence, "patient-refuses", "Patient refuses/declines (no context given)*"},
	{nonAdherence, "wrong-time-workflow", "PC CDS delivered at wrong time in workflow or patient lifecycle"},
}

// safetyReasons are offered to who orders in spite of a rule.
var safetyReasons = []Coding{
	{nonAdherence, "action-performed-no-adverse-effect", "Intended action was performed previously without adverse effect"},
	{nonAdherence, "indication-order-exists", "Patient has indication/order for intended action"},
	{nonAdherence, "risk-benefit-ratio", "Recipient assessment of risk/benefit ratio"},
	{nonAdherence, "mitigate-risk-negative-outcome", "Action taken to mitigate risk of negative outcome"},
	{nonAdherence, "cds-not-applicable", "PC CDS does not apply to patient"},
	{nonAdherence, "expert-contradicts", "Advice from expert contradicts the recommended action"},
}

// shown is a card with what is remembered of it.
type shown struct {
	model, rules string // versions
	card         Card
	offers       []Offer
}

// card begins a card of a request.
func (s *Service) card(r *Request, indicator, summary, detail string) Card {
	topic := topics[r.Service]
	label := "Ember: this site's own past orders"
	if r.Service == Safety {
		label = "Ember: safety rules"
	}
	c := Card{Summary: brief(summary, 139), Detail: detail, Indicator: indicator, Source: Source{Label: label, Topic: &topic}, OverrideReasons: reasons}
	if r.Service == Safety {
		c.OverrideReasons = safetyReasons
	}
	if s.opt.Base != "" && r.Service != Safety {
		c.Source.URL = s.opt.Base + "/v1/recommender/card?format=markdown"
	}
	c.UUID = s.id(r, indicator, c.Summary, detail)
	return c
}

// id is a UUID that the same call with the same content has again, and that nobody
// without the secret can guess.
func (s *Service) id(r *Request, parts ...string) string {
	all := strings.Join(append([]string{r.Instance, r.Service, r.Hook, r.Patient}, parts...), "\x00")
	return uuid.NewSHA1(s.space, []byte(all)).String()
}

// brief cuts a text to so many characters, as JavaScript counts them too.
func brief(text string, most int) string {
	text = strings.Join(strings.Fields(text), " ")
	if length(text) <= most {
		return text
	}
	runes := []rune(text)
	for len(runes) > 0 && length(string(runes))+1 > most {
		runes = runes[:len(runes)-1]
	}
	return strings.TrimRight(string(runes), " ,;:") + "…"
}

func length(text string) int { return len(utf16.Encode([]rune(text))) }

// plainText takes a text into Markdown as it is: nothing in a name is markup.
func plainText(text string) string {
	var b strings.Builder
	for _, r := range strings.Join(strings.Fields(text), " ") {
		if strings.ContainsRune("\\`*_{}[]<>#|~&!", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// chance is a probability in words.
func chance(p float64) string {
	percent := int(math.Round(100 * p))
	switch {
	case p >= .95:
		return fmt.Sprintf("%d %%, nearly always", min(percent, 99))
	case p >= .745:
		return fmt.Sprintf("%d %%, about 3 in 4 or more", percent)
	case p >= .55:
		return fmt.Sprintf("%d %%, more often than not", percent)
	case p >= .45:
		return fmt.Sprintf("%d %%, about 1 in 2", percent)
	case p >= .365:
		return fmt.Sprintf("%d %%, about 2 in 5", percent)
	}
	return fmt.Sprintf("%d %%, about 1 in %d", percent, int(math.Round(1/max(p, .001))))
}

func percent(p float64) string { return fmt.Sprintf("%d %%", min(99, int(math.Round(100*p)))) }
