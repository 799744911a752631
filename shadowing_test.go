package ember_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"ember/aiaas"
)

const shadowPath = "/v1/models/ember-recommender/shadow"

// compared waits until the shadow has answered so many questions.
func (h *hospital) compared(n int) (r aiaas.ShadowReport) {
	h.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		h.get(shadowPath).decode(h, &r)
		if r.Requests >= n {
			return r
		}
		if time.Now().After(deadline) {
			h.Fatalf("the shadow answered %d of %d questions", r.Requests, n)
		}
	}
}

// TestRecommenderShadow: what serves agrees with itself, another version less;
// answers stay as they are, and the shadow is taken up again by the next process.
func TestRecommenderShadow(t *testing.T) {
	config := testConfig(trainedDir(t))
	now := config.Now()
	config.Now = func() time.Time { return now } // a moment more is another answer in its last digit
	h := open(t, config)
	versions, err := h.Models()
	if err != nil || len(versions) != 2 {
		t.Fatalf("versions %v (%v)", versions, err)
	}
	plain := h.recommend("rare-1", "want=treatments")
	report := map[bool]aiaas.ShadowReport{}
	for _, v := range versions {
		w := h.do("PUT", shadowPath, "application/json", strings.NewReader(`{"version":"`+v.Version+`"}`))
		if w.status >= 300 {
			t.Fatalf("%d %s", w.status, w.body)
		}
		for i := range 8 {
			a := h.recommend(fmt.Sprint("rare-", i), "want=treatments")
			if i == 1 && a.facts(t) != plain.facts(t) {
				t.Errorf("the shadow changes the answer: %s", a.raw)
			}
			report[v.Serves] = h.compared(i + 1)
		}
	}
	if r := report[true]; r.Failed > 0 || r.Samples == 0 || r.Agree != 1 || r.Difference != 0 {
		t.Errorf("what serves beside itself: %+v", r)
	}
	if r := report[false]; r.Failed > 0 || r.Agree == 1 && r.Difference == 0 {
		t.Errorf("another version beside it: %+v", r)
	}
	if w := h.do("PUT", shadowPath, "application/json", strings.NewReader(`{"version":"none"}`)); w.status != http.StatusNotFound {
		t.Errorf("a version that is not there: %d", w.status)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h = open(t, config)
	if r := h.compared(0); r.Version != versions[1].Version {
		t.Errorf("the next process has the shadow %q, want %q", r.Version, versions[1].Version)
	}
	if h.do("DELETE", shadowPath, "", nil); h.get(shadowPath).status != http.StatusNotFound {
		t.Error("the shadow did not end")
	}
}
