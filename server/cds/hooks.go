package cds

import (
	"fmt"
	"slices"
	"strings"
)

// Specification is the version of CDS Hooks that is spoken. What version 3 adds is
// left out or ignored by clients of version 2, whose requests are answered as well.
const Specification = "3.0.0-ballot"

// hook is a moment of the workflow, as the library of hooks publishes it.
type hook struct {
	name, version string
	when          string // in words
	field         string // of the context that holds what is being done, "" = none
	needed        bool   // without the field there is no answer
	entered       bool   // the field holds facts, not orders
	encounter     bool   // the context always names the encounter
}

var hooks = []hook{
	{name: "patient-view", version: "1.0", when: "when a patient's record is opened"},
	{name: "order-select", version: "1.0", when: "when orders are selected", field: "draftOrders", needed: true},
	{name: "order-sign", version: "1.0", when: "before orders are signed", field: "draftOrders", needed: true},
	{name: "order-dispatch", version: "1.1", when: "before orders are sent to who performs them", field: "dispatchedOrders", needed: true},
	{name: "encounter-start", version: "1.0", when: "when an encounter begins", encounter: true},
	{name: "encounter-discharge", version: "1.0", when: "when an encounter ends", encounter: true},
	{name: "appointment-book", version: "1.0", when: "when appointments are booked", field: "appointments"},
	{name: "medication-refill", version: "0.1.0", when: "when a refill is asked for", field: "medications", needed: true},
	{name: "problem-list-item-create", version: "0.1.0", when: "when a problem is entered", field: "conditions", needed: true, entered: true},
	{name: "allergyintolerance-create", version: "0.1.0", when: "when an allergy is entered", field: "allergyIntolerance", needed: true, entered: true},
}

func hookOf(name string) (hook, bool) {
	i := slices.IndexFunc(hooks, func(h hook) bool { return h.name == name })
	if i < 0 {
		return hook{}, false
	}
	return hooks[i], true
}

// The services. Each is called by its own id at any of its hooks.
const (
	Treatments = "treatments"
	NextTests  = "next-tests"
	Safety     = "safety"
	Risk       = "risk"
)

// offer is a service.
type offer struct {
	id, title, about string
	keys             []string // of its prefetch
	hooks            []string
}

var offers = []offer{
	{Treatments, "Treatments that would be ordered next",
		"Suggests treatments that were ordered at this site in situations like the patient's, with estimated probabilities, reasons from the patient's own record and what the safety rules say.",
		[]string{"patient", "conditions", "medications", "allergies", "laboratory", "vitals", "procedures", "encounters"},
		[]string{"patient-view", "order-select", "encounter-start", "encounter-discharge", "appointment-book", "medication-refill", "problem-list-item-create", "allergyintolerance-create"}},
	{NextTests, "Tests that would be ordered next",
		"Suggests examinations that were ordered at this site in situations like the patient's, with estimated probabilities and reasons from the patient's own record.",
		[]string{"patient", "conditions", "medications", "allergies", "laboratory", "vitals", "procedures", "encounters"},
		[]string{"patient-view", "order-select", "encounter-start", "encounter-discharge", "appointment-book", "problem-list-item-create"}},
	{Safety, "Safety of orders",
		"Checks what is being ordered, and what a newly entered allergy or problem means for what the patient takes, against allergies, interactions, duplicates, conditions and values. Says what could not be checked.",
		[]string{"patient", "conditions", "medications", "allergies", "laboratory", "encounters"},
		[]string{"order-select", "order-sign", "order-dispatch", "medication-refill", "problem-list-item-create", "allergyintolerance-create"}},
	{Risk, "Risks of the patient",
		"Says how likely outcomes are by models of this site's own past, for patients whose record this server holds, where the site's threshold is reached; with what the model went by and how well it was measured.",
		[]string{"patient"},
		[]string{"patient-view", "encounter-start", "encounter-discharge"}},
}

// offered are the services that this site has: risks only where it has chosen models.
func (s *Service) offered() []offer {
	if s.deps.Risks != nil {
		return offers
	}
	return slices.DeleteFunc(slices.Clone(offers), func(o offer) bool { return o.id == Risk })
}

// idAt is the id of a service at a hook in discovery. Clients keep services by their
// address, so that of two hooks under one id they would know the last alone.
func (o offer) idAt(hook string) string {
	if hook == o.hooks[0] {
		return o.id
	}
	return o.id + "-" + hook
}

// offerOf is the service of an id, its own or that of a hook in discovery.
func offerOf(id string) (offer, bool) {
	i := slices.IndexFunc(offers, func(o offer) bool {
		return o.id == id || slices.ContainsFunc(o.hooks, func(hook string) bool { return o.idAt(hook) == id })
	})
	if i < 0 {
		return offer{}, false
	}
	return offers[i], true
}

// ServiceOf is the service's own id of an id that is called.
func ServiceOf(id string) (service string, ok bool) {
	o, ok := offerOf(id)
	return o.id, ok
}

// templates are the queries of prefetch keys: what every client can do. With a period,
// those that follow it end in a date.
var templates = map[string]struct {
	query  string
	latest string // how to ask for the latest only
	dated  bool
}{
	"patient":     {query: "Patient/{{context.patientId}}"},
	"encounter":   {query: "Encounter/{{context.encounterId}}"},
	"conditions":  {query: "Condition?patient={{context.patientId}}"},
	"medications": {query: "MedicationRequest?patient={{context.patientId}}"},
	"allergies":   {query: "AllergyIntolerance?patient={{context.patientId}}"},
	"laboratory":  {query: "Observation?patient={{context.patientId}}&category=laboratory", latest: "&_sort=-date&_count=100", dated: true},
	"vitals":      {query: "Observation?patient={{context.patientId}}&category=vital-signs", latest: "&_sort=-date&_count=40", dated: true},
	"procedures":  {query: "Procedure?patient={{context.patientId}}", latest: "&_sort=-date&_count=50", dated: true},
	"encounters":  {query: "Encounter?patient={{context.patientId}}", latest: "&_sort=-date&_count=20", dated: true},
}

// template is the query of a prefetch key; days above 0 ask for a period.
func template(key string, days int) string {
	t := templates[key]
	if days > 0 && t.dated {
		return t.query + fmt.Sprintf("&date=ge{{today() - %d days}}", days)
	}
	return t.query + t.latest
}

// Prefetch are the queries that clients are asked for, by key: what a FHIR server must be
// able to answer. {{context.patientId}} and {{context.encounterId}} stand for ids.
func Prefetch() map[string]string {
	all := map[string]string{}
	for key := range templates {
		all[key] = template(key, 0)
	}
	return all
}

// keysAt are the prefetch keys of a service at a hook, in order.
func (o offer) keysAt(h hook) []string {
	if h.encounter {
		return append(slices.Clone(o.keys), "encounter")
	}
	return o.keys
}

// Description is a service at a hook, as discovery tells it.
type Description struct {
	Hook              string            `json:"hook"`
	Title             string            `json:"title"`
	Description       string            `json:"description"`
	ID                string            `json:"id"`
	Prefetch          map[string]string `json:"prefetch"`
	UsageRequirements string            `json:"usageRequirements"`
	Version           string            `json:"version"`
	HookVersion       string            `json:"hookVersion"`
}

// Discovery is what clients may call.
type Discovery struct {
	Services []Description `json:"services"`
}

// Discovery describes all services at all their hooks.
func (s *Service) Discovery() Discovery {
	d := Discovery{Services: []Description{}}
	for _, o := range s.offered() {
		for _, name := range o.hooks {
			h, _ := hookOf(name)
			prefetch := map[string]string{}
			for _, key := range o.keysAt(h) {
				prefetch[key] = template(key, s.opt.Days)
			}
			d.Services = append(d.Services, Description{Hook: name, Title: o.title, Description: o.about + " Called " + h.when + ".", ID: o.idAt(name), Prefetch: prefetch,
				UsageRequirements: "Send the prefetch, or a fhirServer that this site allows with fhirAuthorization, or a patient whose record this server holds. What is missing is named on the cards.",
				Version:           Specification, HookVersion: h.version})
		}
	}
	return d
}

func names(hs []string) string { return strings.Join(hs, ", ") }
