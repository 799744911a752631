package ingest

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"ember/fhir"
	"ember/search"
	"ember/store"
)

// Secondary keys in the store: what a resource is found by.
//
//	i|Type|system|value   it has this identifier
//	w|Type|system|value   it waits for whoever has this identifier
//	m|Medication/id       it is an order, dispense or statement of this Medication
//	r|id                  it is a Patient that the Patient with this id replaces
func identifierKey(typ, system, value string) []byte {
	return []byte("i|" + typ + "|" + system + "|" + value)
}

func waitingKey(typ, system, value string) []byte {
	return []byte("w|" + typ + "|" + system + "|" + value)
}

func medicationKey(ref string) []byte   { return []byte("m|" + ref) }
func replacedKey(patient string) []byte { return []byte("r|" + patient) }

// contentID is the id of a resource that brought none: a UUID that depends on
// its bytes, so that sending it again finds it again.
func (in *Ingest) contentID(raw []byte) string {
	h := in.opt.Store.HMAC(raw)
	var b [16]byte
	copy(b[:], h)
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	s := hex.EncodeToString(b[:])
	return fmt.Sprintf("%s-%s-%s-%s-%s", s[:8], s[8:12], s[12:16], s[16:20], s[20:])
}

// write turns a scanned resource into what the store keeps: its bytes, the
// splices that give it its id and resolve its references, its patient, and the
// keys it is found by. local maps references that hold within the Bundle.
func (in *Ingest) write(h *fhir.Header, raw []byte, id string, local *links, issues *[]fhir.Issue) store.Write {
	return in.writeAs(nil, h, raw, id, local, issues)
}

// writeAs is write for somebody whom a guard holds.
func (in *Ingest) writeAs(g *search.Guard, h *fhir.Header, raw []byte, id string, local *links, issues *[]fhir.Issue) store.Write {
	var splices []fhir.Splice
	if id == "" {
		id = in.contentID(raw)
	}
	if id != h.ID {
		splices = append(splices, h.SetID(id))
	}
	w := store.Write{Type: h.Type, ID: id, Raw: raw}
	if local == nil {
		local = &links{}
	}
	r := resolver{in: in, guard: g, local: local, h: h, issues: issues}
	for i := range h.Refs {
		to, key := r.resolve(&h.Refs[i])
		if to != "" {
			splices = append(splices, h.SetRef(h.Refs[i], to))
		}
		if key != nil {
			w.Keys = append(w.Keys, key)
		}
	}
	for _, i := range h.Identifiers {
		w.Keys = append(w.Keys, identifierKey(h.Type, string(i.System), string(i.Value)))
	}
	w.Patient = r.patient(id)
	if s := h.SubjectIdentifier; w.Patient == "" && len(s.Value) > 0 && g == nil {
		w.Keys = append(w.Keys, waitingKey("Patient", string(s.System), string(s.Value)))
	}
	body := fhir.Apply(raw, splices)
	if h.Type == "Patient" {
		w.Keys = append(w.Keys, replacedBy(body)...)
	}
	w.Index = keysFor(h.Type, w.Patient, body)
	w.Aside = fhir.EncodeSplices(splices)
	return w
}

// links are the references that hold within one Bundle.
type links struct {
	refs        map[string]string // fullUrl, or a reference before its id was changed → Type/id
	identifiers map[string]string // identifierKey → Type/id, "" when several have it
	bases       []string          // of servers whose ids are this one's, beside [Options.Bases]
	patient     string            // whom what is stored already was taken to be about
}

func (l *links) ref(text string) (string, bool) {
	if l == nil {
		return "", false
	}
	to, ok := l.refs[text]
	return to, ok
}

func (l *links) identifier(key []byte) (string, bool) {
	if l == nil {
		return "", false
	}
	to, ok := l.identifiers[string(key)]
	return to, ok && to != ""
}

// resolver finds the targets of one resource's references.
type resolver struct {
	in      *Ingest
	guard   *search.Guard // nil: who writes may know everything
	local   *links
	h       *fhir.Header
	issues  *[]fhir.Issue
	subject string // what the subject's reference was resolved to
}

// resolve gives the text that a reference must read, "" for as it is, and the
// key under which the resource is to be found by it, if any.
func (r *resolver) resolve(ref *fhir.Ref) (to string, key []byte) {
	kind := ref.Kind()
	text := string(ref.Text)
	switch kind {
	case fhir.Contained, fhir.Logical:
		return "", nil
	case fhir.Relative, fhir.Absolute, fhir.URN:
		to, _ = r.local.ref(text)
		if to == "" && kind == fhir.Absolute {
			to = r.own(ref)
		}
		if to == "" && kind == fhir.URN {
			r.issue(ref, "no entry of this Bundle has this fullUrl: kept as it is")
		}
	case fhir.Conditional:
		to, key = r.conditional(ref)
	default:
		r.issue(ref, "not a reference: kept as it is")
	}
	if ref.Start == r.h.Subject.Start {
		r.subject = to
	}
	if target := firstOf(to, text); strings.Contains(target, "Medication/") {
		if p := fhir.ParseReference(target); p.Type == "Medication" && (p.Kind == fhir.Relative || p.Kind == fhir.Absolute) {
			key = medicationKey(p.String())
		}
	}
	return to, key
}

// own is an absolute reference as it is written here, where its server's ids are this
// one's; "" for what is elsewhere.
func (r *resolver) own(ref *fhir.Ref) string {
	p := ref.Parse()
	if p.Kind != fhir.Absolute || !slices.Contains(r.local.bases, p.Base) && !slices.Contains(r.in.opt.Bases, p.Base) {
		return ""
	}
	if p.Version != "" {
		return p.String() + "/_history/" + p.Version
	}
	return p.String()
}

// conditional looks for the one resource with the identifier. While there is
// none, the resource waits for it under a key.
func (r *resolver) conditional(ref *fhir.Ref) (to string, key []byte) {
	p := ref.Parse()
	system, value, ok := p.Identifier()
	if !ok {
		r.issue(ref, "only conditional references by identifier are resolved: kept as it is")
		return "", nil
	}
	k := identifierKey(p.Type, system, value)
	if to, ok := r.local.identifier(k); ok {
		return to, nil
	}
	switch to, n := r.found(k); {
	case n == 1:
		return to, nil
	case r.guard != nil: // and nothing is found out later
		r.issue(ref, "no resource that the token may find has this identifier: kept as it is")
		return "", nil
	case n == 0:
		return "", waitingKey(p.Type, system, value)
	}
	r.issue(ref, "several resources have this identifier: kept as it is")
	return "", nil
}

// patient is the logical id of the patient whose compartment this is in.
func (r *resolver) patient(id string) string {
	if r.h.Type == "Patient" {
		return id
	}
	text := firstOf(r.subject, string(r.h.Subject.Text))
	if text == "" {
		return r.byIdentifier()
	}
	switch p := fhir.ParseReference(text); {
	case p.Type != "Patient":
	case p.Kind == fhir.Relative, p.Kind == fhir.Absolute && r.local.patient == p.ID:
		return p.ID
	case p.Kind == fhir.Absolute: // somebody of the same id here is somebody else
		r.issue(&r.h.Subject, "the patient is at another server, so this is in nobody's record here; own-bases names servers whose ids are this one's")
	}
	return ""
}

// byIdentifier finds the patient of a subject that is named by identifier only.
func (r *resolver) byIdentifier() string {
	i := r.h.SubjectIdentifier
	if len(i.Value) == 0 {
		return ""
	}
	key := identifierKey("Patient", string(i.System), string(i.Value))
	if to, ok := r.local.identifier(key); ok {
		return strings.TrimPrefix(to, "Patient/")
	}
	if to, n := r.found(key); n == 1 {
		return strings.TrimPrefix(to, "Patient/")
	}
	return ""
}

func (r *resolver) issue(ref *fhir.Ref, detail string) {
	*r.issues = append(*r.issues, fhir.Issue{Severity: fhir.Warning, Code: "not-found", Path: r.h.PathOf(ref.Start), Detail: detail})
}

// find is the reference of the resource with a key, and how many have it.
func (in *Ingest) find(key []byte) (ref string, n int) {
	refs, err := in.opt.Store.Lookup(key)
	if err != nil || len(refs) == 0 {
		return "", 0
	}
	return refs[0].Type + "/" + refs[0].ID, len(refs)
}

// current is a stored resource as answers show it.
func current(r store.Resource) ([]byte, error) {
	splices, err := fhir.DecodeSplices(r.Aside)
	if err != nil {
		return nil, fmt.Errorf("ingest: %s/%s: %w", r.Type, r.ID, err)
	}
	return fhir.Apply(r.Raw, splices), nil
}

func splitRef(ref string) (typ, id string, ok bool) {
	p := fhir.ParseReference(ref)
	return p.Type, p.ID, p.Kind == fhir.Relative || p.Kind == fhir.Absolute
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
