package fhir

import (
	"bytes"
	"unicode/utf8"
)

// Span is Raw[Start:End]. The zero Span is absent.
type Span struct{ Start, End int }

// Zero reports whether the span is absent.
func (s Span) Zero() bool { return s.End == 0 }

// Ref is a literal reference found in a resource: the string between the quotes
// at Raw[Start:End]. Text is that string without JSON escapes; it usually is a
// part of Raw, so it lives as long as Raw does.
type Ref struct {
	Start, End int
	Text       []byte
}

// Zero reports whether there is no reference.
func (r Ref) Zero() bool { return r.End == 0 }

// Identifier is a business identifier; its parts live as long as Raw does.
type Identifier struct{ System, Value []byte }

// Header is what [Scan] finds in a resource. It is reused: a scan keeps the
// memory of its slices and overwrites everything.
type Header struct {
	Type string // resourceType, "" = missing
	ID   string // "" = missing
	// IDSpan is the id between its quotes, zero = missing.
	IDSpan Span
	// Version and Updated are meta.versionId and meta.lastUpdated between their
	// quotes, zero = missing.
	Version, Updated Span
	// Subject is the reference that puts the resource into a patient's
	// compartment (subject, patient, beneficiary, …). It may be of any form and
	// may name something else than a Patient. Zero for Patient itself, and for
	// what belongs to nobody.
	Subject Ref
	// Refs are all literal references, in the order of the text, also those of
	// contained resources and contained ones ("#x").
	Refs []Ref
	// Identifiers are those of the resource itself.
	Identifiers []Identifier
	// Logical are the identifiers of references that have no literal one.
	Logical []Identifier
	// SubjectIdentifier is the identifier of a subject without a literal
	// reference.
	SubjectIdentifier Identifier
	// Contained are the ids of the contained resources.
	Contained [][]byte

	raw       []byte
	typeEnd   int
	metaStart int
	metaEmpty bool
	slots     [slotCount]slot
	keys      [][]byte
	issues    []Issue
}

type slot struct {
	ref   Ref
	ident Identifier
}

// The elements of a resource that may name its patient.
const (
	slotSubject = iota
	slotPatient
	slotBeneficiary
	slotIndividual
	slotCandidate
	slotFor
	slotCount
)

// place is where in a resource the scanner is.
type place uint8

const (
	placeAny place = iota
	placeRoot
	placeMeta
	placeIdentifier
	placeContained
	placeSubject
	placeLogical
)

// maxIssues bounds the issues of one resource.
const maxIssues = 20

type scanner struct {
	b      []byte
	i      int
	depth  int
	max    int
	broken bool
	slot   int // the subject element being read, -1 = none
	h      *Header
}

// Scan reads one resource once, without decoding it: it checks that raw is
// valid JSON in valid UTF-8, not too deep and without duplicate keys, and fills
// h. The issues belong to h and are overwritten by its next scan; with an
// [Error] among them the resource must be refused ([Refused]). It does not
// allocate but for h's slices and ID. Not safe for concurrent use of one Header.
func Scan(raw []byte, h *Header) []Issue { return scan(raw, h, maxDepth) }

func scan(raw []byte, h *Header, depth int) []Issue {
	*h = Header{Refs: h.Refs[:0], Identifiers: h.Identifiers[:0], Logical: h.Logical[:0],
		Contained: h.Contained[:0], keys: h.keys[:0], issues: h.issues[:0], raw: raw}
	s := scanner{b: raw, h: h, max: depth, slot: -1}
	s.resource()
	if !utf8.Valid(raw) {
		s.report(firstInvalid(raw), Error, "structure", "invalid UTF-8")
	}
	h.choose()
	return h.issues
}

func firstInvalid(b []byte) int {
	for i := 0; ; {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n <= 1 {
			return i
		}
		i += n
	}
}

func (s *scanner) resource() {
	s.space()
	if s.i >= len(s.b) || s.b[s.i] != '{' {
		s.fail("structure", "a resource must be a JSON object")
		return
	}
	if !s.object(placeRoot) {
		return
	}
	s.space()
	if s.i < len(s.b) {
		s.fail("structure", "text after the end of the resource")
		return
	}
	if s.h.Type == "" {
		s.report(0, Error, "required", "resourceType is missing")
	}
}

// choose settles which of the candidates puts the resource into a compartment.
// Source: the elements of R4's CompartmentDefinition/patient.
func (h *Header) choose() {
	order := [...]int{slotSubject, slotPatient, slotBeneficiary, slotIndividual, slotCandidate}
	switch h.Type {
	case "Patient":
		return
	case "Task":
		h.take(slotFor)
	case "Appointment", "AppointmentResponse", "AuditEvent", "Person", "Provenance", "Schedule":
		h.Subject = h.anyPatient()
	default:
		for _, n := range order {
			if h.take(n) {
				return
			}
		}
	}
}

func (h *Header) take(n int) bool {
	s := h.slots[n]
	if !s.ref.Zero() {
		h.Subject = s.ref
		return true
	}
	if len(s.ident.Value) > 0 {
		h.SubjectIdentifier = s.ident
		return true
	}
	return false
}

// anyPatient is the first reference to a Patient, else the first URN, which may
// turn out to be one.
func (h *Header) anyPatient() Ref {
	var urn Ref
	for _, r := range h.Refs {
		switch {
		case bytes.HasPrefix(r.Text, []byte("Patient/")), bytes.HasPrefix(r.Text, []byte("Patient?")),
			bytes.Contains(r.Text, []byte("/Patient/")):
			return r
		case urn.Zero() && r.Kind() == URN:
			urn = r
		}
	}
	return urn
}

// PathOf names the element at an offset of the scanned bytes, for issues about
// a reference. It is slow.
func (h *Header) PathOf(offset int) string { return pathAt(h.raw, offset, h.root()) }

func (h *Header) root() string {
	if h.Type == "" {
		return "Resource"
	}
	return h.Type
}

// SetID is the splice that gives the resource the id.
func (h *Header) SetID(id string) Splice {
	if !h.IDSpan.Zero() {
		return Splice{Start: h.IDSpan.Start, End: h.IDSpan.End, With: quoted(id)}
	}
	return Splice{Start: h.typeEnd, End: h.typeEnd, With: `,"id":"` + quoted(id) + `"`}
}

// SetRef is the splice that makes a reference of the resource read to.
func (h *Header) SetRef(r Ref, to string) Splice {
	return Splice{Start: r.Start, End: r.End, With: quoted(to)}
}

// SetMeta are the splices that give the resource a version and a time (a FHIR
// instant).
func (h *Header) SetMeta(version, updated string) []Splice {
	v, u := `"versionId":"`+quoted(version)+`"`, `"lastUpdated":"`+quoted(updated)+`"`
	if h.metaStart == 0 {
		return []Splice{{Start: h.typeEnd, End: h.typeEnd, With: `,"meta":{` + v + `,` + u + `}`}}
	}
	var out []Splice
	var add string
	if h.Version.Zero() {
		add = v
	} else {
		out = append(out, Splice{Start: h.Version.Start, End: h.Version.End, With: quoted(version)})
	}
	if h.Updated.Zero() {
		if add != "" {
			add += ","
		}
		add += u
	} else {
		out = append(out, Splice{Start: h.Updated.Start, End: h.Updated.End, With: quoted(updated)})
	}
	if add != "" {
		if !h.metaEmpty {
			add += ","
		}
		out = append(out, Splice{Start: h.metaStart, End: h.metaStart, With: add})
	}
	return ordered(out)
}

func quoted(s string) string { return string(appendQuoted(nil, s)) }
