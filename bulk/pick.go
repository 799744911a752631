package bulk

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ember/fhir"
	"ember/search"
	"ember/store"
)

// picker decides which resources an export has, and what of them.
type picker struct {
	e       *Export
	scope   map[string]bool // nil: all
	filters map[string][]*search.Filter
	names   map[string][]string // elements by type, "" for all
}

func newPicker(s *Service, e *Export) (*picker, error) {
	p := &picker{e: e, filters: map[string][]*search.Filter{}, names: map[string][]string{}}
	if e.Limited {
		p.scope = map[string]bool{}
		for _, id := range e.Scope {
			p.scope[id] = true
		}
	}
	for _, text := range e.Filters {
		q, err := ParseFilter(text)
		if err != nil {
			return nil, err
		}
		if e.Base != "" {
			q.SetBase(e.Base)
		}
		var scope *search.Scope
		if e.Limited {
			scope = &search.Scope{Patients: e.Scope, Shared: Shared}
		}
		p.filters[q.Type] = append(p.filters[q.Type], s.opt.Search.Filter(q, scope))
	}
	for _, name := range e.Elements {
		typ, element, dotted := strings.Cut(name, ".")
		if !dotted {
			typ, element = "", name
		}
		p.names[typ] = append(p.names[typ], element)
	}
	return p, nil
}

// ParseFilter reads one _typeFilter, "Type?parameters".
func ParseFilter(text string) (*search.Query, error) {
	typ, query, ok := strings.Cut(text, "?")
	if !ok || typ == "" || query == "" {
		return nil, &search.Error{Code: "value", Param: "_typeFilter", Detail: "the form is Type?parameter=value"}
	}
	q, err := search.Parse(typ, query)
	if err != nil {
		return nil, fmt.Errorf("bulk: _typeFilter: %w", err)
	}
	if !q.Selective() && len(q.Ignored) == 0 {
		return nil, &search.Error{Code: "value", Param: "_typeFilter", Detail: "it holds no parameter that picks resources out"}
	}
	return q, nil
}

// Shared reports whether what is nobody's of a type can be told to who sees some
// patients only: it describes no person.
func Shared(typ string) bool {
	switch typ {
	case "Medication", "Organization", "Practitioner", "PractitionerRole", "Location", "HealthcareService", "Substance",
		"CodeSystem", "ValueSet", "ConceptMap", "StructureDefinition", "Questionnaire", "PlanDefinition", "ActivityDefinition":
		return true
	}
	return false
}

// level reports whether a resource is of what is exported and the caller may see it.
func (p *picker) level(r *store.Resource, patient string) bool {
	if patient == "" {
		return p.e.Level == System && p.e.Patients == nil && (p.scope == nil || Shared(r.Type))
	}
	return p.scope == nil || p.scope[patient]
}

// meets reports whether a resource meets one of the filters of its type, if it has any.
func (p *picker) meets(ctx context.Context, r *store.Resource, body []byte) (bool, error) {
	filters := p.filters[r.Type]
	if len(filters) == 0 {
		return true, nil
	}
	for _, f := range filters {
		ok, err := f.Match(ctx, r, body)
		if ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// elements keeps of a body what was asked for.
func (p *picker) elements(typ string, body []byte) []byte {
	names := p.names[typ]
	if len(names)+len(p.names[""]) == 0 {
		return body
	}
	return fhir.Elements(body, slices.Concat(names, p.names[""]))
}
