package fhir

import (
	"bytes"
	"net/url"
	"strings"
)

// RefKind is the form a reference is written in. The zero RefKind is invalid.
type RefKind uint8

// The forms of references.
const (
	// Relative: "Patient/123", "Patient/123/_history/2".
	Relative RefKind = iota + 1
	// Absolute: "https://host/fhir/Patient/123".
	Absolute
	// URN: "urn:uuid:…" or "urn:oid:…", resolved by the Bundle's fullUrl.
	URN
	// Conditional: "Practitioner?identifier=system|value".
	Conditional
	// Contained: "#p1", within the same resource; "#" is the resource itself.
	Contained
	// Logical: an identifier in place of a literal reference.
	Logical
)

// Reference is a parsed literal reference. Parsing resolves nothing.
type Reference struct {
	Kind    RefKind
	Type    string // resource type, "" when the form does not say
	ID      string // logical id, the uuid or oid of a URN, the fragment of a contained one
	Version string // of "/_history/v"
	Base    string // what stands before Type in an absolute one, without the last slash
	Query   string // what follows "?" in a conditional one
}

// ParseReference takes a literal reference apart. What cannot be understood has
// Kind 0.
func ParseReference(s string) Reference {
	switch {
	case strings.HasPrefix(s, "#"):
		return Reference{Kind: Contained, ID: s[1:]}
	case hasPrefixFold(s, "urn:uuid:"):
		return Reference{Kind: URN, ID: s[len("urn:uuid:"):]}
	case hasPrefixFold(s, "urn:oid:"):
		return Reference{Kind: URN, ID: s[len("urn:oid:"):]}
	}
	if before, query, found := strings.Cut(s, "?"); found {
		if i := strings.LastIndexByte(before, '/'); i >= 0 {
			before = before[i+1:]
		}
		if !typeName(before) {
			return Reference{}
		}
		return Reference{Kind: Conditional, Type: before, Query: query}
	}
	s, _, _ = strings.Cut(s, "#")
	var r Reference
	if before, version, found := strings.Cut(s, "/_history/"); found {
		s, r.Version = before, version
	}
	i := strings.LastIndexByte(s, '/')
	if i <= 0 || !validID(s[i+1:]) {
		return Reference{}
	}
	r.ID, s = s[i+1:], s[:i]
	r.Kind, r.Type = Relative, s
	if i := strings.LastIndexByte(s, '/'); i >= 0 {
		r.Kind, r.Type, r.Base = Absolute, s[i+1:], s[:i]
		if r.Base == "" {
			r.Kind = Relative
		}
	}
	if !typeName(r.Type) {
		return Reference{}
	}
	return r
}

// String is the local form "Type/id", "" where the reference has none.
func (r Reference) String() string {
	if r.Type == "" || r.ID == "" {
		return ""
	}
	return r.Type + "/" + r.ID
}

// Identifier is the system and value of a conditional reference by identifier,
// "Type?identifier=system|value".
func (r Reference) Identifier() (system, value string, ok bool) {
	if r.Kind != Conditional {
		return "", "", false
	}
	for part := range strings.SplitSeq(r.Query, "&") {
		token, found := strings.CutPrefix(part, "identifier=")
		if !found {
			continue
		}
		if text, err := url.QueryUnescape(strings.ReplaceAll(token, "+", "%2B")); err == nil {
			token = text
		}
		system, value, found = strings.Cut(token, "|")
		if !found {
			system, value = "", system
		}
		return system, value, value != ""
	}
	return "", "", false
}

// Kind is the form of the reference, without taking it apart.
func (r Ref) Kind() RefKind {
	t := r.Text
	switch {
	case len(t) == 0:
		return 0
	case t[0] == '#':
		return Contained
	case t[0] == 'u' && (bytes.HasPrefix(t, []byte("urn:uuid:")) || bytes.HasPrefix(t, []byte("urn:oid:"))):
		return URN
	case bytes.IndexByte(t, '?') > 0:
		return Conditional
	case bytes.Contains(t, []byte("://")):
		return Absolute
	case bytes.IndexByte(t, '/') > 0:
		return Relative
	}
	return ParseReference(string(t)).Kind
}

// Parse takes the reference apart; see [ParseReference].
func (r Ref) Parse() Reference { return ParseReference(string(r.Text)) }

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// typeName reports whether s can be the name of a resource type.
func typeName[T string | []byte](s T) bool {
	if len(s) < 3 || len(s) > 64 || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	for i := 1; i < len(s); i++ {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

// validID reports whether s is a logical id by FHIR: [A-Za-z0-9\-\.]{1,64}.
func validID[T string | []byte](s T) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && c != '.' {
			return false
		}
	}
	return true
}
