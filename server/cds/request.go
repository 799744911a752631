package cds

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// Request is a call of a service, read and checked.
type Request struct {
	Service, Hook, Instance string
	Patient                 string // logical id
	Encounter               string // logical id, "" = none
	User                    string // reference, "" = unknown

	offer    offer
	hook     hook
	server   string // base of the client's FHIR server
	token    string
	doing    json.RawMessage // what is being done: the hook's field
	selected []string        // references of order-select
	prefetch map[string]json.RawMessage
	bytes    int
}

// logicalID is FHIR's rule for ids.
var logicalID = regexp.MustCompile(`^[A-Za-z0-9.\-]{1,64}$`)

// Read takes a request apart. It fails with a [*Problem] that names the place.
func Read(service string, body []byte) (*Request, error) {
	o, ok := offerOf(service)
	if !ok {
		return nil, &Problem{Status: http.StatusNotFound, Code: "not-found", Detail: "there is no service of this id", Hint: "GET /cds-services lists them"}
	}
	r := &Request{Service: o.id, offer: o, bytes: len(body)}
	top := map[string]json.RawMessage{}
	if !json.Valid(body) || !members(body, func(key string, value json.RawMessage) bool { top[key] = value; return true }) {
		return nil, badRequest("structure", "", "the body is no CDS Hooks request in JSON, or ended too early", "send one JSON object with hook, hookInstance and context")
	}
	for name, into := range map[string]*string{"hook": &r.Hook, "hookInstance": &r.Instance, "fhirServer": &r.server} {
		if *into, ok = text(top[name]); !ok && present(top[name]) {
			return nil, badRequest("value", name, "it is no text", "it is a JSON string")
		}
	}
	r.server = strings.TrimRight(r.server, "/")
	for _, read := range []func() error{r.readHook, func() error { return r.readContext(top["context"]) },
		func() error { return r.readAuthorization(top["fhirAuthorization"]) }, func() error { return r.readPrefetch(top["prefetch"]) }} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *Request) readAuthorization(raw json.RawMessage) error {
	switch {
	case !present(raw):
		return nil
	case r.server == "":
		return badRequest("required", "fhirServer", "it is missing beside fhirAuthorization", "send the base address of the FHIR server that the token is for")
	case raw[0] != '{':
		return badRequest("value", "fhirAuthorization", "it is no object", "it has access_token, token_type, expires_in, scope and subject")
	}
	if typ, ok := text(member(raw, "token_type")); !ok || strings.EqualFold(typ, "Bearer") {
		r.token, _ = text(member(raw, "access_token"))
	}
	return nil
}

func (r *Request) readHook() error {
	if r.Hook == "" {
		return badRequest("required", "hook", "it is missing", "this service answers "+names(r.offer.hooks))
	}
	if r.Instance == "" {
		return badRequest("required", "hookInstance", "it is missing", "send a UUID of your own for each call")
	}
	h, ok := hookOf(r.Hook)
	if !ok || !slices.Contains(r.offer.hooks, r.Hook) {
		return badRequest("not-supported", "hook", "this service does not answer this hook", "it answers "+names(r.offer.hooks))
	}
	r.hook = h
	return nil
}

func (r *Request) readContext(raw json.RawMessage) error {
	if !present(raw) {
		return badRequest("required", "context", "it is missing", "send the context of the hook, with patientId")
	}
	c := map[string]json.RawMessage{}
	if !members(raw, func(key string, value json.RawMessage) bool { c[key] = value; return true }) {
		return badRequest("value", "context", "it is no object", "send the context of the hook, with patientId")
	}
	for name, into := range map[string]*string{"patientId": &r.Patient, "encounterId": &r.Encounter, "userId": &r.User} {
		var ok bool
		if *into, ok = text(c[name]); !ok && present(c[name]) {
			return badRequest("value", "context."+name, "it is no text", "it is a JSON string")
		}
	}
	r.Patient = strings.TrimPrefix(r.Patient, "Patient/")
	r.Encounter = strings.TrimPrefix(r.Encounter, "Encounter/")
	switch {
	case r.Patient == "":
		return badRequest("required", "context.patientId", "it is missing", "send the logical id of the Patient")
	case !logicalID.MatchString(r.Patient):
		return badRequest("value", "context.patientId", "it is no FHIR id", "an id has 1 to 64 letters, digits, dots and hyphens")
	case r.Encounter != "" && !logicalID.MatchString(r.Encounter):
		return badRequest("value", "context.encounterId", "it is no FHIR id", "an id has 1 to 64 letters, digits, dots and hyphens")
	}
	r.doing = c[r.hook.field]
	if r.hook.name == "order-dispatch" && !present(r.doing) && present(c["order"]) {
		r.doing = slices.Concat([]byte{'['}, c["order"], []byte{']'}) // version 1.0 of the hook
	}
	if r.hook.needed && !present(r.doing) {
		return badRequest("required", "context."+r.hook.field, "it is missing", "the hook "+r.hook.name+" is about it")
	}
	if r.hook.name == "order-select" && json.Unmarshal(c["selections"], &r.selected) != nil {
		r.selected = nil // then all drafts are looked at
	}
	return nil
}

func (r *Request) readPrefetch(raw json.RawMessage) error {
	if !present(raw) {
		return nil
	}
	r.prefetch = map[string]json.RawMessage{}
	if !members(raw, func(key string, value json.RawMessage) bool { r.prefetch[key] = value; return true }) {
		return badRequest("value", "prefetch", "it is no object", "it maps the keys of discovery to resources, Bundles or null")
	}
	return nil
}

// present reports whether a value is there and not null.
func present(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) > 0 && string(raw) != "null"
}
