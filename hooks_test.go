package ember_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ember"
	"ember/server/cds"
)

// hook asks a service about a patient of the store.
func (h *hospital) hook(t testing.TB, service, hook, patient, context, prefetch string) (r cds.Response) {
	t.Helper()
	body := fmt.Sprintf(`{"hook":%q,"hookInstance":"d1577c69-dfbe-44ad-ba6d-3e05e953b2ea","context":{"patientId":%q%s},"prefetch":%s}`, hook, patient, context, prefetch)
	rep := h.do("POST", "/cds-services/"+service, "application/json", strings.NewReader(body))
	if rep.status != http.StatusOK {
		t.Fatalf("%s: %d %s", service, rep.status, rep.body)
	}
	if err := json.Unmarshal(rep.body, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func decided(card cds.Card, outcome, rest string) string {
	return fmt.Sprintf(`{"feedback":[{"card":%q,"outcome":%q,"outcomeTimestamp":"2026-11-23T12:00:00Z"%s}]}`, card.UUID, outcome, rest)
}

// TestFeedbackIsJoinedAndKept walks a card from the engine to its outcome, and to
// oblivion by erasure.
func TestFeedbackIsJoinedAndKept(t *testing.T) {
	config := testConfig(trainedDir(t))
	config.CDSQuiet = -1
	var cards []cds.Card
	ask := func(h *hospital, patient string) cds.Card {
		r := h.hook(t, "treatments", "patient-view", patient, "", "null")
		if len(r.Cards) != 1 || len(r.Cards[0].Suggestions) == 0 {
			t.Fatalf("nothing for %s: %+v", patient, r)
		}
		return r.Cards[0]
	}
	h := open(t, config)
	for _, patient := range []string{"rare-1", "rare-2", "rare-3"} {
		cards = append(cards, ask(h, patient))
	}
	post := func(card cds.Card, outcome, rest string) {
		if rep := h.do("POST", "/cds-services/treatments/feedback", "application/json", strings.NewReader(decided(card, outcome, rest))); rep.status != http.StatusOK {
			t.Fatalf("%d %s", rep.status, rep.body)
		}
	}
	post(cards[0], "accepted", `,"acceptedSuggestions":[{"id":"`+cards[0].Suggestions[0].UUID+`"}]`)
	post(cards[0], "accepted", `,"acceptedSuggestions":[{"id":"`+cards[0].Suggestions[0].UUID+`"}]`) // again: the same
	post(cards[1], "overridden", `,"overrideReason":{"reason":{"code":"patient-refuses","system":"http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"}}`)
	outcomes := func() (all []cds.Outcome) {
		for o, err := range h.Outcomes(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, o)
		}
		return all
	}
	all := outcomes()
	if len(all) != 1+len(cards[1].Suggestions) {
		t.Fatalf("%d outcomes", len(all))
	}
	i := slices.IndexFunc(all, func(o cds.Outcome) bool { return o.Outcome == cds.Accepted })
	if o := all[i]; o.Patient != "rare-1" || o.Recommendation != cards[0].Suggestions[0].UUID || o.Concept.Value == "" || o.Want != "treatments" || o.Probability <= 0 || o.Model == "" || o.Rules == "" {
		t.Errorf("%+v", o)
	}
	// Ranking learns from the same: the list that was shown is kept, and was responded to.
	if rep := h.do("POST", "/v1/feedback", "application/json", strings.NewReader(fmt.Sprintf(`{"answer":%q,"items":[{"system":%q,"code":%q,"outcome":"accepted"}]}`,
		cards[2].UUID, all[i].Concept.System, "nothing"))); rep.status == http.StatusNotFound {
		t.Errorf("ranking does not know the card: %s", rep.body)
	}
	if _, err := h.Erase(t.Context(), "rare-2"); err != nil {
		t.Fatal(err)
	}
	if all := outcomes(); len(all) != 1 {
		t.Errorf("%d outcomes after erasure", len(all))
	}
	if rep := h.do("POST", "/cds-services/treatments/feedback", "application/json", strings.NewReader(decided(cards[1], "overridden", ""))); rep.status != http.StatusNotFound {
		t.Errorf("the card of who was erased is still known: %d", rep.status)
	}
}

// TestCardsWithoutFeedbackAreIgnored: when its time is over, a card that nobody decided
// about counts as ignored, once.
func TestCardsWithoutFeedbackAreIgnored(t *testing.T) {
	config := testConfig(trainedDir(t))
	now := config.Now()
	config.Now = func() time.Time { return now }
	count := func(app *ember.App, outcome string) (n int) {
		for o, err := range app.Outcomes(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			if o.Outcome == outcome {
				n++
			}
		}
		return n
	}
	shown := 0
	func() {
		app, err := ember.Open(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		defer app.Close()
		face := httptest.NewServer(app.Handler())
		defer face.Close()
		h := &hospital{t, app, client{t, face.URL}}
		shown = len(h.hook(t, "treatments", "patient-view", "rare-1", "", "null").Cards[0].Suggestions)
	}()
	now = now.Add(31 * 24 * time.Hour)
	for range 2 {
		app, err := ember.Open(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		if n := count(app, cds.Ignored); n != shown || shown == 0 {
			t.Errorf("%d ignored, %d shown", n, shown)
		}
		if err := app.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRulesNeedNoModel: orders are checked before anything was trained; recommendations
// are empty and say nothing wrong.
func TestRulesNeedNoModel(t *testing.T) {
	h := open(t, testConfig(t.TempDir()+"/data"))
	prefetch := `{"patient":{"resourceType":"Patient","id":"x"},"conditions":null,"medications":null,"laboratory":null,"encounters":null,
		"allergies":{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"AllergyIntolerance","id":"a","patient":{"reference":"Patient/x"},"code":{"text":"Penicillin"}}}]}}`
	r := h.hook(t, "safety", "order-sign", "x", `,"draftOrders":{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"MedicationRequest","id":"d","status":"draft","intent":"order","subject":{"reference":"Patient/x"},"medicationCodeableConcept":{"text":"amoxicillin"}}}]}`, prefetch)
	if len(r.Cards) != 1 || r.Cards[0].Indicator != "critical" {
		t.Errorf("%+v", r)
	}
	if r := h.hook(t, "treatments", "patient-view", "x", "", prefetch); len(r.Cards) != 0 {
		t.Errorf("%+v", r)
	}
	if rep := h.get("/fhir/AllergyIntolerance/a"); rep.status != http.StatusNotFound {
		t.Errorf("the prefetch was stored: %d", rep.status)
	}
}

// doses are orders of many drugs to twelve people, all in the same words.
func doses(words string) string {
	var more strings.Builder
	for i := range 12 {
		for _, drug := range []string{"amoxicillin", "cephalexin", "ibuprofen", "lisinopril", "metformin", "omeprazole", "pantoprazole", "potassium chloride", "propranolol", "sertraline", "simvastatin", "spironolactone", "warfarin"} {
			fmt.Fprintf(&more, `{"resourceType":"MedicationRequest","id":"dose-%d-%s","status":"completed","intent":"order","medicationCodeableConcept":{"text":"%s"},"subject":{"reference":"Patient/rare-%d"},"authoredOn":"2020-01-01T09:30:00Z","dosageInstruction":[{"text":"%s"}]}`+"\n",
				i, strings.ReplaceAll(drug, " ", "-"), drug, i, words)
		}
	}
	return more.String()
}

// TestDraftsCarryTheUsualDose: what at least eleven adults were ordered, labelled, and
// nothing for children.
func TestDraftsCarryTheUsualDose(t *testing.T) {
	h := openTrained(t)
	h.load(visitors(4))
	h.ready()
	words := "one  tablet a day" // of which strength?
	dose := func() (with, labelled int) {
		for _, patient := range []string{"vi-0", "vi-1", "vi-2", "vi-3", "rare-1", "rare-3", "rare-5"} {
			for _, c := range h.hook(t, "treatments", "patient-view", patient, "", "null").Cards {
				for _, s := range c.Suggestions {
					raw := string(s.Actions[0].Resource)
					if strings.HasPrefix(s.Label, "Continue") && strings.Contains(raw, "dosageInstruction") {
						t.Errorf("%s has the dose of others: %s", s.Label, raw)
					}
					_, usual, found := strings.Cut(raw, `"dosageInstruction":[{"text":"`)
					usual, _, _ = strings.Cut(usual, `"`)
					if !found {
						continue
					}
					if with++; strings.Contains(raw, usual+`\": this site's most frequent order sentence`) {
						labelled++
					}
					if strings.Contains(usual, "tablet") {
						t.Errorf("a dose in tablets of no strength: %s", raw)
					}
				}
			}
		}
		return with, labelled
	}
	if with, _ := dose(); with != 0 {
		t.Errorf("%d doses before any order was counted", with)
	}
	count := func() {
		t.Helper()
		if _, err := h.LoadStream(t.Context(), strings.NewReader(doses(words)), true, func(string, int, int) {}, nil); err != nil {
			t.Fatal(err)
		}
		if err := h.CountSentences(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	count()
	dose()
	words = "250  mg twice a day"
	count()
	with, labelled := dose()
	if with == 0 || with != labelled {
		t.Errorf("%d doses, %d labelled", with, labelled)
	}
	child := `{"patient":{"resourceType":"Patient","id":"kid","birthDate":"` + today.AddDate(-6, 0, 0).Format(time.DateOnly) + `"},"conditions":null,"medications":null,"allergies":null,"laboratory":null,"vitals":null,"procedures":null,"encounters":null}`
	for _, c := range h.hook(t, "treatments", "patient-view", "kid", "", child).Cards {
		for _, s := range c.Suggestions {
			if strings.Contains(string(s.Actions[0].Resource), "dosageInstruction") {
				t.Errorf("a child got the dose of adults: %s", s.Actions[0].Resource)
			}
		}
	}
}

// prefetched is the prefetch of a patient with about n resources.
func prefetched(n int) string {
	var b strings.Builder
	b.WriteString(`{"patient":{"resourceType":"Patient","id":"pf","gender":"female","birthDate":"1950-01-01"},"procedures":null,"encounters":{"resourceType":"Encounter","id":"e1","status":"in-progress","class":{"code":"AMB"},"subject":{"reference":"Patient/pf"},"period":{"start":"` + today.Format(time.DateOnly) + `T00:00:01Z"}},`)
	b.WriteString(`"allergies":{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"AllergyIntolerance","id":"a","patient":{"reference":"Patient/pf"},"code":{"text":"Penicillin"}}}]},"conditions":{"resourceType":"Bundle","entry":[`)
	for i, code := range []string{"I10", "E11.9", "E78.5", "N18.3", "J44.9", "I25.10", "M19.90", "F32.9"} {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"resource":{"resourceType":"Condition","id":"c%d","clinicalStatus":{"coding":[{"code":"active"}]},"subject":{"reference":"Patient/pf"},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":%q}]},"recordedDate":"2020-03-0%d"}}`, i, code, i+1)
	}
	b.WriteString(`]},"medications":{"resourceType":"Bundle","entry":[`)
	for i := range 20 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"resource":{"resourceType":"MedicationRequest","id":"m%d","status":"completed","intent":"order","subject":{"reference":"Patient/pf"},"medicationCodeableConcept":{"text":%q},"authoredOn":"2024-05-%02dT10:00:00Z"}}`, i, []string{"metformin 500 mg", "lisinopril 10 mg", "simvastatin 20 mg", "omeprazole 20 mg"}[i%4], i+1)
	}
	for _, key := range []string{"laboratory", "vitals"} {
		fmt.Fprintf(&b, `]},%q:{"resourceType":"Bundle","entry":[`, key)
		for i := range (n - 31) / 2 {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"fullUrl":"https://ehr.example/fhir/Observation/%s%d","resource":{"resourceType":"Observation","id":"%[1]s%[2]d","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"code":{"coding":[{"system":"http://loinc.org","code":%q,"display":"a measurement"}]},"subject":{"reference":"Patient/pf"},"effectiveDateTime":"2024-%02d-%02dT08:00:00Z","issued":"2024-%02[4]d-%02[5]dT09:00:00Z","valueQuantity":{"value":%d,"unit":"mg/dL","system":"http://unitsofmeasure.org","code":"mg/dL"},"referenceRange":[{"low":{"value":70},"high":{"value":110}}]}}`,
				key, i, []string{"2345-7", "2160-0", "4548-4", "2823-3"}[i%4], i%12+1, i%28+1, 90+i)
		}
	}
	b.WriteString(`]}}`)
	return b.String()
}

// BenchmarkPatientView is the sustained rate of the bar: 50 requests a second with a
// prefetch of 200 resources. It reports how long the slowest hundredth took, and how
// many answers were empty; ns/op says nothing here.
func BenchmarkPatientView(b *testing.B) {
	h := openTrained(b)
	body := fmt.Sprintf(`{"hook":"patient-view","hookInstance":"d1577c69-dfbe-44ad-ba6d-3e05e953b2ea","context":{"userId":"Practitioner/1","patientId":"pf"},"prefetch":%s}`, prefetched(200))
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}}
	defer c.CloseIdleConnections()
	for _, load := range []struct {
		name string
		rate int
	}{{"50", 50}, {"250", 250}, {"1500", 1500}} {
		b.Run(load.name, func(b *testing.B) {
			var mu sync.Mutex
			var took []time.Duration
			start := time.Now()
			empty := 0
			var all sync.WaitGroup
			tick := time.NewTicker(time.Second / time.Duration(load.rate))
			defer tick.Stop()
			for range max(b.N, 5*load.rate) {
				<-tick.C
				all.Go(func() {
					begun := time.Now()
					resp, err := c.Post(h.base+"/cds-services/treatments", "application/json", strings.NewReader(body))
					full := false
					if err == nil {
						answer, _ := io.ReadAll(resp.Body)
						_ = resp.Body.Close()
						full = strings.Contains(string(answer), "suggestions")
					}
					d := time.Since(begun)
					mu.Lock()
					defer mu.Unlock()
					took = append(took, d)
					if !full {
						empty++
					}
				})
			}
			all.Wait()
			slices.Sort(took)
			at := func(q float64) float64 { return float64(took[int(q*float64(len(took)-1))].Microseconds()) / 1000 }
			b.ReportMetric(at(.5), "p50-ms")
			b.ReportMetric(at(.99), "p99-ms")
			b.ReportMetric(at(1), "max-ms")
			b.ReportMetric(100*float64(empty)/float64(len(took)), "%empty")
			b.ReportMetric(float64(len(took)-empty)/time.Since(start).Seconds(), "cards/s")
		})
	}
}
