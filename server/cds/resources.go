package cds

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"ember/fhir"
)

// collection is what is at hand about the patient for one answer.
type collection struct {
	patient string
	header  fhir.Header
	self    *resource // the Patient
	drafts  []resource
	others  []resource
	refs    []string // drafts given by reference only
	seen    map[string]json.RawMessage
	known   map[string]bool // references of drafts, "Type/id"
	// nameless are drafts whose id is none of the client's.
	nameless map[string]bool

	identifiers []string // of the Patient, "system|value"
	// notes say what is missing, for people.
	notes []string
	// unchecked are drafts that no rule can see, with the reason.
	unchecked []string
	next      []page
	answered  map[string]bool // prefetch keys
	poor      bool            // an answer was null or refused: the record here may know more
}

// resource is one resource with what its Bundle says of its address.
type resource struct {
	raw json.RawMessage
	url string
	typ string
	id  string
}

// page is a query to the client's FHIR server: a whole one, or the rest of a Bundle.
type page struct {
	key, url string
	first    bool // nothing of it was sent
}

// entries takes a Bundle apart: its entries, and the address of its next page. It
// reports whether it is one.
func entries(raw json.RawMessage, each func(i int, resource json.RawMessage, url string)) (next string, ok bool) {
	ok = members(raw, func(key string, list json.RawMessage) bool {
		switch key {
		case "link":
			elements(list, func(_ int, link json.RawMessage) {
				if relation, _ := text(member(link, "relation")); relation == "next" {
					next, _ = text(member(link, "url"))
				}
			})
		case "entry":
			elements(list, func(i int, entry json.RawMessage) {
				url, _ := text(member(entry, "fullUrl"))
				each(i, member(entry, "resource"), url)
			})
		}
		return true
	})
	return next, ok
}

func newCollection(patient string) *collection {
	return &collection{patient: patient, seen: map[string]json.RawMessage{}, known: map[string]bool{}, nameless: map[string]bool{}, answered: map[string]bool{}}
}

func (c *collection) note(text string) {
	if !slices.Contains(c.notes, text) {
		c.notes = append(c.notes, text)
	}
}

// typeOf is the resource type at the beginning of a resource, "" when there is none.
func (c *collection) typeOf(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] != '{' {
		return ""
	}
	fhir.Scan(raw, &c.header)
	return c.header.Type
}

// prefetched takes the answer to a prefetch key.
func (c *collection) prefetched(key string, raw json.RawMessage) {
	if !present(raw) {
		c.answered[key], c.poor = true, true // the client has nothing
		return
	}
	if isBundle(raw) {
		c.answered[key] = true
		if url := c.bundle(name(key), raw); url != "" {
			c.next = append(c.next, page{key: key, url: url})
		}
		return
	}
	switch c.typeOf(raw) {
	case "":
		c.note(name(key) + " could not be read")
	case "OperationOutcome":
		c.note(name(key) + " could not be given by the client")
		c.answered[key], c.poor = true, true // asking again would fail as well
	default:
		c.answered[key] = true
		c.add(resource{raw: raw, typ: c.header.Type, id: c.header.ID})
	}
}

// name is a key for people: those of discovery are words, others stay unnamed, because a
// client may write anything into them.
func name(key string) string {
	if _, ok := templates[key]; ok {
		return key
	}
	return "further data"
}

// isBundle looks at the type alone.
func isBundle(raw json.RawMessage) bool {
	typ, _ := text(member(raw, "resourceType"))
	return typ == "Bundle"
}

// bundle takes the entries of a Bundle and gives the address of its next page.
func (c *collection) bundle(what string, raw json.RawMessage) (next string) {
	next, _ = entries(raw, func(_ int, r json.RawMessage, url string) {
		switch typ := c.typeOf(r); typ {
		case "OperationOutcome":
			c.note(what + ": the client's server had something to object")
		case "Bundle", "":
			c.note(what + ": an entry could not be read")
		default:
			c.add(resource{raw: r, url: url, typ: typ, id: c.header.ID})
		}
	})
	return next
}

// add takes a resource that typeOf has just looked at.
func (c *collection) add(r resource) {
	if r.typ == "Patient" {
		c.addPatient(r)
		return
	}
	ref := r.typ + "/" + r.id
	if r.id != "" && c.known[ref] {
		return // a draft goes before what is stored of it
	}
	if !c.about() {
		c.note("data of another patient was sent and not used")
		return
	}
	if before, ok := c.seen[ref]; ok && r.id != "" {
		if r.typ != "AllergyIntolerance" && r.typ != "Condition" || bytes.Equal(before, r.raw) {
			return // given before
		}
		r.id = "other-" + strconv.Itoa(len(c.others)+1) // another one under the same id: both count
		r.raw, r.url = named(r.raw, r.id), "https://ember.invalid/"+r.typ+"/"+r.id
		ref = r.typ + "/" + r.id
	}
	c.seen[ref] = r.raw
	c.others = append(c.others, r)
}

func (c *collection) addPatient(r resource) {
	if r.id != "" && r.id != c.patient {
		c.note("data of another patient was sent and not used")
		return
	}
	if c.self != nil {
		return
	}
	if r.id == "" {
		r.url = "https://ember.invalid/Patient/" + c.patient
	}
	c.self = &r
	for _, i := range c.header.Identifiers {
		c.identifiers = append(c.identifiers, string(i.System)+"|"+string(i.Value))
	}
}

// about reports whether the resource of the header is the patient's, or nobody's.
func (c *collection) about() bool {
	if c.header.Subject.Zero() {
		i := c.header.SubjectIdentifier
		return len(i.Value) == 0 || slices.Contains(c.identifiers, string(i.System)+"|"+string(i.Value))
	}
	r := fhir.ParseReference(string(c.header.Subject.Text))
	if r.Kind == fhir.Conditional {
		system, value, ok := r.Identifier()
		return ok && slices.Contains(c.identifiers, system+"|"+value)
	}
	return r.Type == "Patient" && r.ID == c.patient || r.Type != "Patient" && r.Type != ""
}

// doing takes what is being done: a Bundle, one resource, or references.
func (c *collection) doing(field string, raw json.RawMessage) error {
	raw = bytes.TrimSpace(raw)
	path := "context." + field
	if len(raw) > 0 && raw[0] == '[' {
		return c.references(path, raw)
	}
	if isBundle(raw) {
		entries(raw, func(i int, r json.RawMessage, url string) {
			c.draft(path+".entry["+strconv.Itoa(i)+"]", resource{raw: r, url: url})
		})
		return nil
	}
	if c.typeOf(raw) == "" {
		return badRequest("value", path, "it is neither a Bundle nor a resource", "send a FHIR R4 Bundle of the drafts")
	}
	c.draft(path, resource{raw: raw})
	return nil
}

// references takes references of orders, of which the resources are elsewhere, or
// resources one after the other.
func (c *collection) references(path string, raw json.RawMessage) error {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return badRequest("value", path, "it cannot be read", "send references as ServiceRequest/123, or a Bundle")
	}
	for i, item := range list {
		at := path + "[" + strconv.Itoa(i) + "]"
		var ref string
		if json.Unmarshal(item, &ref) != nil {
			c.draft(at, resource{raw: item})
			continue
		}
		r := fhir.ParseReference(ref)
		if r.String() == "" {
			return badRequest("value", at, "it is no reference", "send references as ServiceRequest/123")
		}
		c.known[r.String()] = false
		c.refs = append(c.refs, r.String())
	}
	return nil
}

// draft takes one order or fact that is being entered.
func (c *collection) draft(path string, r resource) {
	r.typ = c.typeOf(r.raw)
	r.id = c.header.ID
	switch {
	case r.typ == "":
		c.unchecked = append(c.unchecked, path+" could not be read and was not checked")
	case !c.about():
		c.unchecked = append(c.unchecked, path+" is about another patient and was not checked")
	case !orders[r.typ]:
		if !harmless[r.typ] {
			c.unchecked = append(c.unchecked, path+": there are no rules for a "+r.typ+"; it was not checked")
		}
		c.add(r)
	default:
		if r.id == "" {
			r.id = fhir.ParseReference(r.url).ID
		}
		if !logicalID.MatchString(r.id) || c.known[r.typ+"/"+r.id] { // none that can be used, or that of another draft
			r.id = "draft-" + strconv.Itoa(len(c.drafts)+1)
			r.raw, r.url = named(r.raw, r.id), "https://ember.invalid/"+r.typ+"/"+r.id
			c.nameless[r.typ+"/"+r.id] = true
		}
		c.known[r.typ+"/"+r.id] = true
		c.drafts = append(c.drafts, r)
	}
}

// named is a resource under another id.
func named(raw json.RawMessage, id string) json.RawMessage {
	all := map[string]json.RawMessage{}
	if json.Unmarshal(raw, &all) != nil {
		return raw
	}
	all["id"], _ = json.Marshal(id) // a text always encodes
	out, err := json.Marshal(all)
	if err != nil {
		return raw
	}
	return out
}

// orders are the types that are mapped to orders and facts being entered.
var orders = map[string]bool{"MedicationRequest": true, "ServiceRequest": true, "Condition": true, "AllergyIntolerance": true,
	"MedicationStatement": true, "Procedure": true}

// harmless are types in drafts that are no orders by themselves.
var harmless = map[string]bool{"Appointment": true, "Medication": true, "Task": true, "Patient": true, "Practitioner": true, "PractitionerRole": true,
	"Encounter": true, "Organization": true, "Location": true, "Provenance": true, "Coverage": true, "Schedule": true, "Slot": true}

// posted is everything as one Bundle, drafts first: they go before what is stored of
// them.
func (c *collection) posted() []byte {
	var b bytes.Buffer
	b.WriteString(`{"resourceType":"Bundle","type":"collection","entry":[`)
	for _, r := range c.drafts {
		writeEntry(&b, r)
		b.WriteByte(',')
	}
	self := resource{raw: json.RawMessage(`{"resourceType":"Patient","id":"` + c.patient + `"}`)}
	if c.self != nil {
		self = *c.self
	}
	writeEntry(&b, self)
	for _, r := range c.others {
		b.WriteByte(',')
		writeEntry(&b, r)
	}
	b.WriteString("]}")
	return b.Bytes()
}

func writeEntry(b *bytes.Buffer, r resource) {
	b.WriteByte('{')
	if r.url != "" {
		url, _ := json.Marshal(r.url) // a text always encodes
		b.WriteString(`"fullUrl":`)
		b.Write(url)
		b.WriteByte(',')
	}
	b.WriteString(`"resource":`)
	b.Write(r.raw)
	b.WriteByte('}')
}

// count is how many resources there are beside the drafts.
func (c *collection) count() int {
	if c.self != nil {
		return len(c.others) + 1
	}
	return len(c.others)
}

// base is a source without the number of its component.
func base(source string) string {
	s, _, _ := strings.Cut(source, "#")
	return s
}
