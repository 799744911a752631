package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"ember/cache"
	"ember/fhir"
	"ember/recommender"
	"ember/recommender/safety"
	"ember/record"
	"ember/server"
	"ember/server/auth"
	"ember/server/cds"
	"ember/terms"
)

// knowledge is what the tests share: reading the tables takes a while.
var knowledge = sync.OnceValues(func() (*terms.Terms, *safety.Checker) {
	t, err := terms.Load("")
	if err != nil {
		panic(err)
	}
	rules, err := safety.New(t, "")
	if err != nil {
		panic(err)
	}
	return t, rules
})

type testRules struct{}

func (testRules) Judge(past record.Past, facts, orders []record.Event) (cds.Judgement, error) {
	t, rules := knowledge()
	p := rules.Prepare(past, facts)
	j := cds.Judgement{Unchecked: p.Unchecked(), Checks: rules.Checks(), Version: rules.Version()}
	for i := range orders {
		e := &orders[i]
		o := safety.Order{Event: e, Code: e.Concept, Kind: e.Kind}
		if e.Kind == record.Medication {
			o.Drug = t.DrugOfConcept(e.Concept)
		}
		var v cds.Verdict
		v.Findings, v.Unchecked = rules.Check(p, o)
		j.Verdicts = append(j.Verdicts, v)
	}
	return j, nil
}

// kept is feedback in memory.
type kept struct {
	mu       sync.Mutex
	cards    map[string]cds.Shown
	outcomes []cds.Outcome
}

func (k *kept) Show(_ context.Context, cards []cds.Shown) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range cards {
		k.cards[c.Card] = c
	}
	return nil
}

func (k *kept) Card(_ context.Context, id string) (cds.Shown, bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c, ok := k.cards[id]
	return c, ok, nil
}

func (k *kept) Record(_ context.Context, outcomes []cds.Outcome) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.outcomes = append(k.outcomes, outcomes...)
	return nil
}

type hookCharts struct{ *fake }

func (h hookCharts) Chart(ctx context.Context, patient string) (cds.Chart, error) {
	c, err := h.fake.Chart(ctx, patient)
	if err != nil {
		return cds.Chart{}, cds.ErrNoPatient
	}
	return cds.Chart{Timeline: c.Timeline, Version: c.Version, Key: c.Key}, nil
}

// ward is a server with CDS Hooks over fakes, the real mapper and the real rules.
type ward struct {
	house
	*kept
	schema openapi3.Schemas
}

func openWard(t testing.TB, opt cds.Options, change func(*server.Deps)) ward {
	t.Helper()
	f, log := newFake(), new(lockedBuffer)
	k := &kept{cards: map[string]cds.Shown{}}
	known, _ := knowledge()
	opt.Secret = []byte("secret")
	if opt.Deadline == 0 {
		opt.Deadline = 5 * time.Second // machines of others may be slow; deadlines have a test of their own
	}
	clock := func() time.Time { return now }
	service, err := cds.New(opt, cds.Deps{Reader: fhir.NewMapper(known), Charts: hookCharts{f}, Recommender: f, Rules: testRules{},
		Memory: cache.NewMemory(1000, 1<<20, clock), Feedback: k, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	deps := server.Deps{Loader: f, Writer: f, Resources: f, Charts: f, Bundles: f, Recommender: f, Searcher: f, Health: f, Auditor: f, Clock: clock,
		CDS: server.CDS{Hooks: service, Base: "https://cds.example.org", Origins: []string{"http://localhost"}},
		Log: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if change != nil {
		change(&deps)
	}
	s, err := server.New(server.Options{}, deps)
	if err != nil {
		t.Fatal(err)
	}
	w := ward{house: house{f, s, log}, kept: k}
	doc, err := openapi3.NewLoader().LoadFromData(w.do("GET /openapi.json", "").Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	w.schema = doc.Components.Schemas
	return w
}

const aPatient = `"patient":{"resourceType":"Patient","id":"p1","gender":"female","birthDate":"1960-01-01"}`

// rest answers the other keys: the client has nothing.
const rest = `,"conditions":null,"medications":null,"laboratory":null,"vitals":null,"procedures":null,"encounters":null,"encounter":null`

const penicillin = `,"allergies":{"resourceType":"Bundle","type":"searchset","entry":[{"resource":{"resourceType":"AllergyIntolerance","id":"a1","patient":{"reference":"Patient/p1"},"code":{"text":"Penicillin"}}}]}`

func drug(id, text string) string {
	return `{"resource":{"resourceType":"MedicationRequest","id":"` + id + `","status":"draft","intent":"order","subject":{"reference":"Patient/p1"},"medicationCodeableConcept":{"text":"` + text + `"}}}`
}

func drafts(field string, entries ...string) string {
	return `"` + field + `":{"resourceType":"Bundle","type":"collection","entry":[` + strings.Join(entries, ",") + `]}`
}

// hookBody is a request of a hook; context and prefetch without their braces.
func hookBody(hook, context, prefetch string) string {
	if context != "" {
		context = "," + context
	}
	return fmt.Sprintf(`{"hook":%q,"hookInstance":"d1577c69-dfbe-44ad-ba6d-3e05e953b2ea","context":{"userId":"Practitioner/x","patientId":"p1","encounterId":"e1"%s},"prefetch":{%s}}`, hook, context, prefetch)
}

// contexts are one for each hook.
var contexts = map[string]string{
	"patient-view": "", "encounter-start": "", "encounter-discharge": "",
	"order-select":              `"selections":["MedicationRequest/d1"],` + drafts("draftOrders", drug("d1", "amoxicillin 500 mg")),
	"order-sign":                drafts("draftOrders", drug("d1", "amoxicillin 500 mg")),
	"order-dispatch":            `"performer":"Organization/o","dispatchedOrders":["MedicationRequest/m9"]`,
	"appointment-book":          drafts("appointments", `{"resource":{"resourceType":"Appointment","id":"ap1","status":"proposed"}}`),
	"medication-refill":         drafts("medications", drug("d1", "amoxicillin 500 mg")),
	"problem-list-item-create":  drafts("conditions", `{"resource":{"resourceType":"Condition","id":"c9","subject":{"reference":"Patient/p1"},"code":{"text":"asthma"}}}`),
	"allergyintolerance-create": `"allergyIntolerance":{"resourceType":"AllergyIntolerance","patient":{"reference":"Patient/p1"},"code":{"text":"Penicillin"}}`,
}

// answer checks an answer against the schema and gives it.
func (w ward) answer(t testing.TB, service, body string, headers ...string) cds.Response {
	t.Helper()
	res := w.do("POST /cds-services/"+service, body, append([]string{"Content-Type: application/json"}, headers...)...)
	if res.Code != 200 || res.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("status %d, %s: %s", res.Code, res.Header().Get("Content-Type"), res.Body)
	}
	return w.valid(t, res)
}

func (w ward) valid(t testing.TB, res *httptest.ResponseRecorder) cds.Response {
	t.Helper()
	var v any
	if err := json.Unmarshal(res.Body.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	if err := w.schema["CDSResponse"].Value.VisitJSON(v); err != nil {
		t.Errorf("not valid: %v\n%s", err, res.Body)
	}
	nothingEmpty(t, "answer", v)
	var r cds.Response
	if err := json.Unmarshal(res.Body.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Cards {
		for _, s := range c.Suggestions {
			for _, a := range s.Actions {
				var h fhir.Header
				if a.Type == "create" && (fhir.Refused(fhir.Scan(a.Resource, &h)) || string(h.Subject.Text) != "Patient/p1") {
					t.Errorf("no draft about the patient: %s", a.Resource)
				}
			}
		}
	}
	return r
}

// nothingEmpty: JSON elements are neither null nor empty, but for cards.
func nothingEmpty(t testing.TB, path string, v any) {
	t.Helper()
	switch v := v.(type) {
	case nil:
		t.Errorf("%s is null", path)
	case string:
		if v == "" {
			t.Errorf("%s is empty", path)
		}
	case []any:
		if len(v) == 0 && path != "answer.cards" {
			t.Errorf("%s is an empty list", path)
		}
		for _, x := range v {
			nothingEmpty(t, path+"[]", x)
		}
	case map[string]any:
		if len(v) == 0 {
			t.Errorf("%s is an empty object", path)
		}
		for k, x := range v {
			nothingEmpty(t, path+"."+k, x)
		}
	}
}

func TestCDSDiscovery(t *testing.T) {
	w := openWard(t, cds.Options{}, nil)
	res := w.do("GET /cds-services", "")
	want(t, res, 200)
	var v any
	var d cds.Discovery
	if json.Unmarshal(res.Body.Bytes(), &v) != nil || json.Unmarshal(res.Body.Bytes(), &d) != nil {
		t.Fatal(res.Body)
	}
	if err := w.schema["CDSServices"].Value.VisitJSON(v); err != nil {
		t.Error(err)
	}
	at := map[string][]string{}
	for _, s := range d.Services {
		at[s.Hook] = append(at[s.Hook], s.ID)
		for key, query := range s.Prefetch {
			for token := range strings.SplitSeq(query, "{{") {
				if name, _, ok := strings.Cut(token, "}}"); ok && name != "context.patientId" && name != "context.encounterId" {
					t.Errorf("%s at %s: %s asks for %s, which clients of version 2 do not know", s.ID, s.Hook, key, name)
				}
			}
		}
	}
	for hook := range contexts {
		if len(at[hook]) == 0 {
			t.Errorf("no service at %s", hook)
		}
	}
	if len(at) != len(contexts) || !slices.Equal(at["order-sign"], []string{"safety-order-sign"}) {
		t.Errorf("services by hook: %v", at)
	}
	dated := openWard(t, cds.Options{Days: 90}, nil).do("GET /cds-services", "").Body.String()
	if !strings.Contains(dated, "date=ge{{today() - 90 days}}") {
		t.Error("no relative dates where they are wanted")
	}
}

// TestCDSEveryHook calls every service at every hook with a patient who must not have
// penicillin and takes amoxicillin.
func TestCDSEveryHook(t *testing.T) {
	w := openWard(t, cds.Options{Base: "https://cds.example.org"}, nil)
	var d cds.Discovery
	_ = json.Unmarshal(w.do("GET /cds-services", "").Body.Bytes(), &d)
	takes := strings.Replace(rest, `"medications":null`, `"medications":{"resourceType":"Bundle","entry":[`+strings.ReplaceAll(drug("m9", "amoxicillin 250 mg"), "draft", "active")+`]}`, 1)
	seen := map[string]bool{}
	for _, s := range d.Services {
		if seen[s.ID] {
			t.Errorf("two services have the address of %s", s.ID)
		}
		seen[s.ID] = true
		safety := strings.HasPrefix(s.ID, "safety")
		prefetch := aPatient + takes + penicillin
		if s.Hook == "problem-list-item-create" && safety {
			continue // nothing the patient takes is bad for asthma
		}
		if s.Hook == "allergyintolerance-create" { // the allergy is new
			prefetch = aPatient + takes + `,"allergies":null`
		}
		r := w.answer(t, s.ID, hookBody(s.Hook, contexts[s.Hook], prefetch))
		if len(r.Cards) == 0 {
			t.Errorf("%s at %s: nothing to say", s.ID, s.Hook)
			continue
		}
		c := r.Cards[0]
		if safety && (c.Indicator != "critical" || !strings.Contains(c.Detail, "AllergyIntolerance/")) {
			t.Errorf("safety at %s: %+v", s.Hook, c)
		}
		if !safety && (c.Indicator != "info" || len(c.Suggestions) != 2 || !strings.Contains(c.Summary, "83 %") || !strings.Contains(c.Detail, "34 of the 50") || strings.Contains(c.Detail, "7 of the 50")) {
			t.Errorf("%s at %s: %+v", s.ID, s.Hook, c)
		}
		if strings.Contains(c.Detail, "incomplete") {
			t.Errorf("%s at %s: nothing was missing: %s", s.ID, s.Hook, c.Detail)
		}
	}
	if !strings.Contains(w.audited(), "recommend Patient/p1") {
		t.Error("nothing was recorded")
	}
}

func TestCDSDraftOrder(t *testing.T) {
	w := openWard(t, cds.Options{}, nil)
	r := w.answer(t, "treatments", hookBody("patient-view", "", aPatient))
	var o struct {
		ResourceType, Status, Intent string
		MedicationCodeableConcept    struct {
			Coding []struct{ System, Code string }
		}
		Subject, Encounter, Requester struct{ Reference string }
		DosageInstruction             []any
	}
	if err := json.Unmarshal(r.Cards[0].Suggestions[0].Actions[0].Resource, &o); err != nil {
		t.Fatal(err)
	}
	if o.ResourceType != "MedicationRequest" || o.Status != "draft" || o.Intent != "order" || o.MedicationCodeableConcept.Coding[0].Code != "5487" ||
		o.Encounter.Reference != "Encounter/e1" || o.Requester.Reference != "Practitioner/x" || o.DosageInstruction != nil {
		t.Errorf("draft %+v", o)
	}
	if l := r.Cards[0].Suggestions[1].Label; l != "Continue lisinopril" {
		t.Errorf("label %q", l)
	}
	again := w.answer(t, "treatments", hookBody("patient-view", "", aPatient))
	if again.Cards[0].UUID != r.Cards[0].UUID {
		t.Error("the same call again has another card")
	}
	if other := w.answer(t, "treatments", strings.Replace(hookBody("patient-view", "", aPatient), "d1577c69", "e1577c69", 1)); other.Cards[0].UUID == r.Cards[0].UUID {
		t.Error("another call has the same card")
	}
}

// TestCDSDraftsReachTheEngine: what is drafted is context, and not suggested again.
func TestCDSDraftsReachTheEngine(t *testing.T) {
	w := openWard(t, cds.Options{}, nil)
	r := w.answer(t, "treatments", hookBody("order-select", `"selections":["MedicationRequest/d1"],`+drafts("draftOrders", drug("d1", "lisinopril 10 mg tablet")), aPatient+rest))
	if n := len(w.asked.Context); n != 1 || w.asked.Context[0].Source != "MedicationRequest/d1" || w.asked.Context[0].Cancelled || len(w.asked.Past.Events()) != 0 {
		t.Errorf("%d drafts, %+v", n, w.asked.Context)
	}
	if len(r.Cards[0].Suggestions) != 1 || r.Cards[0].Suggestions[0].Label != "Order hydrochlorothiazide" {
		t.Errorf("suggestions %+v", r.Cards[0].Suggestions)
	}
}

func TestCDSSafety(t *testing.T) {
	for name, c := range map[string]struct {
		entries, selections string
		cards               []string // indicator and a word of the summary
		resourceID          string
	}{
		"block":               {drug("d1", "amoxicillin"), "", []string{"critical penicillin"}, "MedicationRequest/d1"},
		"no id, no removal":   {strings.Replace(drug("d1", "amoxicillin"), `"id":"d1",`, "", 1), "", []string{"critical penicillin"}, ""},
		"unknown code":        {drug("d1", "Wonderdrug"), "", []string{"info checked"}, ""},
		"nothing to say":      {drug("d1", "lisinopril"), "", nil, ""},
		"unselected is quiet": {drug("d1", "amoxicillin") + "," + drug("d2", "lisinopril"), `"selections":["MedicationRequest/d2"],`, nil, ""},
		"no code":             {strings.Replace(drug("d1", "x"), `,"medicationCodeableConcept":{"text":"x"}`, "", 1), "", []string{"info checked"}, ""},
		"another kind":        {`{"resource":{"resourceType":"NutritionOrder","id":"n1","status":"draft","patient":{"reference":"Patient/p1"}}}`, "", []string{"info checked"}, ""},
		"somebody else's":     {strings.Replace(drug("d1", "amoxicillin"), "Patient/p1", "Patient/p2", 1), "", []string{"info another patient"}, ""},
		"a broken entry":      {`{"resource":[]}`, "", []string{"info could not be read"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := openWard(t, cds.Options{}, nil)
			hook := "order-sign"
			if c.selections != "" {
				hook = "order-select"
			}
			r := w.answer(t, "safety", hookBody(hook, c.selections+drafts("draftOrders", c.entries), aPatient+rest+penicillin))
			if len(r.Cards) != len(c.cards) {
				t.Fatalf("%d cards: %+v", len(r.Cards), r.Cards)
			}
			for i, card := range r.Cards {
				indicator, word, _ := strings.Cut(c.cards[i], " ")
				if card.Indicator != indicator || !strings.Contains(card.Summary, word) {
					t.Errorf("card %+v, want %s", card, c.cards[i])
				}
			}
			removal := ""
			if len(r.Cards) > 0 && len(r.Cards[0].Suggestions) > 0 {
				removal = r.Cards[0].Suggestions[0].Actions[0].ResourceID
			}
			if removal != c.resourceID {
				t.Errorf("removes %q, want %q", removal, c.resourceID)
			}
		})
	}
}

func TestCDSBadInput(t *testing.T) {
	good := hookBody("patient-view", "", aPatient)
	change := func(old, new string) string { return strings.Replace(good, old, new, 1) }
	for name, c := range map[string]struct {
		service, body string
		status        int
		words         string
	}{
		"no JSON":                    {"treatments", `{"hook":`, 400, "no CDS Hooks request"},
		"an array":                   {"treatments", `[]`, 400, "no CDS Hooks request"},
		"unknown service":            {"nothing", good, 404, "no service"},
		"no hook":                    {"treatments", change(`"hook":"patient-view",`, ""), 400, "hook"},
		"unknown hook":               {"treatments", change("patient-view", "patient-view-2"), 400, "patient-view"},
		"hook of another service":    {"safety", good, 400, "order-sign"},
		"hook is a number":           {"treatments", change(`"patient-view"`, "7"), 400, "hook"},
		"no instance":                {"treatments", change(`"hookInstance":"d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",`, ""), 400, "hookInstance"},
		"no context":                 {"treatments", `{"hook":"patient-view","hookInstance":"x"}`, 400, "context"},
		"context is a text":          {"treatments", `{"hook":"patient-view","hookInstance":"x","context":"zaphod"}`, 400, "context"},
		"no patient":                 {"treatments", change(`"patientId":"p1",`, ""), 400, "context.patientId"},
		"a patient that is no id":    {"treatments", change(`"p1"`, `"a b"`), 400, "context.patientId"},
		"a patient that is a number": {"treatments", change(`"p1"`, `1`), 400, "context.patientId"},
		"prefetch is a list":         {"treatments", `{"hook":"patient-view","hookInstance":"x","context":{"patientId":"p1"},"prefetch":[]}`, 400, "prefetch"},
		"authorization, no server":   {"treatments", change(`"hook":`, `"fhirAuthorization":{"access_token":"x","token_type":"Bearer"},"hook":`), 400, "fhirServer"},
		"no drafts":                  {"safety", hookBody("order-sign", "", aPatient), 400, "context.draftOrders"},
		"drafts are a text":          {"safety", hookBody("order-sign", `"draftOrders":"x"`, aPatient), 400, "context.draftOrders"},
		"dispatched is no reference": {"safety", hookBody("order-dispatch", `"dispatchedOrders":["x"]`, aPatient), 400, "context.dispatchedOrders[0]"},
		"nothing is known":           {"treatments", strings.ReplaceAll(`{"hook":"patient-view","hookInstance":"x","context":{"patientId":"unknown"}}`, "\n", ""), 412, "prefetch"},
	} {
		t.Run(name, func(t *testing.T) {
			res := openWard(t, cds.Options{}, nil).do("POST /cds-services/"+c.service, c.body, "Content-Type: application/json")
			want(t, res, c.status)
			if words := outcome(t, res); !strings.Contains(words, c.words) || strings.Contains(words, "zaphod") {
				t.Errorf("%q does not say %q", words, c.words)
			}
		})
	}
}

// TestCDSOddPrefetch: whatever a client sends as prefetch, there is an answer, and what
// is missing is said.
func TestCDSOddPrefetch(t *testing.T) {
	for name, c := range map[string]struct{ prefetch, note string }{
		"a text":               {`"conditions":"x"`, "conditions could not be read"},
		"a number":             {`"conditions":7`, "conditions could not be read"},
		"an outcome":           {`"conditions":{"resourceType":"OperationOutcome","issue":[]}`, "conditions could not be given"},
		"an outcome within":    {`"conditions":{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"OperationOutcome"}}]}`, "something to object"},
		"entries of nothing":   {`"conditions":{"resourceType":"Bundle","entry":[{},{"resource":null}]}`, ""},
		"an unknown type":      {`"conditions":{"resourceType":"Zaphod","id":"1"}`, ""},
		"an unknown key":       {`"zaphod":{"resourceType":"Condition","id":"1","subject":{"reference":"Patient/p1"},"code":{"text":"asthma"}}`, ""},
		"another patient":      {`"conditions":{"resourceType":"Condition","id":"1","subject":{"reference":"Patient/p2"},"code":{"text":"asthma"}}`, "another patient"},
		"another Patient":      {`"other":{"resourceType":"Patient","id":"p2"}`, "another patient"},
		"twice":                {`"conditions":{"resourceType":"Condition","id":"1"},"more":{"resourceType":"Condition","id":"1"}`, ""},
		"a Bundle in a Bundle": {`"conditions":{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Bundle"}}]}`, "an entry could not be read"},
		"a missing key":        {`"conditions":null`, "laboratory: not sent"},
	} {
		t.Run(name, func(t *testing.T) {
			w := openWard(t, cds.Options{}, nil)
			w.timeline.Person.ID = "somebody else"
			r := w.answer(t, "treatments", hookBody("patient-view", "", aPatient+","+c.prefetch))
			if len(r.Cards) != 1 || !strings.Contains(r.Cards[0].Detail, c.note) || strings.Contains(r.Cards[0].Detail, "zaphod") {
				t.Errorf("%+v", r.Cards)
			}
		})
	}
}

func TestComplaintCqfRuler483NullPrefetchFails(t *testing.T) {
	w := openWard(t, cds.Options{}, nil)
	for _, body := range []string{
		`{"hook":"patient-view","hookInstance":"x","context":{"patientId":"p1"},"prefetch":null}`,
		hookBody("patient-view", "", `"patient":null,"allergies":null`+rest),
		strings.Replace(hookBody("patient-view", "", ""), `"encounterId":"e1"`, `"encounterId":null`, 1),
	} {
		w.answer(t, "treatments", body)
	}
	w.answer(t, "safety", hookBody("order-sign", drafts("draftOrders", drug("d1", "amoxicillin")), `"patient":null,"allergies":null`+rest))
}

func TestComplaintHapiFHIR6262RequestExtensionGetsA400(t *testing.T) {
	w := openWard(t, cds.Options{}, nil)
	body := strings.Replace(hookBody("patient-view", `"extension":{"x":[1]},"unknown":{}`, aPatient), `{"hook"`, `{"extension":{"com.example.timestamp":"2017-11-27","deep":{"a":[null]}},"somethingNew":7,"hook"`, 1)
	if r := w.answer(t, "treatments", body); len(r.Cards) != 1 {
		t.Errorf("%+v", r)
	}
}

// TestComplaintCqfRuler11WrongCardJSON: names that would break JSON, Markdown or the
// length of a summary.
func TestComplaintCqfRuler11WrongCardJSON(t *testing.T) {
	w := openWard(t, cds.Options{}, nil)
	for _, name := range []string{strings.Repeat("long ", 60), `"quoted" \ back`, "<script>alert(1)</script>", "*bold* [link](http://evil)", "a\nb\tc", "💊💊" + strings.Repeat("💊", 100), "\x00\xff"} {
		a := exampleAnswer()
		for i := range a.Items {
			a.Items[i].Code.Display, a.Items[i].Reasons = name, []recommender.Reason{{Text: name, Weight: 1, Sources: []string{name}}}
		}
		w.fake.answer = a
		r := w.answer(t, "treatments", hookBody("patient-view", "", aPatient))
		if d := r.Cards[0].Detail; strings.Contains(strings.ReplaceAll(d, `\<`, ""), "<") || strings.Contains(d, "*bold*") && !strings.Contains(d, `\*bold\*`) {
			t.Errorf("markup of a name got through: %s", d)
		}
	}
	w.fake.answer = recommender.Answer{Abstained: true}
	if res := w.do("POST /cds-services/treatments", hookBody("patient-view", "", aPatient), "Content-Type: application/json"); res.Body.String() != `{"cards":[]}` {
		t.Errorf("nothing to say is %s", res.Body)
	}
}

func TestComplaintEclipseEDC5968Preflight401(t *testing.T) {
	w := openWard(t, cds.Options{}, func(d *server.Deps) { d.Tokens = tokenTable })
	for _, path := range []string{"/cds-services", "/cds-services/treatments", "/cds-services/treatments/feedback"} {
		res := w.do("OPTIONS "+path, "", "Origin: http://localhost:3000", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization,content-type")
		h := res.Header()
		if res.Code != 204 || h.Get("Access-Control-Allow-Origin") != "http://localhost:3000" || !strings.Contains(h.Get("Access-Control-Allow-Methods"), "POST") ||
			!strings.Contains(strings.ToLower(h.Get("Access-Control-Allow-Headers")), "authorization") {
			t.Errorf("%s: %d %v", path, res.Code, h)
		}
		res = w.do("OPTIONS "+path, "", "Origin: http://localhost:3000", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: x-client-version, authorization, b(d")
		if got := res.Header().Get("Access-Control-Allow-Headers"); got != "Authorization, Content-Type, Accept, x-client-version" {
			t.Errorf("%s: a client's own headers: %q", path, got)
		}
		if res := w.do("OPTIONS "+path, "", "Origin: https://evil.example", "Access-Control-Request-Method: POST"); res.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: every origin is allowed", path)
		}
	}
	// The refusal itself can be read by the page, so that it can say what is wrong.
	res := w.do("GET /cds-services", "", "Origin: http://localhost:3000")
	want(t, res, 401)
	if res.Header().Get("Access-Control-Allow-Origin") == "" {
		t.Error("a page cannot read why it was refused")
	}
}

// TestCDSPages: without tokens a page of an allowed origin on this machine may call,
// and no other.
func TestCDSPages(t *testing.T) {
	w := openWard(t, cds.Options{}, nil)
	for origin, status := range map[string]int{"http://localhost:3000": 200, "http://localhost": 200, "https://evil.example": 403, "http://localhost.evil.example": 403, "null": 403} {
		res := w.do("POST /cds-services/treatments", hookBody("patient-view", "", aPatient), "Content-Type: application/json", "Origin: "+origin, "Sec-Fetch-Site: cross-site")
		want(t, res, status)
	}
	if res := w.do("POST /v1/recommendations?want=tests", patient, "Origin: http://localhost:3000", "Sec-Fetch-Site: cross-site"); res.Code != 403 {
		t.Errorf("a page got at another route: %d", res.Code)
	}
}

func TestComplaintCDSHooks658PrefetchTooLarge(t *testing.T) {
	w := openWard(t, cds.Options{}, nil)
	huge := hookBody("patient-view", "", aPatient+`,"conditions":{"resourceType":"Condition","note":"`+strings.Repeat("x", 20<<20)+`"}`)
	res := w.do("POST /cds-services/treatments", huge, "Content-Type: application/json")
	want(t, res, 413)
	if !strings.Contains(outcome(t, res), "20 MB") {
		t.Errorf("%s does not say how much is allowed", res.Body)
	}
	var many []string
	for i := range 2000 {
		many = append(many, fmt.Sprintf(`{"resource":{"resourceType":"Observation","id":"o%d","status":"final","subject":{"reference":"Patient/p1"},"code":{"text":"sodium"},"effectiveDateTime":"2026-01-01","valueQuantity":{"value":140,"unit":"mmol/L"}}}`, i))
	}
	if r := w.answer(t, "treatments", hookBody("patient-view", "", aPatient+`,"laboratory":{"resourceType":"Bundle","entry":[`+strings.Join(many, ",")+`]}`)); len(r.Cards) != 1 || len(w.asked.Past.Events()) != 2000 {
		t.Errorf("%d events", len(w.asked.Past.Events()))
	}
}

func TestCDSDeadline(t *testing.T) {
	w := openWard(t, cds.Options{Deadline: 50 * time.Millisecond, Running: 2}, nil)
	w.block = make(chan struct{})
	begun := time.Now()
	var all sync.WaitGroup
	for range 20 { // far more than run at once
		all.Go(func() {
			res := w.do("POST /cds-services/treatments", hookBody("patient-view", "", aPatient), "Content-Type: application/json")
			if res.Code != 200 || res.Body.String() != `{"cards":[]}` {
				t.Errorf("%d %s", res.Code, res.Body)
			}
		})
	}
	all.Wait()
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
	close(w.block)
	if m := w.do("GET /metrics", "").Body.String(); !strings.Contains(m, `ember_cds_answers_total{hook="patient-view",how="deadline",service="treatments"} 20`) {
		t.Error("no metric of the deadline")
	}
}

// TestCDSOverload: who finds no place is answered at once, without cards.
func TestCDSOverload(t *testing.T) {
	w := openWard(t, cds.Options{Deadline: time.Minute}, nil)
	w.block = make(chan struct{})
	var all sync.WaitGroup
	defer all.Wait()
	defer close(w.block)
	for range 32 {
		all.Go(func() {
			w.do("POST /cds-services/treatments", hookBody("patient-view", "", aPatient), "Content-Type: application/json")
		})
	}
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		if m := w.do("GET /metrics", "").Body.String(); strings.Contains(m, `how="deadline",service="next-tests"`) {
			return
		}
		if time.Since(begun) > 10*time.Second {
			t.Fatal("nothing was turned away")
		}
		res := w.do("POST /cds-services/next-tests", hookBody("patient-view", "", aPatient), "Content-Type: application/json")
		if res.Code != 200 || res.Body.String() != `{"cards":[]}` {
			t.Fatalf("%d %s", res.Code, res.Body)
		}
	}
}

func TestCDSPanicsAreErrors(t *testing.T) {
	w := openWard(t, cds.Options{}, nil)
	w.panicWith = "zaphod"
	want(t, w.do("POST /cds-services/treatments", hookBody("patient-view", "", aPatient), "Content-Type: application/json"), 500)
	if strings.Contains(w.log.String(), "zaphod") {
		t.Error("what it panicked with was logged")
	}
}

func hookFeedback(entries ...string) string {
	return `{"feedback":[` + strings.Join(entries, ",") + `]}`
}

func TestComplaintCDSHooks513OverridesWithoutReasons(t *testing.T) {
	w := openWard(t, cds.Options{}, nil)
	card := w.answer(t, "treatments", hookBody("patient-view", "", aPatient)).Cards[0]
	if len(card.OverrideReasons) == 0 || card.OverrideReasons[0].Display == "" {
		t.Fatalf("no reasons are offered: %+v", card.OverrideReasons)
	}
	reason := card.OverrideReasons[0]
	post := func(status int, entries ...string) string {
		res := w.do("POST /cds-services/treatments/feedback", hookFeedback(entries...), "Content-Type: application/json")
		want(t, res, status)
		return res.Body.String()
	}
	post(200, fmt.Sprintf(`{"card":%q,"outcome":"overridden","overrideReason":{"reason":{"code":%q,"system":%q},"userComment":"seen"},"outcomeTimestamp":"2026-11-23T12:00:05Z"}`, card.UUID, reason.Code, reason.System))
	if len(w.outcomes) != 2 || w.outcomes[0].Reason.Value != reason.Code || w.outcomes[0].Concept.Value != "5487" || w.outcomes[0].Patient != "p1" ||
		w.outcomes[0].Recommendation != card.Suggestions[0].UUID || w.outcomes[0].Comment != "seen" || w.outcomes[0].Probability != .83 || w.outcomes[0].Hook != "patient-view" {
		t.Errorf("outcomes %+v", w.outcomes)
	}
	if m := w.do("GET /metrics", "").Body.String(); !strings.Contains(m, `ember_cds_feedback_total{outcome="overridden",reason="action-completed",service="treatments"} 2`) || strings.Contains(m, card.UUID) {
		t.Error("no metric of the reason, or one that names the card")
	}
	// Without a reason it counts as well.
	post(200, fmt.Sprintf(`{"card":%q,"outcome":"overridden","outcomeTimestamp":"2026-11-23T12:00:06Z"}`, card.UUID))
	if w.outcomes[2].Reason.Value != "" {
		t.Errorf("a reason nobody gave: %+v", w.outcomes[2])
	}
}

func TestCDSFeedback(t *testing.T) {
	w := openWard(t, cds.Options{Quiet: -1}, nil)
	card := w.answer(t, "treatments", hookBody("patient-view", "", aPatient)).Cards[0]
	entry := func(card, outcome, rest string) string {
		return fmt.Sprintf(`{"card":%q,"outcome":%q,"outcomeTimestamp":"2026-11-23T12:00:05.5Z"%s}`, card, outcome, rest)
	}
	accepted := entry(card.UUID, "accepted", `,"acceptedSuggestions":[{"id":"`+card.Suggestions[1].UUID+`"}]`)
	unknown := "4e0a3a1e-3283-4575-ab82-028d55fe2719"
	for name, c := range map[string]struct {
		service, body, words string
		status, recorded     int
	}{
		"accepted":             {"treatments", hookFeedback(accepted), "", 200, 1},
		"several":              {"treatments", hookFeedback(accepted, entry(card.UUID, "overridden", "")), "", 200, 3},
		"an unknown card":      {"treatments", hookFeedback(entry(unknown, "overridden", ""), accepted), "feedback[0].card", 404, 1},
		"of another service":   {"next-tests", hookFeedback(accepted), "feedback[0].card", 404, 0},
		"an unknown service":   {"nothing", hookFeedback(accepted), "no service", 404, 0},
		"another type":         {"treatments", hookFeedback(`{"card":7,"outcome":[]}`, accepted), "feedback[0]", 400, 1},
		"no object":            {"treatments", hookFeedback(accepted, `"x"`), "feedback[1]", 400, 1},
		"no card":              {"treatments", hookFeedback(entry("", "overridden", "")), "feedback[0].card", 400, 0},
		"no outcome":           {"treatments", hookFeedback(entry(card.UUID, "ignored", "")), "feedback[0].outcome", 400, 0},
		"no time":              {"treatments", hookFeedback(`{"card":"` + card.UUID + `","outcome":"overridden"}`), "feedback[0].outcomeTimestamp", 400, 0},
		"nothing was accepted": {"treatments", hookFeedback(entry(card.UUID, "accepted", "")), "feedback[0].acceptedSuggestions", 400, 0},
		"another suggestion":   {"treatments", hookFeedback(entry(card.UUID, "accepted", `,"acceptedSuggestions":[{"id":"`+unknown+`"}]`)), "feedback[0].acceptedSuggestions", 400, 0},
		"none":                 {"treatments", `{"feedback":[]}`, "feedback", 400, 0},
		"no JSON":              {"treatments", `{`, "no JSON", 400, 0},
		"a text":               {"treatments", `{"feedback":"x"}`, "feedback", 400, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w.outcomes = nil
			res := w.do("POST /cds-services/"+c.service+"/feedback", c.body, "Content-Type: application/json")
			want(t, res, c.status)
			if len(w.outcomes) != c.recorded || !strings.Contains(strings.ReplaceAll(res.Body.String(), `\"`, `"`), c.words) {
				t.Errorf("%d recorded, want %d: %s", len(w.outcomes), c.recorded, res.Body)
			}
		})
	}
}

// TestCDSAlertFatigue: what was decided is not suggested again, an instance has a budget,
// and neither holds for safety.
func TestCDSAlertFatigue(t *testing.T) {
	w := openWard(t, cds.Options{Cards: 1}, nil)
	call := func(service, hook string) []cds.Card {
		return w.answer(t, service, hookBody(hook, contexts[hook], aPatient+rest+penicillin)).Cards
	}
	first := call("treatments", "patient-view")
	if len(first) != 1 || len(first[0].Suggestions) != 2 {
		t.Fatalf("%+v", first)
	}
	if cards := call("next-tests", "patient-view"); len(cards) != 0 {
		t.Errorf("over the budget: %+v", cards)
	}
	if cards := call("treatments", "patient-view"); len(cards) != 1 {
		t.Error("asked again, the card is gone")
	}
	danger := call("safety", "order-sign")
	if len(danger) != 1 {
		t.Errorf("safety is held to the budget: %+v", danger)
	}
	for service, card := range map[string]cds.Card{"treatments": first[0], "safety": danger[0]} {
		want(t, w.do("POST /cds-services/"+service+"/feedback", hookFeedback(fmt.Sprintf(`{"card":%q,"outcome":"accepted","acceptedSuggestions":[{"id":%q}],"outcomeTimestamp":"2026-11-23T12:00:05Z"}`, card.UUID, card.Suggestions[0].UUID)),
			"Content-Type: application/json"), 200)
	}
	after := call("treatments", "patient-view")
	if len(after) != 1 || len(after[0].Suggestions) != 1 || after[0].Suggestions[0].Label != "Continue lisinopril" || !strings.Contains(after[0].Detail, "1 not shown again") {
		t.Errorf("%+v", after)
	}
	if len(call("safety", "order-sign")) != 1 {
		t.Error("a safety card was left out because it was seen before")
	}
}

func TestCDSLimitedToken(t *testing.T) {
	w := openWard(t, cds.Options{}, func(d *server.Deps) { d.Tokens = tokenTable })
	want(t, w.do("POST /cds-services/treatments", hookBody("patient-view", "", aPatient), "Authorization: Bearer reader", "Content-Type: application/json"), 403)
	want(t, w.do("POST /cds-services/treatments", hookBody("patient-view", "", aPatient), "Authorization: Bearer recommender", "Content-Type: application/json"), 200)
	if strings.Count(w.audited(), "Patient/p1") != 1 {
		t.Errorf("recorded %s", w.audited())
	}
}

func TestCDSPrivacy(t *testing.T) {
	w := openWard(t, cds.Options{}, nil)
	w.timeline.Person.ID = "zaphod"
	body := strings.ReplaceAll(hookBody("patient-view", "", aPatient+`,"zaphodkey":{"resourceType":"Condition","id":"zaphod-c","subject":{"reference":"Patient/p1"},"code":{"text":"zaphod disease"}}`), "p1", "zaphod")
	for _, b := range []string{body, body[:len(body)-3], strings.Replace(body, "patient-view", "zaphod", 1), strings.Replace(body, `"userId":"Practitioner/x"`, `"userId":{"zaphod":1}`, 1)} {
		for _, line := range []string{"/cds-services/treatments?zaphod", "/cds-services/zaphod", "/cds-services/treatments/feedback"} {
			res := w.do("POST "+line, b, "Content-Type: application/json", "Origin: https://zaphod")
			if res.Code >= 400 && strings.Contains(strings.ToLower(res.Body.String()), "zaphod") {
				t.Errorf("%s: %s", line, res.Body)
			}
		}
		w.do("POST /cds-services/treatments", b, "Content-Type: application/json")
	}
	if log := w.log.String(); log == "" || strings.Contains(strings.ToLower(log), "zaphod") {
		t.Errorf("the log holds the mark: %.500s", log)
	}
	if m := w.do("GET /metrics", "").Body.String(); !strings.Contains(m, "ember_cds_cards_total") || strings.Contains(strings.ToLower(m), "zaphod") {
		t.Error("the metrics hold the mark")
	}
	if len(w.stored) > 0 || !strings.Contains(w.audited(), "Patient/zaphod") {
		t.Error("something was stored, or nothing recorded")
	}
}

var _ http.Handler = ward{}

// question is the last query of the recommender.
func (f *fake) question() recommender.Query {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

// TestComplaintLegacySandbox82WrongAudienceWithoutAWord: a client that signs its tokens
// is let in by the exact address it calls, and told which one that is.
func TestComplaintLegacySandbox82WrongAudienceWithoutAWord(t *testing.T) {
	seen := [][]string{}
	w := openWard(t, cds.Options{}, func(d *server.Deps) {
		d.CDS.Clients = clientsFunc(func(token string, audiences []string) (auth.Principal, error) {
			seen = append(seen, audiences)
			if !slices.Contains(audiences, strings.TrimPrefix(token, "a.b.")) {
				return auth.Principal{}, &auth.Refused{Why: "the token is for another audience (aud)", Hint: "aud must be " + strings.Join(audiences, " or ")}
			}
			return auth.Principal{Name: "client x", Rights: auth.Recommend}, nil
		})
	})
	get := func(token string) *httptest.ResponseRecorder {
		return w.do("GET /cds-services", "", "Authorization: Bearer "+token)
	}
	res := get("a.b.wrong")
	want(t, res, 401)
	if !strings.Contains(outcome(t, res), "https://cds.example.org/cds-services") {
		t.Errorf("it does not say which audience is right: %s", res.Body)
	}
	want(t, w.do("GET /cds-services", ""), 401) // with clients, nobody without a token
	want(t, get("plain"), 401)
	w.do("POST /cds-services/treatments/feedback", "{}", "Authorization: Bearer a.b.c")
	w.do("POST /cds-services/treatments?x=y", "{}", "Authorization: Bearer a.b.c")
	if got := fmt.Sprint(seen); got != "[[https://cds.example.org/cds-services] [https://cds.example.org/cds-services/treatments/feedback https://cds.example.org/cds-services/treatments] [https://cds.example.org/cds-services/treatments]]" {
		t.Errorf("audiences %s", got)
	}
	if res := w.do("GET /v1/status", "", "Authorization: Bearer a.b.c"); res.Code != 200 || len(seen) != 3 {
		t.Errorf("other routes changed: %d", res.Code)
	}
}

type clientsFunc func(token string, audiences []string) (auth.Principal, error)

func (f clientsFunc) Verify(_ context.Context, token string, audiences ...string) (auth.Principal, error) {
	return f(token, audiences)
}
