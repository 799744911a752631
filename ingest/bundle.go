package ingest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"ember/fhir"
	"ember/search"
	"ember/store"
)

// bundle is a staged Bundle on its way into the store.
type bundle struct {
	*loader
	kind    string // Bundle.type
	entries []staged
	broken  bool
	links   links
	salt    string // see strangers
	header  fhir.Header
}

// request is what an entry asks for, once it has an identity.
type request struct {
	method    string
	typ, id   string
	ifVersion uint64
	version   uint64 // that a GET names, 0 for the current one
	search    string // of a GET that searches
	searches  bool
	condition string // identifierKey that the request depends on, "" for none
	existing  bool   // a conditional create that met its resource
}

// load stores the entries: a transaction at once or not at all, any other kind
// entry by entry.
func (b *bundle) load() error {
	defer b.in.conditions.hold(b.conditions()...)()
	b.links = links{refs: map[string]string{}, identifiers: map[string]string{}, bases: basesOf(b.ctx)}
	b.salt = b.strangers()
	requests := make([]request, len(b.entries))
	outcomes := make([]Outcome, len(b.entries))
	for i := range b.entries {
		e := &b.entries[i]
		outcomes[i] = Outcome{Document: e.Document, Path: e.Path, Index: e.Index, Type: e.typ, ID: e.id, Issues: e.issues}
		requests[i] = b.identify(e, &outcomes[i])
		b.vouch(e, &requests[i], &outcomes[i])
	}
	writes := make([]*store.Write, len(b.entries))
	for i := range b.entries {
		if outcomes[i].Status == 0 {
			writes[i] = b.prepare(&b.entries[i], requests[i], &outcomes[i])
		}
	}
	if b.kind == "transaction" || b.kind == "" && b.broken { // it may have been one: the type can stand last
		return b.transaction(requests, writes, outcomes)
	}
	return b.each(requests, writes, outcomes)
}

// vouch takes the server that an entry is from for one whose ids are this one's, where the
// entry keeps its id: what else the Bundle says of that server is meant so, too.
func (b *bundle) vouch(e *staged, r *request, out *Outcome) {
	p := fhir.ParseReference(e.FullURL)
	if p.Kind == fhir.Absolute && out.Status < 400 && r.method == http.MethodPut && p.Type == r.typ && p.ID == r.id && !slices.Contains(b.links.bases, p.Base) {
		b.links.bases = append(b.links.bases, p.Base)
	}
}

// identify gives an entry its type and id and makes it known to the others.
func (b *bundle) identify(e *staged, out *Outcome) request {
	r := request{method: e.Method, typ: e.typ, id: e.id}
	if b.kind != "transaction" && b.kind != "batch" || r.method == "" {
		r.method = "PUT"
		e.URL = ""
	}
	if fhir.Refused(e.issues) {
		out.Status = http.StatusBadRequest
		return r
	}
	b.route(&r, e, out)
	if out.Status >= 400 || e.Raw == nil {
		return r
	}
	if r.id == "" {
		r.id = b.in.contentID(e.Raw)
	}
	if fhir.ParseReference(r.typ+"/"+r.id).Kind != fhir.Relative {
		out.refuse(http.StatusBadRequest, "value", e.Path+".resource.id", "not a FHIR id")
		return r
	}
	out.Type, out.ID = r.typ, r.id
	b.announce(e, r)
	return r
}

// route reads method and url of an entry's request.
func (b *bundle) route(r *request, e *staged, out *Outcome) {
	path := e.Path + ".request"
	target, query, conditional := strings.Cut(strings.TrimPrefix(e.URL, "/"), "?")
	ref := fhir.ParseReference(target)
	switch r.method {
	case "PUT", "DELETE", "GET":
		switch {
		case e.URL == "" && e.Raw != nil:
			r.id = firstOf(urnID(e.FullURL, e.id), e.id)
		case conditional && r.method == "GET", r.method == "GET" && ref.Kind == 0 && typeOnly(target):
			r.typ, r.search, r.searches = target, query, true
			out.Type, out.ID = target, ""
		case conditional:
			b.conditional(r, fhir.ParseReference(target+"?"+query), path, out)
			if r.id == "" && r.method == "DELETE" && out.Status == 0 {
				out.Status = http.StatusNoContent // nothing to delete
			}
		case ref.Kind != fhir.Relative && ref.Kind != fhir.Absolute:
			out.refuse(http.StatusBadRequest, "value", path+".url", "not of the form Type/id")
		case e.Raw != nil && ref.Type != e.typ:
			out.refuse(http.StatusBadRequest, "value", path+".url", "names another type than the resource")
		default:
			r.typ, r.id = ref.Type, ref.ID
			out.Type, out.ID = r.typ, r.id
			r.version, _ = strconv.ParseUint(ref.Version, 10, 64)
		}
	case "POST":
		r.id = b.created(e)
		b.ifNoneExist(r, e, path, out)
	default:
		out.refuse(http.StatusMethodNotAllowed, "not-supported", path+".method", "only GET, POST, PUT and DELETE are supported")
	}
	if r.method != "GET" && r.method != "DELETE" && e.Raw == nil && out.Status == 0 {
		out.refuse(http.StatusBadRequest, "required", e.Path+".resource", "missing")
	}
	b.ifMatch(r, e, path, out)
}

// typeOnly reports whether an URL is nothing but the name of a type.
func typeOnly(url string) bool { return fhir.ParseReference(url+"/1").Kind == fhir.Relative }

func (b *bundle) ifMatch(r *request, e *staged, path string, out *Outcome) {
	if e.IfMatch == "" || out.Status != 0 {
		return
	}
	v, err := strconv.ParseUint(strings.Trim(strings.TrimPrefix(e.IfMatch, "W/"), `"`), 10, 63) // store.Absent is none
	if err != nil || v == 0 {
		out.refuse(http.StatusBadRequest, "value", path+".ifMatch", `not of the form W/"version"`)
		return
	}
	r.ifVersion = v
}

// urnID is the id in a fullUrl "urn:uuid:…": whoever sends the Bundle again
// means the same resource.
func urnID(fullURL, given string) string {
	if given != "" {
		return given
	}
	if ref := fhir.ParseReference(fullURL); ref.Kind == fhir.URN {
		return ref.ID
	}
	return ""
}

// created is the id of a POST entry: the UUID of its fullUrl, or one made from it
// where that UUID is somebody else's.
func (b *bundle) created(e *staged) string {
	id := urnID(e.FullURL, "")
	if id == "" || b.salt == "" {
		return id
	}
	return b.in.contentID([]byte(b.salt + e.FullURL))
}

// strangers finds out whether the Bundle creates a Patient under a UUID that is
// another person's already, as clients do that use the same UUIDs in every
// Bundle. Then it gives what tells this Bundle's resources apart: the new
// person's identifiers, so that sending it again still changes nothing.
func (b *bundle) strangers() (salt string) {
	for i := range b.entries {
		e := &b.entries[i]
		id := urnID(e.FullURL, "")
		if e.Method != http.MethodPost || e.typ != "Patient" || id == "" {
			continue
		}
		known, err := b.in.opt.Store.Get("Patient", id)
		if err != nil {
			continue
		}
		mine, theirs := b.identifiers(e.Raw), b.identifiers(known.Raw)
		if len(mine) > 0 && len(theirs) > 0 && !slices.ContainsFunc(mine, func(k string) bool { return slices.Contains(theirs, k) }) {
			salt += strings.Join(mine, "\n") + "\n"
		}
	}
	return salt
}

// identifiers are the keys of a Patient's identifiers, in order.
func (b *bundle) identifiers(raw []byte) []string {
	fhir.Scan(raw, &b.header)
	var keys []string
	for _, i := range b.header.Identifiers {
		keys = append(keys, string(identifierKey("Patient", string(i.System), string(i.Value))))
	}
	slices.Sort(keys)
	return keys
}

// prepare makes the write of an entry; nil when there is nothing to write: what
// is read is read when the entries before it are stored.
func (b *bundle) prepare(e *staged, r request, out *Outcome) *store.Write {
	g := search.GuardOf(b.ctx)
	switch {
	case r.method == "GET", r.existing:
		return nil
	case r.method == "DELETE":
		w := &store.Write{Type: r.typ, ID: r.id, Delete: true, Patient: b.owner(r), IfVersion: r.ifVersion}
		if !b.in.allowed(g, w, e.Path, false, out) {
			return nil
		}
		return w
	}
	fhir.Scan(e.Raw, &b.header)
	first := len(out.Issues)
	w := b.in.writeAs(g, &b.header, e.Raw, r.id, &b.links, &out.Issues)
	for i := first; i < len(out.Issues); i++ {
		out.Issues[i].Path = e.Path + ".resource." + strings.TrimPrefix(out.Issues[i].Path, r.typ+".")
	}
	out.Patient = w.Patient
	w.IfVersion = r.ifVersion
	if !b.in.allowed(g, &w, e.Path, r.method == "POST", out) {
		return nil
	}
	return &w
}

func (b *bundle) owner(r request) string {
	res, err := b.in.opt.Store.Get(r.typ, r.id)
	if err != nil {
		return ""
	}
	return res.Patient
}

func (b *bundle) read(r request, out *Outcome) {
	if r.searches {
		b.answer(r, out)
		return
	}
	res, err := b.in.opt.Store.Get(r.typ, r.id)
	if r.version > 0 {
		res, err = b.in.opt.Store.Version(r.typ, r.id, r.version)
	}
	if g := search.GuardOf(b.ctx); err == nil && g != nil && !b.in.seen(g.Read, &res) {
		err = store.ErrNotFound // whether it is there is none of this caller's business
	}
	if err != nil {
		out.refuse(http.StatusNotFound, "not-found", out.Path+".request.url", "no such resource")
		return
	}
	out.Status, out.Version, out.Updated, out.Patient = http.StatusOK, res.Version, res.Updated, res.Patient
	if out.Unchanged = r.existing; r.existing {
		return
	}
	if out.Body, err = Served(res); err != nil {
		out.refuse(http.StatusInternalServerError, "exception", out.Path, "the stored resource cannot be read")
	}
}

// each stores entry by entry: the good ones are kept.
func (b *bundle) each(requests []request, writes []*store.Write, outcomes []Outcome) error {
	for i := range outcomes {
		if writes[i] == nil {
			if err := b.flush(); err != nil {
				return err
			}
			if outcomes[i].Status == 0 {
				b.read(requests[i], &outcomes[i])
			}
			b.report(outcomes[i])
			continue
		}
		if writes[i].IfVersion == 0 {
			if err := b.add(*writes[i], outcomes[i]); err != nil {
				return err
			}
			continue
		}
		if err := b.alone(*writes[i], outcomes[i], ".request.ifMatch"); err != nil {
			return err
		}
	}
	return b.flush()
}

// refuse marks the outcome as failed for a reason.
func (o *Outcome) refuse(status int, code, path, detail string) {
	o.Status = status
	o.Issues = append(o.Issues, refused(code, path, detail)...)
}
