package ehr

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
)

// SMART is what .well-known/smart-configuration says, as far as it matters here.
type SMART struct {
	Issuer        string   `json:"issuer"`
	Keys          string   `json:"jwks_uri"`
	TokenEndpoint string   `json:"token_endpoint"`
	AuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
	Algorithms    []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	GrantTypes    []string `json:"grant_types_supported"`
	Scopes        []string `json:"scopes_supported"`
	Capabilities  []string `json:"capabilities"`
}

// Discover reads the EHR's SMART configuration. An EHR that has none may name its token
// endpoint in the CapabilityStatement, as SMART 1 had it.
func (c *Client) Discover(ctx context.Context) (SMART, error) {
	q := request{doing: "reading .well-known/smart-configuration", address: c.base + "/.well-known/smart-configuration", open: true,
		header: map[string]string{"Accept": "application/json"}}
	b, _, err := c.get(ctx, q)
	var s SMART
	if err == nil && json.Unmarshal(b, &s) == nil && s.TokenEndpoint != "" {
		return s, nil
	}
	if err == nil {
		err = &Failure{Doing: q.doing, Why: "it names no token_endpoint"}
	}
	if m, merr := c.Metadata(ctx); merr == nil && m.TokenEndpoint != "" {
		return SMART{TokenEndpoint: m.TokenEndpoint}, nil
	}
	return SMART{}, err
}

// Metadata is what the CapabilityStatement says, as far as it matters here.
type Metadata struct {
	FHIRVersion   string
	Formats       []string
	TokenEndpoint string // of SMART 1, "" = none named
	CORS          bool
	Instantiates  []string
	Types         map[string]ResourceAbility
	Operations    []string // of the system and of types: "export", "Group/export"
	Topics        []string // canonical addresses of topics, as the R4 backport lists them
}

// ResourceAbility is what can be done with a type.
type ResourceAbility struct {
	Interactions, Params []string
}

// Can reports whether a type has an interaction.
func (a ResourceAbility) Can(interaction string) bool {
	return slices.Contains(a.Interactions, interaction)
}

type extension struct {
	URL       string      `json:"url"`
	URI       string      `json:"valueUri"`
	Canonical string      `json:"valueCanonical"`
	Extension []extension `json:"extension"`
}

type operation struct {
	Name       string `json:"name"`
	Definition string `json:"definition"`
}

type capability struct {
	ResourceType string   `json:"resourceType"`
	FHIRVersion  string   `json:"fhirVersion"`
	Format       []string `json:"format"`
	Instantiates []string `json:"instantiates"`
	Rest         []struct {
		Mode     string `json:"mode"`
		Security struct {
			CORS      bool        `json:"cors"`
			Extension []extension `json:"extension"`
		} `json:"security"`
		Operation []operation `json:"operation"`
		Resource  []struct {
			Type        string      `json:"type"`
			Extension   []extension `json:"extension"`
			Interaction []struct {
				Code string `json:"code"`
			} `json:"interaction"`
			SearchParam []struct {
				Name string `json:"name"`
			} `json:"searchParam"`
			Operation []operation `json:"operation"`
		} `json:"resource"`
	} `json:"rest"`
}

// TopicExtension lists a topic in a CapabilityStatement, at the type Subscription.
const TopicExtension = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/capabilitystatement-subscriptiontopic-canonical"

// Metadata reads the CapabilityStatement.
func (c *Client) Metadata(ctx context.Context) (Metadata, error) {
	q := request{doing: "reading the CapabilityStatement (metadata)", address: c.base + "/metadata", open: true}
	b, _, err := c.get(ctx, q)
	if err != nil {
		return Metadata{}, err
	}
	var s capability
	if json.Unmarshal(b, &s) != nil || s.ResourceType != "CapabilityStatement" {
		return Metadata{}, &Failure{Doing: q.doing, Why: "the answer is no CapabilityStatement", Hint: "see that the address is the base of a FHIR R4 server"}
	}
	return s.metadata(), nil
}

func (s *capability) metadata() Metadata {
	m := Metadata{FHIRVersion: s.FHIRVersion, Formats: s.Format, Instantiates: s.Instantiates, Types: map[string]ResourceAbility{}}
	for _, rest := range s.Rest {
		if rest.Mode != "server" {
			continue
		}
		m.CORS = m.CORS || rest.Security.CORS
		for _, e := range rest.Security.Extension {
			for _, part := range e.Extension {
				if strings.HasSuffix(e.URL, "/oauth-uris") && part.URL == "token" {
					m.TokenEndpoint = part.URI
				}
			}
		}
		for _, o := range rest.Operation {
			m.Operations = append(m.Operations, o.Name)
		}
		for _, r := range rest.Resource {
			var a ResourceAbility
			for _, i := range r.Interaction {
				a.Interactions = append(a.Interactions, i.Code)
			}
			for _, p := range r.SearchParam {
				a.Params = append(a.Params, p.Name)
			}
			for _, o := range r.Operation {
				m.Operations = append(m.Operations, r.Type+"/"+o.Name)
			}
			for _, e := range r.Extension {
				if e.URL == TopicExtension {
					m.Topics = append(m.Topics, e.Canonical)
				}
			}
			m.Types[r.Type] = a
		}
	}
	return m
}
