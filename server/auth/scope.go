package auth

import (
	"strings"
)

// Can is a set of what may be done with resources of a type, as SMART 2 names it.
type Can uint8

// What may be done. What answers with one resource by its id needs CanRead, what answers
// with a list of them CanSearch.
const (
	// CanCreate: c, create.
	CanCreate Can = 1 << iota
	// CanRead: r, read a resource, a version of it, or its history.
	CanRead
	// CanUpdate: u, update, which may create.
	CanUpdate
	// CanDelete: d, delete.
	CanDelete
	// CanSearch: s, search, and what else gives lists.
	CanSearch

	canAll = CanCreate | CanRead | CanUpdate | CanDelete | CanSearch
)

// Level says whose resources a scope is about.
type Level uint8

// The levels of scopes.
const (
	// PatientLevel: of the patient that the app was launched for.
	PatientLevel Level = iota + 1
	// UserLevel: what the user may see.
	UserLevel
	// SystemLevel: what the client may see by itself.
	SystemLevel
)

// Scope is one scope about resources.
type Scope struct {
	Level Level
	Type  string // "*" = every type
	Can   Can
	Where string // search parameters of SMART 2's granular scopes, "" = every resource
}

// mostScopes bounds how many scopes of one token are looked at; what comes after them
// grants nothing.
const mostScopes = 1000

// ParseScopes reads a list of scopes parted by spaces: those about resources, by version
// 1 (patient/Observation.read) and 2 (patient/Observation.rs?category=…), and the others as
// they are. Of the first, what cannot be read is left out: an unknown scope grants nothing.
func ParseScopes(text string) (scopes []Scope, others []string) {
	for n := 0; n < mostScopes; n++ {
		word, rest, more := strings.Cut(text, " ")
		if strings.Contains(word, "/") {
			if s, ok := parseScope(word); ok {
				scopes = append(scopes, s)
			} else {
				others = append(others, word)
			}
		} else if word != "" {
			others = append(others, word)
		}
		if !more {
			break
		}
		text = rest
	}
	return scopes, others
}

func parseScope(word string) (s Scope, ok bool) {
	level, rest, _ := strings.Cut(word, "/")
	switch level {
	case "patient":
		s.Level = PatientLevel
	case "user":
		s.Level = UserLevel
	case "system":
		s.Level = SystemLevel
	default:
		return s, false
	}
	rest, where, granular := strings.Cut(rest, "?")
	typ, can, ok := strings.Cut(rest, ".")
	if !ok || !scopeType(typ) || granular && where == "" {
		return s, false
	}
	s.Type, s.Where = typ, where
	switch can {
	case "read":
		s.Can = CanRead | CanSearch
	case "write":
		s.Can = CanCreate | CanUpdate | CanDelete
	case "*":
		s.Can = canAll
	default:
		s.Can, ok = parseCan(can)
		return s, ok
	}
	return s, !granular // version 1 knows no parameters
}

// parseCan reads a part of "cruds" in this order.
func parseCan(text string) (can Can, ok bool) {
	last := -1
	for i := range len(text) {
		at := strings.IndexByte("cruds", text[i])
		if at <= last {
			return 0, false
		}
		can |= 1 << at
		last = at
	}
	return can, can != 0
}

// String is the set as SMART 2 writes it.
func (c Can) String() string {
	var b strings.Builder
	for i := range len("cruds") {
		if c&(1<<i) != 0 {
			b.WriteByte("cruds"[i])
		}
	}
	return b.String()
}

func scopeType(s string) bool {
	if s == "*" {
		return true
	}
	if len(s) < 2 || len(s) > 64 || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}
