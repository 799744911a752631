package server

import (
	"context"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"ember/bulk"
	"ember/record"
	"ember/search"
	"ember/server/auth"
)

// scopedRoutes are the routes about resources whose answers are held to what scopes allow.
// On any other such route scopes allow nothing.
var scopedRoutes = map[string]bool{
	"/fhir": true, "/fhir/{type}": true, "/fhir/{type}/_search": true, "/fhir/{type}/{id}": true,
	"/fhir/{type}/{id}/_history": true, "/fhir/{type}/{id}/_history/{vid}": true,
	"/fhir/{type}/{id}/$recommend": true, "/fhir/$recommend": true, "/fhir/{type}/{id}/$apply": true,
	"/fhir/{type}/{id}/$everything": true, "/fhir/{type}/$lastn": true,
	"/fhir/ViewDefinition/$run": true, "/fhir/ViewDefinition/$viewdefinition-run": true, "/fhir/$viewdefinition-run": true,
	"/v1/patients/{id}/recommendations": true, "/v1/recommendations": true, "/v1/feedback": true,
	"/fhir/$export": true, "/fhir/Patient/$export": true, "/fhir/Group/{id}/$export": true,
	"/v1/recommender/card": true, "/v1/search": true, "/v1/embeddings": true,
	hooksPath: true, hooksPath + "/{id}": true, hooksPath + "/{id}/feedback": true,
}

// byResource are the rights that scopes about resources give.
const byResource = auth.Read | auth.Write | auth.Search | auth.Recommend | auth.Export

// admitScoped is admit for a token with scopes.
func (c *call) admitScoped(ctx context.Context) error {
	right := c.route.right
	if right&byResource != 0 && !scopedRoutes[c.route.pattern] {
		return c.deny(ctx, "", "scopes allow nothing on this route", "use a token of the token file")
	}
	if c.route.pattern == "/v1/search" && c.who.Limited() {
		right = auth.Read // of the patient of the launch
	}
	switch {
	case c.who.Has(right):
	case len(c.who.Grant) == 0 && right&byResource != 0:
		return c.deny(ctx, "", "none of the token's scopes gives anything here",
			"ask for scopes as patient/Observation.rs, with a patient in the token; user/ and system/ need rights for the issuer in smart-issuers")
	default:
		return c.deny(ctx, "", "the token's scopes do not give the right "+right.String(),
			"ask for other scopes, or have the right added in smart-issuers or smart-rights")
	}
	if c.who.Limited() && right&(auth.Cohorts|auth.Members|auth.Models|auth.Export) != 0 {
		return c.deny(ctx, "", "a token that is limited to some patients may not "+right.String(), "use a token with user/ or system/ scopes")
	}
	return nil
}

// part is a part of a type's resources that the caller may have to do with in some way;
// named: in lists only of patients whom the question names.
type part struct {
	search.Part
	named bool
}

type partsKey struct {
	typ string
	can auth.Can
}

// parts are what of a type the caller may have to do with in one way.
func (c *call) parts(typ string, can auth.Can) []part {
	key := partsKey{typ, can}
	if parts, known := c.known[key]; known {
		return parts
	}
	parts := []part{}
	for _, one := range c.who.Permissions(typ, can) {
		p := part{search.Part{Patients: one.Patients}, one.Named}
		if one.Where != "" {
			where, ok := search.ParseWhere(typ, one.Where)
			if !ok {
				continue
			}
			where.SetBase(c.base() + "/")
			p.Where = where
		}
		parts = append(parts, p)
	}
	if c.known == nil {
		c.known = map[partsKey][]part{}
	}
	c.known[key] = parts
	return parts
}

// sight is what a token with scopes may have to do with in one way, by its id. Who is
// launched for one patient reads what belongs to nobody, and changes none of it.
func (c *call) sight(can auth.Can) *search.Scope {
	s := &search.Scope{Only: func(typ string) []search.Part {
		parts := c.parts(typ, can)
		out := make([]search.Part, len(parts))
		for i := range parts {
			out[i] = parts[i].Part
		}
		return out
	}}
	if can&(auth.CanRead|auth.CanSearch) != 0 {
		s.Shared = nobodys
	}
	return s
}

// lists is what a token with scopes may find by a question that names patients.
func (c *call) lists(named []string) *search.Scope {
	return &search.Scope{Shared: nobodys, Name: c.scopeName(), Only: func(typ string) []search.Part {
		parts := c.parts(typ, auth.CanSearch)
		out := make([]search.Part, len(parts))
		for i := range parts {
			if out[i] = parts[i].Part; parts[i].named {
				out[i].Patients = append([]string{}, named...)
			}
		}
		return out
	}}
}

// guard holds writes to what scopes allow.
func (c *call) guard() *search.Guard {
	return &search.Guard{Create: c.sight(auth.CanCreate), Update: c.sight(auth.CanUpdate), Delete: c.sight(auth.CanDelete),
		Read: c.sight(auth.CanRead), Find: c.lists(nil)}
}

// nothingOf refuses what no scope allows for a type, whatever is stored.
func (c *call) nothingOf(ctx context.Context, typ string, can auth.Can, doing string) error {
	if !c.who.Scoped() || len(c.parts(typ, can)) > 0 {
		return nil
	}
	name := typ
	if !logicalID.MatchString(typ) {
		name = "this type"
	}
	return c.deny(ctx, "", "the token's scopes do not allow to "+doing+" "+name, "ask for a scope as patient/"+name+"."+can.String())
}

// maySee reports whether the caller may see a resource in one way, which was read as it is
// stored now or was before.
func (c *call) maySee(r *Resource, can auth.Can) bool {
	if !c.who.Scoped() {
		return c.who.Sees(r.Patient) && (r.Patient != "" || !c.who.Limited() || nobodys(r.Type))
	}
	if r.Deleted { // nothing is known of it any more but whose it was
		return slices.ContainsFunc(c.parts(r.Type, can), func(p part) bool {
			return p.Where == nil && (p.Patients == nil || slices.Contains(p.Patients, r.Patient))
		})
	}
	return c.s.deps.Finder != nil && c.s.deps.Finder.Sees(c.sight(can), r)
}

// scopeOfScoped is [call.scope] for a token with scopes.
func (c *call) scopeOfScoped(ctx context.Context, q *search.Query) (*search.Scope, error) {
	if err := c.nothingOf(ctx, q.Type, auth.CanSearch, "search"); err != nil {
		return nil, err
	}
	named := q.Patients()
	if len(named) == 0 && !nobodys(q.Type) && !slices.ContainsFunc(c.parts(q.Type, auth.CanSearch), func(p part) bool { return !p.named }) {
		return nil, c.deny(ctx, "", "the right search is missing for a search over all patients", "name a patient, as in patient=123, or have the right added to the issuer in smart-issuers")
	}
	s := c.lists(named)
	if c.who.Has(auth.Search) {
		s.Hidden = func(patient string) bool {
			return !slices.Contains(named, patient) && !c.pinned(patient) && c.s.deps.Finder.Refuses(patient)
		}
	}
	return s, nil
}

// pinned reports whether a scope is about the patient by name: their own care.
func (c *call) pinned(patient string) bool {
	return slices.ContainsFunc(c.who.Grant, func(p auth.Permission) bool { return slices.Contains(p.Patients, patient) })
}

// scopeName tells apart callers who see different things. It says nothing of what they are.
func (c *call) scopeName() string {
	h := fnv.New64a()
	for _, p := range c.who.Grant {
		_, _ = h.Write([]byte(p.Type + "\x00" + p.Can.String() + "\x00" + p.Where + "\x00" + strconv.FormatBool(p.Patients == nil) + strconv.FormatBool(p.Named) + strings.Join(p.Patients, ",") + "\x01"))
	}
	_, _ = h.Write([]byte(c.who.Rights.String()))
	return strconv.FormatUint(h.Sum64(), 36)
}

// needed are the types without which no recommendation is given: what the safety rules
// rest on, and what tells one visit from the next.
var needed = []string{"Patient", "Encounter", "Condition", "AllergyIntolerance", "MedicationRequest", "MedicationStatement",
	"MedicationAdministration", "MedicationDispense", "Observation", "Procedure"}

// wanted are the other types that timelines are made of. A recommendation is given without
// them, and says so.
var wanted = []string{"DiagnosticReport", "ServiceRequest", "ImagingStudy", "Media", "Immunization", "CarePlan", "DocumentReference", "FamilyMemberHistory"}

// mayAdvise refuses what is made of a whole record to who may not see what it must rest on.
// all: nothing may be missing.
func (c *call) mayAdvise(ctx context.Context, patient string, all bool) error {
	types := needed
	if all {
		types = slices.Concat(needed, wanted)
	}
	if lacking := c.lacking(types, patient); len(lacking) > 0 {
		return c.deny(ctx, patient, "the token's scopes do not allow what this rests on: "+strings.Join(lacking, ", "),
			"ask for patient/*.rs, or for read and search of these types without conditions; advice that overlooks an allergy is not given")
	}
	return nil
}

// lacking are the types of which the caller may not see everything of the patient.
func (c *call) lacking(types []string, patient string) (lacking []string) {
	if !c.who.Scoped() {
		return nil
	}
	for _, typ := range types {
		if !c.who.Whole(typ, patient) {
			lacking = append(lacking, typ)
		}
	}
	return lacking
}

// admitted is a timeline without what the caller may not see, and the types that were left
// out of it; [call.mayAdvise] was asked before.
func (c *call) admitted(t record.Timeline, patient string) (record.Timeline, []string) {
	lacking := c.lacking(wanted, patient)
	if len(lacking) == 0 {
		return t, nil
	}
	hidden := func(e record.Event) bool {
		typ, _, _ := strings.Cut(e.Source, "/")
		return slices.Contains(lacking, typ)
	}
	t.Events = slices.DeleteFunc(slices.Clone(t.Events), hidden)
	t.Undated = slices.DeleteFunc(slices.Clone(t.Undated), hidden)
	return t, lacking
}

// exportScoped bounds an export to the types of which a token with scopes may see
// everything. Filters look no further than the resource they are about.
func (c *call) exportScoped(ctx context.Context, e *bulk.Export) error {
	if !c.who.Scoped() {
		return nil
	}
	if e.Level == bulk.Group && len(c.parts("Group", auth.CanRead)) == 0 {
		return c.nothingOf(ctx, "Group", auth.CanRead, "read")
	}
	for _, filter := range e.Filters {
		typ, query, _ := strings.Cut(filter, "?")
		if _, ok := search.ParseWhere(typ, query); !ok {
			return c.deny(ctx, "", "a filter of an export under scopes may not look beyond the resource", "leave chains and _has out of _typeFilter")
		}
	}
	if len(e.Types) > 0 {
		if lacking := c.lacking(e.Types, ""); len(lacking) > 0 {
			return c.deny(ctx, "", "the token's scopes do not allow to export "+strings.Join(lacking, ", "), "ask for system/TYPE.rs without conditions, or leave the type out of _type")
		}
		return nil
	}
	if c.who.Whole("*", "") {
		return nil
	}
	for _, p := range c.who.Grant {
		if p.Type != "*" && c.who.Whole(p.Type, "") && !slices.Contains(e.Types, p.Type) {
			e.Types = append(e.Types, p.Type)
		}
	}
	if len(e.Types) == 0 {
		return c.deny(ctx, "", "the token's scopes allow to export no type", "ask for system/TYPE.rs without conditions")
	}
	return nil
}

// insufficient is the challenge of a 403 that other scopes would have prevented.
func (c *call) insufficient(f *Fault) string {
	if f.Status != http.StatusForbidden || !c.who.Scoped() {
		return ""
	}
	return `Bearer realm="ember", error="insufficient_scope"`
}
