package fhir

import (
	"slices"
	"strings"
	"sync"
)

// ParamType is what sort of values a search parameter has.
type ParamType uint8

// The types of search parameters. The zero ParamType is invalid.
const (
	TokenParam ParamType = iota + 1
	DateParam
	StringParam
	ReferenceParam
	QuantityParam
	NumberParam
	URIParam
	// CompositeParam: values of several parameters that stand in one element.
	CompositeParam
)

// String is the code in FHIR's search-param-type.
func (t ParamType) String() string {
	return [...]string{"", "token", "date", "string", "reference", "quantity", "number", "uri", "composite"}[t]
}

func paramType(letter string) ParamType {
	return ParamType(strings.Index(" tdsrqnuc", letter))
}

// Param is a search parameter of a type of resources. It is never changed.
type Param struct {
	Name string
	Type ParamType
	// Targets are the types that a reference may point to, empty for all.
	Targets []string
	// Ordered: the resources of the type are ordered by this date.
	Ordered bool
	// Listed: each of its values has a list of its own, see [ValueList] and [LineList].
	Listed bool

	// Parts are the parameters of a composite, of which the first says what the
	// parameter of the type named Leads says, too; both are empty for others.
	Parts []*Param
	Leads string

	in   []string // of a composite: the elements that hold the parts, "." for the resource
	root *element // of a part: what it looks at
	bit  uint64   // of this parameter among those of its type
	seed uint32   // of its marks
}

// paramSet are the parameters of a type, as a table and as a tree of elements.
type paramSet struct {
	all  []*Param
	root *element
}

// element is a name in the tree of what parameters look at.
type element struct {
	children map[string]*element
	leaves   []leaf
}

// leaf is a parameter that looks at an element, if its own element key has the
// value must.
type leaf struct {
	param     *Param
	key, must string
	name      string
}

type paramTables struct {
	types map[string]*paramSet
	other *paramSet
	names []string
}

// tables are read once.
var tables = sync.OnceValue(func() *paramTables {
	t := &paramTables{types: map[string]*paramSet{}, other: newParamSet(otherParams)}
	lines := map[string]string{}
	for line := range strings.Lines(paramTable) {
		if strings.HasPrefix(line, " ") {
			lines[t.names[len(t.names)-1]] += line
			continue
		}
		t.names = append(t.names, strings.TrimSpace(line))
	}
	for _, name := range t.names {
		t.types[name] = newParamSet(lines[name])
	}
	t.types["SubscriptionTopic"] = newParamSet(topicParams)
	return t
})

func newParamSet(lines string) *paramSet {
	s := &paramSet{root: &element{}}
	for line := range strings.SplitSeq(commonParams+lines, "\n") {
		if f := strings.Fields(line); len(f) >= 3 {
			s.add(f)
		}
	}
	slices.SortFunc(s.all, func(a, b *Param) int { return strings.Compare(a.Name, b.Name) })
	for i, p := range s.all {
		p.bit = 1 << i
	}
	return s
}

func (s *paramSet) add(f []string) {
	if f[1] == "c" {
		s.all = append(s.all, composite(f))
		return
	}
	name := strings.TrimRight(f[0], "*!")
	p := &Param{Name: name, Type: paramType(f[1]), Ordered: strings.HasSuffix(f[0], "*"), Listed: strings.HasSuffix(f[0], "!"), seed: hashText(2166136261, name)}
	if len(f) > 3 && f[3] != "*" {
		p.Targets = strings.Split(f[3], ",")
	}
	s.all = append(s.all, p)
	for path := range strings.SplitSeq(f[2], ",") {
		l := leaf{param: p}
		path, condition, _ := strings.Cut(strings.TrimSuffix(path, "]"), "[")
		l.key, l.must, _ = strings.Cut(condition, "=")
		at := s.root
		for part := range strings.SplitSeq(path, ".") {
			at, l.name = at.child(part), part
		}
		at.leaves = append(at.leaves, l)
	}
}

func (e *element) child(name string) *element {
	if e.children == nil {
		e.children = map[string]*element{}
	}
	c := e.children[name]
	if c == nil {
		c = &element{}
		e.children[name] = c
	}
	return c
}

func paramsOf(typ string) *paramSet {
	t := tables()
	if s := t.types[typ]; s != nil {
		return s
	}
	return t.other
}

// Params are the search parameters of a type, in the order of their names; those
// that need no look into the resource ("_id") are not among them. A type that is
// not among [SearchTypes] has the few that nearly all resources have.
func Params(typ string) []*Param { return paramsOf(typ).all }

// FindParam is the search parameter of a type with a name, nil for none.
func FindParam(typ, name string) *Param {
	all := Params(typ)
	i, ok := slices.BinarySearchFunc(all, name, func(p *Param, name string) int { return strings.Compare(p.Name, name) })
	if !ok {
		return nil
	}
	return all[i]
}

// SearchTypes are the types of resources with search parameters of their own.
func SearchTypes() []string { return tables().names }

// hashText is FNV-1a, going on from a hash.
func hashText[T string | []byte](h uint32, text T) uint32 {
	for i := 0; i < len(text); i++ {
		h = (h ^ uint32(text[i])) * 16777619
	}
	return h
}
