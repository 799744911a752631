package server_test

import (
	"net/http"
	"strings"
	"testing"

	"ember/recommender/feedback"
	"ember/server"
	"ember/server/auth"
)

const asked = "GET /v1/patients/p1/recommendations?want=treatments"

// shownTo asks for an answer that will be responded to and gives its id.
func (h house) shownTo(t *testing.T, headers ...string) string {
	t.Helper()
	w := h.do(asked+"&feedback=true", "", headers...)
	want(t, w, http.StatusOK)
	_, rest, _ := strings.Cut(w.Body.String(), `{"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

func said(answer, items string) string { return `{"answer":"` + answer + `","items":[` + items + `]}` }

func TestFeedback(t *testing.T) {
	h := open(t, server.Options{}, nil)
	id := h.shownTo(t)
	if kept := h.kept[id]; kept.Patient != "p1" || kept.Want != "treatments" || len(kept.Items) != 2 {
		t.Fatalf("kept %+v", kept)
	}
	want(t, h.do("POST /v1/feedback", said(id, `{"code":{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"5487"},"outcome":"overridden","reason":"already-done"}`)), http.StatusOK)
	if x := h.kept[id]; x.Responded.IsZero() || x.Items[0].Outcome != feedback.Overridden || x.Items[0].Reason != "already-done" {
		t.Errorf("kept %+v", x)
	}
	if last := h.entries[len(h.entries)-1]; last.Patient != "Patient/p1" || last.Action != auth.ActionRecommend {
		t.Errorf("audit %+v", last)
	}
	metrics := h.do("GET /metrics", "").Body.String()
	if !strings.Contains(metrics, `ember_feedback_total{outcome="overridden",reason="already-done",want="treatments"} 1`) {
		t.Error("the outcome is not counted")
	}
}

// TestOnlyWhatIsAskedForIsKept: a question without feedback=true leaves nothing.
func TestOnlyWhatIsAskedForIsKept(t *testing.T) {
	h := open(t, server.Options{}, nil)
	for _, more := range []string{"", "&feedback=false"} {
		want(t, h.do(asked+more, ""), http.StatusOK)
	}
	if len(h.kept) > 0 {
		t.Errorf("kept %v", h.kept)
	}
}

func TestBadFeedback(t *testing.T) {
	const code = `{"code":{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"5487"},`
	for _, c := range []struct {
		name, body string
		status     int
	}{
		{"no such answer", said("0123", ""), 404},
		{"not shown", said("ID", `{"code":{"system":"http://www.nlm.nih.gov/research/umls/rxnorm","code":"29046"},"outcome":"accepted"}`), 422},
		{"unknown outcome", said("ID", code+`"outcome":"liked"}`), 422},
		{"free text as a reason", said("ID", code+`"outcome":"overridden","reason":"Mr Zaphod would not"}`), 422},
		{"unknown member", said("ID", code+`"outcome":"accepted","comment":"x"}`), 400},
		{"no JSON", "accepted", 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := open(t, server.Options{}, nil)
			id := h.shownTo(t)
			w := h.do("POST /v1/feedback", strings.ReplaceAll(c.body, "ID", id))
			want(t, w, c.status)
			if got := outcome(t, w); strings.Contains(got, "Zaphod") {
				t.Errorf("the outcome repeats what was sent: %s", got)
			}
			if !h.kept[id].Responded.IsZero() {
				t.Error("it was noted all the same")
			}
		})
	}
	h := open(t, server.Options{}, nil)
	want(t, h.do(asked+"&at=2020-01-01&feedback=true", ""), 400)
	want(t, h.do(asked+"&feedback=perhaps", ""), 400)
	want(t, h.do("POST /v1/recommendations?want=tests&feedback=true", "{}"), 400)
}

// TestFeedbackOnOthersPatients: a token that is limited to some patients cannot
// respond to what was shown of another.
func TestFeedbackOnOthersPatients(t *testing.T) {
	h := open(t, server.Options{}, tokenTable)
	id := h.shownTo(t, "Authorization: Bearer limited")
	want(t, h.do("POST /v1/feedback", said(id, ""), "Authorization: Bearer none"), http.StatusForbidden)
	want(t, h.do("POST /v1/feedback", said(id, ""), "Authorization: Bearer limited"), http.StatusOK)
}

func TestLearnedWithholdsSmallCounts(t *testing.T) {
	h := open(t, server.Options{}, nil)
	w := h.do("GET /v1/recommender/feedback", "")
	want(t, w, http.StatusOK)
	if got := w.Body.String(); !strings.Contains(got, `"5487"`) || strings.Contains(got, `"29046"`) || !strings.Contains(got, `"high":1.5`) {
		t.Errorf("got %s", got)
	}
}
