package server

import (
	"slices"
	"strings"
	"testing"

	"ember/fhir"
	"ember/server/auth"
)

// TestAdviceKnowsAllTypes: what timelines are made of is what a recommendation asks of
// scopes, or may do without. A Consent is heeded whoever asks.
func TestAdviceKnowsAllTypes(t *testing.T) {
	known := slices.Concat(needed, wanted)
	for _, typ := range slices.Concat(fhir.SearchTypes(), known) {
		if fhir.InTimeline(typ) != (slices.Contains(known, typ) || typ == "Consent") {
			t.Errorf("%s: in timelines %v", typ, fhir.InTimeline(typ))
		}
	}
}

// TestRoutesAreClosedToScopes: a route about resources honours scopes or is closed to them,
// and which are closed is known.
func TestRoutesAreClosedToScopes(t *testing.T) {
	closed := []string{"POST /fhir/$import", "GET /fhir/{type}/{id}/$validate", "GET /v1/recommender/feedback", "GET /fhir/_history", "GET /fhir/{type}/_history"}
	s := &Server{}
	for _, rt := range s.routes() {
		name := rt.method + " " + rt.pattern
		if rt.right&byResource != 0 && rt.right&^byResource == 0 && scopedRoutes[rt.pattern] == (slices.Contains(closed, name) || strings.HasPrefix(rt.pattern, "/fhir/Subscription")) {
			t.Errorf("%s: does it honour scopes? Then add it to scopedRoutes, with a test; else to the closed ones here", name)
		}
	}
	for pattern := range scopedRoutes {
		if !slices.ContainsFunc(s.routes(), func(rt route) bool {
			return rt.pattern == pattern && (rt.right&byResource != 0 || rt.right&auth.Predict != 0 || rt.right == 0)
		}) {
			t.Errorf("%s is no route", pattern)
		}
	}
}
