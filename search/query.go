// Package search answers FHIR searches: it reads the parameters of a [Query],
// finds candidates in the ordered lists of the store, and looks at each candidate's
// own bytes before it counts or shows it.
//
// A search is one walk along a list that holds everything that can match and as
// little else as possible, in the order of the answer, so that any page costs what
// the first one does. Lists and their marks only make the walk short: whether a
// resource matches is decided by what it says.
//
// Its invariant: what the [Scope] does not let the caller see is left out before
// anything is counted, sorted or included.
package search

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ember/fhir"
)

// Bounds of one search.
const (
	DefaultCount = 50
	MostCount    = 1000
	mostTerms    = 64
	mostChain    = 4 // links of a chain, and depth of _has
)

// Query is a search over one type of resources.
type Query struct {
	Type  string
	Count int // most matches of a page; 0: none but the total
	Sort  []SortKey
	// Total is "none", "estimate", "accurate", "" where the client did not say.
	Total       string
	Summary     string // "true", "text", "data", "count", "false" or ""
	Elements    []string
	Includes    []Include
	RevIncludes []Include
	// Ignored are the parameters that were not understood, and left out.
	Ignored []fhir.Issue
	// Base is the address that may stand before references to this server's
	// resources, with a slash at its end; "" for none.
	Base string
	// LastOfEach, if not 0, is how many of each code are wanted, the latest first.
	LastOfEach int
	// Used are the parameters as they were understood, in their order.
	Used url.Values

	terms []term
	text  string // of the parameters, as a cursor keeps them
}

// SortKey is one key of an order.
type SortKey struct {
	Param      *fhir.Param // nil: by id
	Descending bool
}

// early reports whether what has no value stands before what has: as in the lists
// that are kept in the order of the key.
func (k SortKey) early() bool { return k.Param != nil && k.Param.Ordered && !k.Descending }

// Plain reports whether a search looks at the resources of its type alone.
func (q *Query) Plain() bool {
	return len(q.Includes) == 0 && len(q.RevIncludes) == 0 &&
		!slices.ContainsFunc(q.terms, func(t term) bool { return t.has != nil || t.chain != nil })
}

// SetBase sets Base, also for the searches within.
func (q *Query) SetBase(base string) {
	q.Base = base
	for i := range q.terms {
		if has := q.terms[i].has; has != nil {
			has.SetBase(base)
		}
		for _, inner := range q.terms[i].chain {
			inner.SetBase(base)
		}
	}
}

// Include asks for what matches refer to, or for what refers to them.
type Include struct {
	Source  string
	Param   *fhir.Param // nil: all
	Target  string      // "" for any type
	Iterate bool
}

// term is one parameter: any of its tests must hold.
type term struct {
	name     string
	param    *fhir.Param // nil for _id and _has
	modifier string
	tests    []test
	missing  bool // of :missing
	// chain is a search over the targets of a reference, by their type.
	chain map[string]*Query
	// has is a search over what refers to the resource by via.
	has *Query
	via *fhir.Param
}

// Error is a search that cannot be answered; the texts hold no values.
type Error struct {
	Code, Param, Detail, Hint string // Code is of FHIR's issue-type
}

// Error names the parameter.
func (e *Error) Error() string { return "search: " + e.Param + ": " + e.Detail }

func invalid(param, format string, args ...any) error {
	return &Error{Code: "value", Param: param, Detail: fmt.Sprintf(format, args...)}
}

// known are the parameters that are read elsewhere.
var known = []string{"_format", "_pretty", "_cursor"}

// Parse reads the parameters of a search in the order of the text, which is an URL's
// query. A parameter that is not known is left out and named in Ignored; one that is
// known and cannot be read is an error.
func Parse(typ, query string) (*Query, error) { return parse(typ, query, 0) }

func parse(typ, query string, depth int) (*Query, error) {
	q := &Query{Type: typ, Count: DefaultCount, Used: url.Values{}}
	var kept []string
	for part := range strings.SplitSeq(query, "&") {
		name, value, err := unescape(part)
		if err != nil {
			return nil, invalid("the query", "not an encoded query")
		}
		if name == "" || value == "" || slices.Contains(known, name) {
			continue
		}
		before := len(q.Ignored)
		if err := q.read(name, value, depth); err != nil {
			return nil, err
		}
		if len(q.Ignored) == before {
			q.Used.Add(name, value)
			kept = append(kept, url.QueryEscape(name)+"="+url.QueryEscape(value))
		}
		if len(q.terms) > mostTerms {
			return nil, invalid("the query", "more than %d parameters", mostTerms)
		}
	}
	q.text = strings.Join(kept, "&")
	return q, nil
}

func unescape(part string) (name, value string, err error) {
	name, value, _ = strings.Cut(part, "=")
	if name, err = url.QueryUnescape(name); err != nil {
		return "", "", err
	}
	value, err = url.QueryUnescape(value)
	return name, value, err
}

// read reads one parameter.
func (q *Query) read(name, value string, depth int) error {
	base, modifier, _ := strings.Cut(name, ":")
	switch base {
	case "_count":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return invalid(name, "a number from 0 is expected")
		}
		q.Count = min(n, MostCount)
		return nil
	case "_total":
		return oneOf(&q.Total, name, value, "none", "estimate", "accurate")
	case "_summary":
		return oneOf(&q.Summary, name, value, "true", "text", "data", "count", "false")
	case "_elements":
		q.Elements = append(q.Elements, splitPlain(value)...)
		return nil
	case "_sort":
		return q.readSort(value)
	case "_include":
		return q.readInclude(&q.Includes, name, modifier, value)
	case "_revinclude":
		return q.readInclude(&q.RevIncludes, name, modifier, value)
	case "_id":
		return q.readID(name, modifier, value)
	case "_has":
		return q.readHas(name, value, depth)
	}
	return q.readParam(name, value, depth)
}

func splitPlain(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
}

func oneOf(to *string, name, value string, of ...string) error {
	if !slices.Contains(of, value) {
		return invalid(name, "one of %s is expected", strings.Join(of, ", "))
	}
	*to = value
	return nil
}

func (q *Query) ignore(name, detail string) {
	q.Ignored = append(q.Ignored, fhir.Issue{Severity: fhir.Warning, Code: "not-supported", Detail: "the parameter " + safeName(name) + " " + detail})
}

// safeName is a parameter's name for a message, unless it may hold something else.
func safeName(name string) string {
	if len(name) > 80 {
		return "of a long name"
	}
	for _, r := range name {
		if r != '_' && r != '-' && r != '.' && r != ':' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return "of an unusual name"
		}
	}
	return name
}

func (q *Query) readSort(value string) error {
	for _, name := range splitPlain(value) {
		key := SortKey{Descending: strings.HasPrefix(name, "-")}
		name = strings.TrimPrefix(name, "-")
		if name != "_id" {
			if key.Param = fhir.FindParam(q.Type, name); key.Param == nil || key.Param.Type == fhir.CompositeParam {
				q.ignore("_sort", "names what "+q.Type+" is not sorted by")
				continue
			}
		}
		q.Sort = append(q.Sort, key)
	}
	return nil
}

// readInclude reads Type:param[:Target], Type:* and *.
func (q *Query) readInclude(to *[]Include, name, modifier, value string) error {
	if modifier != "" && modifier != "iterate" && modifier != "recurse" {
		return invalid(name, "the modifier is not known: only :iterate is")
	}
	parts := strings.Split(value, ":")
	in := Include{Source: parts[0], Iterate: modifier != ""}
	if value == "*" {
		in.Source = q.Type
	} else if len(parts) < 2 || len(parts) > 3 {
		return invalid(name, "the form is Type:parameter or Type:parameter:Target")
	} else if parts[1] != "*" {
		in.Param = fhir.FindParam(in.Source, parts[1])
		if in.Param == nil || in.Param.Type != fhir.ReferenceParam {
			q.ignore(name, "names no reference of that type")
			return nil
		}
	}
	if len(parts) == 3 {
		in.Target = parts[2]
	}
	if len(*to) >= 32 {
		return invalid(name, "more than 32 of them")
	}
	*to = append(*to, in)
	return nil
}

func (q *Query) readID(name, modifier, value string) error {
	if modifier != "" && modifier != "not" {
		return invalid(name, "the modifier is not supported")
	}
	t := term{name: name, modifier: modifier}
	for _, id := range splitOr(value) {
		id = unescapeValue(id)
		t.tests = append(t.tests, test{code: strings.TrimPrefix(id, q.Type+"/")})
	}
	q.terms = append(q.terms, t)
	return nil
}

// readHas reads _has:Type:reference:parameter=value; the parameter may be a _has.
func (q *Query) readHas(name, value string, depth int) error {
	if depth >= mostChain {
		return invalid(name, "more than %d steps", mostChain)
	}
	parts := strings.SplitN(name, ":", 4)
	if len(parts) < 4 {
		return invalid(name, "the form is _has:Type:reference:parameter=value")
	}
	via := fhir.FindParam(parts[1], parts[2])
	if via == nil || via.Type != fhir.ReferenceParam {
		q.ignore(name, "names no reference of that type")
		return nil
	}
	inner, err := parse(parts[1], url.QueryEscape(parts[3])+"="+url.QueryEscape(value), depth+1)
	if err != nil {
		return err
	}
	if len(inner.Ignored) > 0 {
		q.Ignored = append(q.Ignored, inner.Ignored...)
		return nil
	}
	q.terms = append(q.terms, term{name: name, has: inner, via: via})
	return nil
}

// readParam reads name[:modifier]=value and name[:Type].chain=value.
func (q *Query) readParam(name, value string, depth int) error {
	head, rest, chained := strings.Cut(name, ".")
	base, modifier, _ := strings.Cut(head, ":")
	p := fhir.FindParam(q.Type, base)
	switch {
	case p == nil:
		q.ignore(name, "is not known for "+q.Type)
		return nil
	case p.Type == fhir.CompositeParam:
		return q.readComposite(p, name, value)
	case chained:
		return q.readChain(p, name, modifier, rest, value, depth)
	}
	t := term{name: name, param: p, modifier: modifier}
	if modifier == "missing" {
		if value != "true" && value != "false" {
			return invalid(name, "true or false is expected")
		}
		t.missing = value == "true"
		q.terms = append(q.terms, t)
		return nil
	}
	target := ""
	if p.Type == fhir.ReferenceParam && modifier != "" && modifier[0] >= 'A' && modifier[0] <= 'Z' {
		target, t.modifier = modifier, ""
	}
	if !slices.Contains(modifiers(p), t.modifier) {
		return &Error{Code: "not-supported", Param: name, Detail: "the modifier is not supported for a parameter of type " + p.Type.String(),
			Hint: "these are: " + strings.Join(append(modifiers(p)[1:], "missing"), ", ")}
	}
	for _, text := range splitOr(value) {
		if text == "" { // would hold of everything
			return invalid(name, "a value is empty")
		}
		one, err := parseTest(&t, target, text)
		if err != nil {
			return err
		}
		t.tests = append(t.tests, one)
	}
	if len(t.tests) > 1000 {
		return invalid(name, "more than 1000 values")
	}
	q.terms = append(q.terms, t)
	return nil
}

// modifiers of a type of parameters; the first is none.
func modifiers(p *fhir.Param) []string {
	switch p.Type {
	case fhir.TokenParam:
		if p.Name == "identifier" {
			return []string{"", "not", "text", "of-type"}
		}
		return []string{"", "not", "text", "in", "not-in", "above", "below"}
	case fhir.StringParam:
		return []string{"", "exact", "contains"}
	case fhir.ReferenceParam:
		return []string{"", "identifier"}
	case fhir.URIParam:
		return []string{"", "below", "above"}
	}
	return []string{""}
}

func (q *Query) readChain(p *fhir.Param, name, target, rest, value string, depth int) error {
	if p.Type != fhir.ReferenceParam {
		return invalid(name, "only references are followed")
	}
	if depth >= mostChain {
		return invalid(name, "more than %d steps", mostChain)
	}
	targets := p.Targets
	if target != "" {
		targets = []string{target}
	} else if len(targets) == 0 {
		targets = fhir.SearchTypes()
	}
	t := term{name: name, param: p, chain: map[string]*Query{}}
	for _, typ := range targets {
		inner, err := parse(typ, url.QueryEscape(rest)+"="+url.QueryEscape(value), depth+1)
		if err != nil && len(targets) == 1 {
			return err
		}
		if err == nil && len(inner.Ignored) == 0 {
			t.chain[typ] = inner
		}
	}
	if len(t.chain) == 0 {
		q.ignore(name, "is not known for what it leads to")
		return nil
	}
	q.terms = append(q.terms, t)
	return nil
}

// splitOr splits at commas that are not escaped; the parts keep their escapes.
func splitOr(value string) []string { return splitAt(value, ',') }

func splitAt(value string, at byte) []string {
	var parts []string
	start := 0
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case at:
			parts = append(parts, value[start:i])
			start = i + 1
		}
	}
	return append(parts, value[start:])
}

// unescapeValue takes the backslashes away that escape , | $ and \.
func unescapeValue(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && strings.IndexByte(`,|$\`, s[i+1]) >= 0 {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
