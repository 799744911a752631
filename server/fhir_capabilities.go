package server

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"ember/fhir"
)

type capabilityStatement struct {
	ResourceType   string           `json:"resourceType"`
	Status         string           `json:"status"`
	Date           string           `json:"date"`
	Kind           string           `json:"kind"`
	Instantiates   []string         `json:"instantiates,omitempty"`
	Software       software         `json:"software"`
	Implementation implementation   `json:"implementation"`
	FHIRVersion    string           `json:"fhirVersion"`
	Format         []string         `json:"format"`
	PatchFormat    []string         `json:"patchFormat,omitempty"`
	Rest           []capabilityRest `json:"rest"`
}

type software struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

type implementation struct {
	Description string `json:"description"`
	URL         string `json:"url"`
}

type capabilityRest struct {
	Mode        string                `json:"mode"`
	Security    *capabilitySecurity   `json:"security,omitempty"`
	Resource    []capabilityResource  `json:"resource"`
	Interaction []codeOnly            `json:"interaction,omitempty"`
	Operation   []capabilityOperation `json:"operation,omitempty"`
}

type codeOnly struct {
	Code string `json:"code"`
}

type capabilityResource struct {
	Type              string                `json:"type"`
	Extension         []map[string]string   `json:"extension,omitempty"`
	Interaction       []codeOnly            `json:"interaction"`
	Versioning        string                `json:"versioning"`
	ReadHistory       bool                  `json:"readHistory"`
	UpdateCreate      bool                  `json:"updateCreate"`
	ConditionalCreate bool                  `json:"conditionalCreate"`
	ConditionalRead   string                `json:"conditionalRead"`
	ConditionalUpdate bool                  `json:"conditionalUpdate"`
	ConditionalDelete string                `json:"conditionalDelete"`
	ReferencePolicy   []string              `json:"referencePolicy"`
	SearchInclude     []string              `json:"searchInclude,omitempty"`
	SearchRevInclude  []string              `json:"searchRevInclude,omitempty"`
	SearchParam       []capabilityParam     `json:"searchParam"`
	Operation         []capabilityOperation `json:"operation,omitempty"`
}

type capabilityParam struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

type capabilityOperation struct {
	Name       string `json:"name"`
	Definition string `json:"definition"`
}

// interactions are what routes mean in a CapabilityStatement, in its order.
var interactions = []struct{ route, code string }{
	{"GET /fhir/{type}/{id}", "read"},
	{"GET /fhir/{type}/{id}/_history/{vid}", "vread"},
	{"PUT /fhir/{type}/{id}", "update"},
	{"PATCH /fhir/{type}/{id}", "patch"},
	{"DELETE /fhir/{type}/{id}", "delete"},
	{"GET /fhir/{type}/{id}/_history", "history-instance"},
	{"GET /fhir/{type}/_history", "history-type"},
	{"POST /fhir/{type}", "create"},
	{"GET /fhir/{type}", "search-type"},
}

// capabilities is GET /fhir/metadata, made from the routes and the table of search
// parameters.
func (s *Server) capabilities(ctx context.Context, c *call) error {
	if err := c.accept(fhirJSON); err != nil {
		return err
	}
	live := s.Routes()
	has := func(route string) bool { return slices.Contains(live, route) }
	rest := capabilityRest{Mode: "server", Security: s.security(ctx)}
	if has("POST /fhir") {
		rest.Interaction = []codeOnly{{"transaction"}, {"batch"}}
	}
	if has("GET /fhir/_history") {
		rest.Interaction = append(rest.Interaction, codeOnly{"history-system"})
	}
	for _, typ := range fhir.SearchTypes() {
		rest.Resource = append(rest.Resource, capabilityOf(typ, has))
	}
	describeOperations(&rest, c.base(), has)
	s.describeTopics(&rest)
	b, err := encode(capabilityStatement{ResourceType: "CapabilityStatement", Status: "active", Date: c.begun.UTC().Format("2006-01-02"), Kind: "instance",
		Instantiates: []string{"http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"},
		Software:     software{"Ember", s.deps.Health.State(ctx).Versions["ember"]}, Implementation: implementation{"Ember", c.base()},
		FHIRVersion: "4.0.1", Format: []string{fhirJSON, "json"}, PatchFormat: []string{patchJSON}, Rest: []capabilityRest{rest}})
	if err != nil {
		return err
	}
	c.send(http.StatusOK, fhirJSON, b)
	return nil
}

func capabilityOf(typ string, has func(route string) bool) capabilityResource {
	r := capabilityResource{Type: typ, Versioning: "versioned-update", ReadHistory: has("GET /fhir/{type}/{id}/_history/{vid}"),
		UpdateCreate: has("PUT /fhir/{type}/{id}"), ConditionalCreate: has("POST /fhir/{type}"), ConditionalRead: "not-match",
		ConditionalUpdate: has("PUT /fhir/{type}"), ConditionalDelete: "not-supported",
		ReferencePolicy: []string{"literal", "logical", "local"}}
	if has("DELETE /fhir/{type}") {
		r.ConditionalDelete = "single"
	}
	for _, i := range interactions {
		if has(i.route) {
			r.Interaction = append(r.Interaction, codeOnly{i.code})
		}
	}
	if !has("GET /fhir/{type}") {
		return r
	}
	r.SearchParam = []capabilityParam{{"_id", "token"}}
	for _, p := range fhir.Params(typ) {
		r.SearchParam = append(r.SearchParam, capabilityParam{p.Name, p.Type.String()})
		if p.Type == fhir.ReferenceParam {
			r.SearchInclude = append(r.SearchInclude, typ+":"+p.Name)
		}
	}
	r.SearchRevInclude = referrers()[typ]
	return r
}

// operations are what routes mean in a CapabilityStatement, by the type they are called
// on: "" for the server, "Resource" for every type. Definitions without a scheme are Ember's own.
var operations = []struct{ route, typ, name, definition string }{
	{"GET /fhir/{type}/{id}/$everything", "Patient", "everything", "http://hl7.org/fhir/OperationDefinition/Patient-everything"},
	{"GET /fhir/{type}/$lastn", "Observation", "lastn", "http://hl7.org/fhir/OperationDefinition/Observation-lastn"},
	{"GET /fhir/{type}/{id}/$recommend", "Patient", "recommend", "/OperationDefinition/ember-recommend"},
	{"POST /fhir/$recommend", "", "recommend", "/OperationDefinition/ember-recommend"},
	{"GET /fhir/{type}/{id}/$apply", "PlanDefinition", "apply", "http://hl7.org/fhir/OperationDefinition/PlanDefinition-apply"},
	{"GET /fhir/$export", "", "export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export"},
	{"GET /fhir/Patient/$export", "Patient", "export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/patient-export"},
	{"GET /fhir/Group/{id}/$export", "Group", "export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/group-export"},
	{"POST /fhir/{type}/$validate", "Resource", "validate", "http://hl7.org/fhir/OperationDefinition/Resource-validate"},
}

// describeOperations adds the operations to the types they are called on.
func describeOperations(rest *capabilityRest, base string, has func(route string) bool) {
	for _, o := range operations {
		if !has(o.route) {
			continue
		}
		op := capabilityOperation{o.name, o.definition}
		if strings.HasPrefix(o.definition, "/") {
			op.Definition = base + o.definition
		}
		if o.typ == "" {
			rest.Operation = append(rest.Operation, op)
			continue
		}
		if o.typ == "Resource" {
			for i := range rest.Resource {
				rest.Resource[i].Operation = append(rest.Resource[i].Operation, op)
			}
			continue
		}
		i := slices.IndexFunc(rest.Resource, func(r capabilityResource) bool { return r.Type == o.typ })
		if i < 0 {
			i = len(rest.Resource)
			rest.Resource = append(rest.Resource, capabilityOf(o.typ, has))
		}
		rest.Resource[i].Operation = append(rest.Resource[i].Operation, op)
	}
}

// referrers are the references that may lead to each type.
func referrers() map[string][]string {
	to := map[string][]string{}
	for _, typ := range fhir.SearchTypes() {
		for _, p := range fhir.Params(typ) {
			for _, target := range p.Targets {
				to[target] = append(to[target], typ+":"+p.Name)
			}
		}
	}
	return to
}
