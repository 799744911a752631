package ingest

import (
	"net/http"
	"strings"

	"ember/fhir"
	"ember/search"
)

// conditional finds the resource that an update by identifier means.
func (b *bundle) conditional(r *request, ref fhir.Reference, path string, out *Outcome) {
	r.typ = ref.Type
	if met := b.meets(r, ref, path+".url", out); met != "" {
		r.id = met
	}
}

// ifNoneExist turns a conditional create into nothing when there is one already.
func (b *bundle) ifNoneExist(r *request, e *staged, path string, out *Outcome) {
	if e.IfNoneExist == "" {
		return
	}
	if met := b.meets(r, fhir.ParseReference(e.typ+"?"+e.IfNoneExist), path+".ifNoneExist", out); met != "" {
		_, here := b.links.identifier([]byte(r.condition))
		r.existing = here || met != b.created(e)
		r.id = met
	}
}

// meets is the id of the one resource that meets the condition of an entry, ""
// for none: one in the store, or one that an entry before this one brings.
func (b *bundle) meets(r *request, condition fhir.Reference, path string, out *Outcome) (id string) {
	system, value, ok := condition.Identifier()
	if !ok || !plainIdentifier(condition.Query) || search.GuardOf(b.ctx) != nil {
		return b.search(condition, path, out)
	}
	key := identifierKey(condition.Type, system, value)
	r.condition = string(key)
	to, n := b.in.find(key)
	switch here, found := b.links.identifiers[r.condition]; {
	case found && here == "":
		n = 2 // several entries bring the identifier
	case found && here != to:
		to, n = here, n+1
	}
	if n > 1 {
		out.refuse(http.StatusPreconditionFailed, "multiple-matches", path, "several resources meet the condition")
		return ""
	}
	return strings.TrimPrefix(to, condition.Type+"/")
}

// search is meets for a condition that no key answers: what the Bundle itself brings
// is not looked at.
func (b *bundle) search(condition fhir.Reference, path string, out *Outcome) (id string) {
	refs, ok := b.in.match(b.ctx, condition.Type, condition.Query, path, out)
	switch {
	case !ok || len(refs) == 0:
		return ""
	case len(refs) > 1:
		out.refuse(http.StatusPreconditionFailed, "multiple-matches", path, "several resources meet the condition")
		return ""
	}
	return refs[0].ID
}

// announce lets the Bundle's other entries refer to this one: by fullUrl, by the
// id it brought, by its identifiers, and by the condition it was made under.
func (b *bundle) announce(e *staged, r request) {
	ref := r.typ + "/" + r.id
	if e.FullURL != "" && e.FullURL != ref {
		b.links.refs[e.FullURL] = ref
	}
	if e.id != "" && e.id != r.id {
		b.links.refs[e.typ+"/"+e.id] = ref
	}
	var keys []string
	if r.condition != "" {
		keys = append(keys, r.condition)
	}
	fhir.Scan(e.Raw, &b.header)
	for _, i := range b.header.Identifiers {
		keys = append(keys, string(identifierKey(e.typ, string(i.System), string(i.Value))))
	}
	for _, key := range keys {
		if other, taken := b.links.identifiers[key]; taken && other != ref {
			b.links.identifiers[key] = ""
			continue
		}
		b.links.identifiers[key] = ref
	}
}
