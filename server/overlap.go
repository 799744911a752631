package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// Patterns overlap: /fhir/$export is also a /fhir/{type}. The router tries one after the
// other until one has the method; for a client the most literal one is what is there, and
// its methods are all there are.

// overlaps are the patterns with a literal where another has a parameter.
type overlaps struct {
	patterns []pathPattern
}

type pathPattern struct {
	text     string
	segments []string
	methods  []string
}

func newOverlaps(routes []route) *overlaps {
	o := &overlaps{}
	for _, rt := range routes {
		i := slices.IndexFunc(o.patterns, func(p pathPattern) bool { return p.text == rt.pattern })
		if i < 0 {
			i = len(o.patterns)
			o.patterns = append(o.patterns, pathPattern{text: rt.pattern, segments: strings.Split(rt.pattern, "/")})
		}
		o.patterns[i].methods = append(o.patterns[i].methods, rt.method)
		if rt.method == http.MethodGet {
			o.patterns[i].methods = append(o.patterns[i].methods, http.MethodHead)
		}
	}
	for i := range o.patterns {
		slices.Sort(o.patterns[i].methods)
	}
	return o
}

// of is the most literal pattern of a path, nil for none.
func (o *overlaps) of(path string) *pathPattern {
	segments := strings.Split(path, "/")
	var best *pathPattern
	for i := range o.patterns {
		if p := &o.patterns[i]; p.matches(segments) && (best == nil || p.before(best)) {
			best = p
		}
	}
	return best
}

func (p *pathPattern) matches(segments []string) bool {
	if len(p.segments) != len(segments) {
		return false
	}
	for i, s := range p.segments {
		if s != segments[i] && (!strings.HasPrefix(s, "{") || segments[i] == "") {
			return false
		}
	}
	return true
}

// params are what the parameters of the pattern are in a path that it matches.
func (p *pathPattern) params(path string) (all gin.Params) {
	segments := strings.Split(path, "/")
	for i, s := range p.segments {
		if name, ok := strings.CutPrefix(s, "{"); ok {
			all = append(all, gin.Param{Key: strings.TrimSuffix(name, "}"), Value: segments[i]})
		}
	}
	return all
}

// before reports whether the first segment in which they differ is literal here.
func (p *pathPattern) before(other *pathPattern) bool {
	for i, s := range p.segments {
		if s != other.segments[i] {
			return !strings.HasPrefix(s, "{")
		}
	}
	return false
}

// literal reports whether a path could be one that a more literal pattern has: only names
// of operations and the fixed words of the interface can.
func literal(value string) bool {
	return value == "" || value[0] < 'A' || value[0] > 'Z'
}

// elsewhere is the Fault of a method that the path's own pattern does not have, where the
// route is another's; nil when the route is the path's own.
func (c *call) elsewhere() *Fault {
	if c.route.pattern == "none" || !slices.ContainsFunc(c.params, func(p gin.Param) bool { return literal(p.Value) }) && !strings.HasPrefix(c.route.pattern, "/fhir/{type}/{") {
		return nil
	}
	own := c.s.overlaps.of(c.r.URL.Path)
	if own == nil || own.text == c.route.pattern || slices.Contains(own.methods, c.r.Method) {
		return nil
	}
	return c.notAllowed(own)
}

// notAllowed is the 405 of a pattern, with what it allows.
func (c *call) notAllowed(own *pathPattern) *Fault {
	allow := strings.Join(own.methods, ", ")
	c.w.Header().Set("Allow", allow)
	return &Fault{Status: http.StatusMethodNotAllowed, Code: "not-supported", Detail: "this path does not answer this method", Hint: "it answers " + allow}
}
