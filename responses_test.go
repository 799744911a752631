package ember_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// response is what somebody did with an item.
type response struct {
	Code    code   `json:"code"`
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"`
}

// responder shows answers to somebody who never wants one order and takes
// whatever else is explored.
type responder struct {
	*hospital
	never            string
	shown, explored  int
	warned, answered int
}

func (r *responder) ask(patient string) (id string) {
	r.Helper()
	a := r.recommend(patient, "want=treatments&limit=4&feedback=true")
	said := []response{}
	for _, x := range a.Items {
		switch {
		case x.Code.Code == r.never:
			r.shown++
			said = append(said, response{x.Code, "overridden", "not-indicated"})
		case x.Explored:
			r.explored++
			r.warned += len(x.Warnings)
			said = append(said, response{x.Code, "accepted", ""})
		}
	}
	r.answered++
	r.respond(a.ID, said, http.StatusOK)
	return a.ID
}

func (r *responder) respond(id string, said []response, status int) {
	r.Helper()
	body, err := json.Marshal(map[string]any{"answer": id, "items": said})
	if err != nil {
		r.Fatal(err)
	}
	if w := r.do("POST", "/v1/feedback", "application/json", strings.NewReader(string(body))); w.status != status {
		r.Fatalf("POST /v1/feedback: %d %s", w.status, w.body)
	}
}

// visitors are people with a visit now, alike enough to be shown the same orders.
func visitors(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"resourceType":"Patient","id":"vi-%d","gender":"%s","birthDate":"%d-05-05"}`+"\n", i, []string{"female", "male"}[i%2], 1945+i%40)
		fmt.Fprintf(&b, `{"resourceType":"Condition","id":"vi-%d","subject":{"reference":"Patient/vi-%[1]d"},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"I10"}]},"recordedDate":"2024-01-05"}`+"\n", i)
		fmt.Fprintf(&b, `{"resourceType":"Encounter","id":"vi-%d","status":"in-progress","class":{"code":"AMB"},"subject":{"reference":"Patient/vi-%[1]d"},"period":{"start":"2025-01-01T09:00:00Z"}}`+"\n", i)
	}
	return b.String()
}

// TestFeedbackChangesTheOrder: what is overridden again and again loses its
// place at the next training and keeps its probability; what is explored is never
// what a rule warns of; an answer goes with its patient.
func TestFeedbackChangesTheOrder(t *testing.T) {
	if testing.Short() {
		t.Skip("trains, and asks a thousand times")
	}
	config := testConfig(trainedDir(t))
	config.Explore = .5
	h := open(t, config)
	const people = 400
	h.load(visitors(people))
	h.ready()
	before := h.recommend("vi-0", "want=treatments&limit=4")
	r := responder{hospital: h, never: before.Items[0].Code.Code}
	first := r.ask("vi-0")
	for i := range people {
		r.ask(fmt.Sprint("vi-", i))
	}
	if r.shown < people/5 || r.explored < people/5 || r.warned > 0 {
		t.Fatalf("of %d answers %d show the order, %d explore, %d warnings among those", r.answered, r.shown, r.explored, r.warned)
	}
	if _, err := h.Train(context.Background(), quiet); err != nil {
		t.Fatal(err)
	}
	var learned struct {
		Answers  int
		Believed bool
		Gain     struct{ Low float64 }
	}
	h.get("/v1/recommender/feedback").decode(t, &learned)
	if learned.Answers != r.answered || !learned.Believed || learned.Gain.Low <= 0 {
		t.Fatalf("of %d answers this was learned: %+v", r.answered, learned)
	}
	after := h.recommend("vi-0", "want=treatments&limit=4&explain="+r.never)
	if after.Explained == nil || after.Explained.Rank < 2 || after.Explained.Item.Preference >= 0 {
		t.Errorf("the order that is always overridden has kept its place: %s", after.raw)
	}
	if slices.ContainsFunc(after.Items[:1], func(x item) bool { return x.Code.Code == r.never }) {
		t.Error("it is still first")
	}
	if _, err := h.Erase(context.Background(), "vi-0"); err != nil {
		t.Fatal(err)
	}
	r.respond(first, nil, http.StatusNotFound)
}
