package cds

import (
	"bytes"
	"encoding/json"
	"errors"
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

type wireRequest struct {
	Hook              string
	HookInstance      string
	FHIRServer        string
	FHIRAuthorization *struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
	}
	Context  map[string]json.RawMessage
	Prefetch json.RawMessage
}

// logicalID is FHIR's rule for ids.
var logicalID = regexp.MustCompile(`^[A-Za-z0-9.\-]{1,64}$`)

// Read takes a request apart. It fails with a [*Problem] that names the place.
func Read(service string, body []byte) (*Request, error) {
	o, ok := offerOf(service)
	if !ok {
		return nil, &Problem{Status: http.StatusNotFound, Code: "not-found", Detail: "there is no service of this id", Hint: "GET /cds-services lists them"}
	}
	var w wireRequest
	if err := json.Unmarshal(body, &w); err != nil {
		return nil, unreadable(err)
	}
	r := &Request{Service: service, Hook: w.Hook, Instance: w.HookInstance, offer: o, bytes: len(body)}
	if err := r.readHook(); err != nil {
		return nil, err
	}
	if w.Context == nil {
		return nil, badRequest("required", "context", "it is missing", "send the context of the hook, with patientId")
	}
	if err := r.readContext(w.Context); err != nil {
		return nil, err
	}
	if a := w.FHIRAuthorization; a != nil {
		if w.FHIRServer == "" {
			return nil, badRequest("required", "fhirServer", "it is missing beside fhirAuthorization", "send the base address of the FHIR server that the token is for")
		}
		if strings.EqualFold(a.TokenType, "Bearer") || a.TokenType == "" {
			r.token = a.AccessToken
		}
	}
	r.server = strings.TrimRight(w.FHIRServer, "/")
	return r, r.readPrefetch(w.Prefetch)
}

// unreadable is an error of the decoder without what it quotes.
func unreadable(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return badRequest("value", fieldName(wrong.Field), "it has another type than it must have", "it is a JSON "+jsonType(wrong.Type.Kind().String()))
	}
	return badRequest("structure", "", "the body is no CDS Hooks request in JSON, or ended too early", "send one JSON object with hook, hookInstance and context")
}

// fieldName is a field of the decoder as the specification spells it. Names below it
// may be a client's own and are left out.
func fieldName(path string) string {
	name, _, _ := strings.Cut(path, ".")
	for _, known := range []string{"hook", "hookInstance", "fhirServer", "fhirAuthorization", "context", "prefetch"} {
		if strings.EqualFold(known, name) {
			return known
		}
	}
	return ""
}

func jsonType(kind string) string {
	switch kind {
	case "map", "struct", "ptr":
		return "object"
	}
	return kind
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

func (r *Request) readContext(c map[string]json.RawMessage) error {
	for name, into := range map[string]*string{"patientId": &r.Patient, "encounterId": &r.Encounter, "userId": &r.User} {
		if raw := c[name]; present(raw) && json.Unmarshal(raw, into) != nil {
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
	if raw := c["selections"]; present(raw) && json.Unmarshal(raw, &r.selected) != nil {
		return badRequest("value", "context.selections", "it is no list of references", "it is an array of texts as MedicationRequest/103")
	}
	return nil
}

func (r *Request) readPrefetch(raw json.RawMessage) error {
	if !present(raw) {
		return nil
	}
	if err := json.Unmarshal(raw, &r.prefetch); err != nil {
		return badRequest("value", "prefetch", "it is no object", "it maps the keys of discovery to resources, Bundles or null")
	}
	return nil
}

// present reports whether a value is there and not null.
func present(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) > 0 && string(raw) != "null"
}
