package server

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// inputs are what an operation is given: those of the address, and of the body,
// which go before them.
type inputs struct {
	url.Values
	resources map[string]json.RawMessage // by name
}

// inputs reads them. The body of a POST is Parameters, or, as FHIR allows where
// an operation takes one resource, that resource itself; it may be missing.
func (c *call) inputs(resource string) (inputs, error) {
	p := inputs{c.r.URL.Query(), map[string]json.RawMessage{}}
	if c.r.Method != http.MethodPost {
		return p, nil
	}
	if _, err := c.form(false); err != nil {
		return p, err
	}
	body, err := c.readBody()
	if err != nil || len(strings.TrimSpace(string(body))) == 0 {
		return p, err
	}
	var doc struct {
		ResourceType string          `json:"resourceType"`
		Parameter    json.RawMessage `json:"parameter"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return p, &Fault{Status: http.StatusBadRequest, Code: "structure", Detail: "the body is no JSON of FHIR", Hint: "send a Parameters resource"}
	}
	switch {
	case doc.ResourceType == "Parameters" && len(doc.Parameter) == 0:
		return p, nil
	case doc.ResourceType == "Parameters":
		var list []map[string]json.RawMessage
		if err := json.Unmarshal(doc.Parameter, &list); err != nil || list == nil {
			return p, &Fault{Status: http.StatusBadRequest, Code: "structure", Path: "Parameters.parameter", Detail: "the parameters are no array of objects"}
		}
		return p, p.take(list)
	case resource != "" && doc.ResourceType != "":
		p.resources[resource] = body
		return p, nil
	}
	return p, &Fault{Status: http.StatusBadRequest, Code: "invalid", Path: "Parameters", Detail: "the body is no Parameters resource", Hint: `send {"resourceType":"Parameters","parameter":[…]}`}
}

func (p *inputs) take(list []map[string]json.RawMessage) error {
	seen := map[string]bool{}
	for _, each := range list {
		var name string
		if json.Unmarshal(each["name"], &name) != nil || name == "" {
			return &Fault{Status: http.StatusBadRequest, Code: "required", Path: "Parameters.parameter.name", Detail: "a parameter has no name"}
		}
		if raw, ok := each["resource"]; ok {
			p.resources[name] = raw
			continue
		}
		text, ok := valueText(each)
		if !ok && (len(each) == 1 || !slices.Contains(understood, name)) {
			continue // it says nothing, or nothing that is asked for
		}
		if !ok {
			return badParameter(name, "give it a value of the type that the OperationDefinition names")
		}
		if !seen[name] {
			p.Del(name)
			seen[name] = true
		}
		p.Add(name, text)
	}
	return nil
}

// understood are the names of what the operations are given that are refused without a
// value.
var understood = []string{"subject", "data", "want", "at", "limit", "explain", "feedback", "patient", "start", "end", "max", "_since", "_type", "_count"}

// valueText is a parameter's value[x] as it would stand in an address: a Coding as
// system|code, a Reference as its reference.
func valueText(each map[string]json.RawMessage) (string, bool) {
	for key, raw := range each {
		if !strings.HasPrefix(key, "value") {
			continue
		}
		var v any
		if json.Unmarshal(raw, &v) != nil {
			return "", false
		}
		switch v := v.(type) {
		case string:
			return v, true
		case bool, float64:
			return string(raw), true
		case map[string]any:
			if ref, ok := v["reference"].(string); ok {
				return ref, true
			}
			code, _ := v["code"].(string)
			if system, ok := v["system"].(string); ok && code != "" {
				return system + "|" + code, true
			}
			return code, code != ""
		}
	}
	return "", false
}
