package ember_test

import (
	"bufio"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ember/terms"
)

// moment is when the metamorphic questions are asked: in the middle of things.
const moment = "2024-07-01T12:00:00Z"

// subject is the synthetic patient the questions are about, with all of the
// patient's resources.
type subject struct {
	id        string
	resources []string
}

// someone is the synthetic patient with the most resources.
func someone(t testing.TB) subject {
	t.Helper()
	trainedDir(t)
	files, err := filepath.Glob(filepath.Join(trained.dir, "hospital", "*.ndjson"))
	if err != nil || len(files) == 0 {
		t.Fatal("no hospital: ", err)
	}
	of := map[string][]string{}
	owner := regexp.MustCompile(`"(?:subject|patient)":\{"reference":"Patient/([^"]+)"`)
	for _, file := range files {
		for _, line := range linesOf(t, file) {
			if filepath.Base(file) == "Patient.ndjson" {
				id := resourceID(t, line)
				of[id] = append(of[id], line)
			} else if m := owner.FindStringSubmatch(line); m != nil {
				of[m[1]] = append(of[m[1]], line)
			}
		}
	}
	best := subject{}
	for id, resources := range of {
		if n := len(best.resources); len(resources) > n || len(resources) == n && id < best.id {
			best = subject{id, resources}
		}
	}
	return best
}

func linesOf(t testing.TB, file string) (lines []string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 8<<20)
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	return lines
}

func resourceID(t testing.TB, resource string) string {
	t.Helper()
	var r struct{ ID string }
	if err := json.Unmarshal([]byte(resource), &r); err != nil {
		t.Fatal(err)
	}
	return r.ID
}

// openModel opens an empty data directory with the trained model and the shared
// resources of the synthetic hospital.
func openModel(t testing.TB) *hospital {
	t.Helper()
	trainedDir(t)
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(filepath.Join(dir, "models"), os.DirFS(filepath.Join(trained.dir, "data", "models"))); err != nil {
		t.Fatal(err)
	}
	h := open(t, testConfig(dir))
	for _, typ := range []string{"Organization", "Location", "Practitioner", "Medication"} {
		file := filepath.Join(trained.dir, "hospital", typ+".ndjson")
		if _, err := os.Stat(file); err == nil {
			h.load(strings.Join(linesOf(t, file), "\n"))
		}
	}
	return h
}

// opinion is what is said of a patient, both wants.
func (h *hospital) opinion(id, query string) []answer {
	h.Helper()
	var all []answer
	for _, want := range []string{"treatments", "tests"} {
		a := h.recommend(id, "limit=50&want="+want+query)
		if len(a.Items) == 0 {
			h.Fatalf("nothing is recommended: %s", a.raw)
		}
		all = append(all, a)
	}
	return all
}

func factsOf(t testing.TB, answers []answer) string {
	all := ""
	for _, a := range answers {
		all += a.facts(t) + "\n"
	}
	return all
}

// same fails with the first line that differs.
func same(t testing.TB, name, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Errorf("%s changes the answer in line %d:\n got %s\nwant %s", name, i, g[i], w[i])
			return
		}
	}
	t.Errorf("%s changes the answer: %d lines, were %d", name, len(g), len(w))
}

// TestArrival brings one patient's resources in different ways; the chart's
// version and every word of the answer stay the same.
func TestArrival(t *testing.T) {
	who := someone(t)
	random := rand.New(rand.NewPCG(7, 7))
	shuffled := slices.Clone(who.resources)
	random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	lines := func(c client, resources []string) { c.load(strings.Join(resources, "\n")) }
	bundle := func(c client, kind string, resources []string) {
		r := c.do("POST", "/fhir", fhirJSON, strings.NewReader(bundleOf(kind, resources...)))
		if r.status != http.StatusOK || strings.Contains(string(r.body), `"status":"4`) {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	ways := []struct {
		name string
		send func(client)
	}{
		{"lines", func(c client) { lines(c, who.resources) }},
		{"shuffled lines", func(c client) { lines(c, shuffled) }},
		{"a shuffled batch", func(c client) { bundle(c, "batch", shuffled) }},
		{"a transaction", func(c client) { bundle(c, "transaction", who.resources) }},
		{"a collection", func(c client) { bundle(c, "collection", shuffled) }},
		{"split in two, the end first", func(c client) {
			n := len(shuffled) / 2
			bundle(c, "batch", shuffled[n:])
			c.recommend(who.id, "want=tests") // asked in between, which must leave nothing behind
			bundle(c, "transaction", shuffled[:n])
		}},
		{"sent three times", func(c client) {
			lines(c, shuffled)
			bundle(c, "batch", who.resources)
			c.ready()
			lines(c, who.resources)
		}},
		{"one by one", func(c client) {
			for _, r := range shuffled {
				c.put(r)
			}
		}},
		{"beside a stranger", func(c client) {
			c.load(patient("stranger") + "\n" + `{"resourceType":"AllergyIntolerance","id":"stranger","patient":{"reference":"Patient/stranger"},"code":{"text":"penicillin"}}`)
			lines(c, who.resources)
		}},
	}
	want := ""
	for _, way := range ways {
		h := openModel(t)
		way.send(h.client)
		fresh := factsOf(t, h.opinion(who.id, "&at="+moment))
		if want == "" {
			want = fresh
		}
		same(t, way.name, fresh, want)
		h.ready()
		same(t, way.name+", followed by the index", factsOf(t, h.opinion(who.id, "&at="+moment)), want)
	}
}

var version = regexp.MustCompile(`"dataVersion": "[^"]*"`)

// withoutVersion is the answer without what tells that the data are others.
func withoutVersion(facts string) string { return version.ReplaceAllString(facts, "") }

// TestLaterChangesNothing adds what happened after the moment.
func TestLaterChangesNothing(t *testing.T) {
	who := someone(t)
	h := openModel(t)
	h.load(strings.Join(who.resources, "\n"))
	want := withoutVersion(factsOf(t, h.opinion(who.id, "&at="+moment)))
	subject := `"subject":{"reference":"Patient/` + who.id + `"}`
	later := []string{
		`{"resourceType":"Condition","id":"later-1",` + subject + `,"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"E11.9"}]},"onsetDateTime":"2019-01-01","recordedDate":"2024-07-02"}`,
		`{"resourceType":"Observation","id":"later-2","status":"final",` + subject + `,"category":[{"coding":[{"code":"laboratory"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"2823-3"}]},"effectiveDateTime":"2024-06-30T10:00:00Z","issued":"2024-07-03T10:00:00Z","valueQuantity":{"value":6.9,"unit":"mmol/L"}}`,
		`{"resourceType":"MedicationRequest","id":"later-3","status":"active","intent":"order",` + subject + `,"medicationCodeableConcept":{"text":"phenelzine"},"authoredOn":"2024-07-01T12:00:01Z"}`,
		`{"resourceType":"AllergyIntolerance","id":"later-4","patient":{"reference":"Patient/` + who.id + `"},"code":{"text":"penicillin"},"recordedDate":"2024-07-02"}`,
		`{"resourceType":"Encounter","id":"later-5","status":"finished","class":{"code":"IMP"},` + subject + `,"period":{"start":"2024-07-10T10:00:00Z","end":"2024-07-20T10:00:00Z"}}`,
		`{"resourceType":"Procedure","id":"later-6","status":"completed",` + subject + `,"code":{"text":"appendectomy"},"performedDateTime":"2024-08-01"}`,
	}
	h.load(strings.Join(later, "\n"))
	same(t, "what came later", withoutVersion(factsOf(t, h.opinion(who.id, "&at="+moment))), want)

	// Ends and statuses, which the resources carry without saying when they came.
	changed := 0
	for _, r := range who.resources {
		if next, ok := ended(r); ok {
			changed++
			h.put(next)
		}
	}
	if changed < 3 {
		t.Fatalf("only %d resources were changed: the test proves little", changed)
	}
	same(t, "a later end or status", withoutVersion(factsOf(t, h.opinion(who.id, "&at="+moment))), want)

	died := strings.Replace(who.resources[slices.IndexFunc(who.resources, isPatient)], `"resourceType":"Patient",`, `"resourceType":"Patient","deceasedDateTime":"2024-12-24T10:00:00Z",`, 1)
	h.put(died)
	same(t, "a later death", withoutVersion(factsOf(t, h.opinion(who.id, "&at="+moment))), want)
	if a := h.recommend(who.id, "want=tests"); !a.Abstained {
		t.Error("the death was not stored: the test proves nothing")
	}
}

func isPatient(r string) bool { return strings.HasPrefix(r, `{"resourceType":"Patient"`) }

// ended gives a resource that was open an end after the moment, and another status.
func ended(r string) (string, bool) {
	for _, c := range []struct{ typ, from, to string }{
		{"MedicationRequest", `"status":"active"`, `"status":"stopped"`},
		{"MedicationRequest", `"status":"completed"`, `"status":"cancelled"`},
		{"Condition", `"code":{`, `"abatementDateTime":"2024-12-01","code":{`},
	} {
		if strings.HasPrefix(r, `{"resourceType":"`+c.typ+`"`) && strings.Contains(r, c.from) && !strings.Contains(r, "abatement") {
			return strings.Replace(r, c.from, c.to, 1), true
		}
	}
	return "", false
}

// TestNames renames every id, in an order of its own.
func TestNames(t *testing.T) {
	who := someone(t)
	names := map[string]string{}
	for _, r := range who.resources {
		id := resourceID(t, r)
		b := []byte(id)
		slices.Reverse(b)
		names[id] = "n" + strings.Trim(string(b), "-.")
	}
	word := regexp.MustCompile(`[A-Za-z0-9.\-]+`)
	rename := func(s string) string {
		return word.ReplaceAllStringFunc(s, func(w string) string {
			if to, ok := names[w]; ok {
				return to
			}
			return w
		})
	}
	renamed := make([]string, len(who.resources))
	for i, r := range who.resources {
		renamed[i] = rename(r)
	}
	before, after := openModel(t), openModel(t)
	before.load(strings.Join(who.resources, "\n"))
	after.load(strings.Join(renamed, "\n"))
	// Which of several equal sources is named first depends on their names: what
	// is compared is everything else.
	sources := regexp.MustCompile(`(?s)"sources": \[[^\]]*\]`)
	plain := func(h *hospital, id string) string {
		return rename(sources.ReplaceAllString(withoutVersion(factsOf(t, h.opinion(id, "&at="+moment))), ""))
	}
	same(t, "renaming", plain(after, names[who.id]), plain(before, who.id))
}

// TestAddedAllergy adds allergies one after the other: each only blocks or warns.
func TestAddedAllergy(t *testing.T) {
	who := someone(t)
	h := openModel(t)
	h.load(strings.Join(who.resources, "\n"))
	before := h.opinion(who.id, "&at=2024-12-31T12:00:00Z")
	tt, err := terms.Default()
	if err != nil {
		t.Fatal(err)
	}
	fired := 0
	for _, allergen := range []string{"penicillin", "aspirin", "lisinopril", "sulfamethoxazole", "codeine", before[0].Items[0].Code.Display} {
		if !tt.Allergen(nil, allergen).Mapped {
			continue
		}
		h.put(`{"resourceType":"AllergyIntolerance","id":"added-` + strings.ReplaceAll(allergen, " ", "-") + `","patient":{"reference":"Patient/` + who.id + `"},"code":{"text":"` + allergen + `"},"recordedDate":"2001-01-01"}`)
		after := h.opinion(who.id, "&at=2024-12-31T12:00:00Z")
		for i := range after {
			fired += onlyBlocks(t, allergen, before[i], after[i])
		}
		before = after
	}
	if fired == 0 {
		t.Error("no allergy did anything: the test proves nothing")
	}
}

// onlyBlocks checks that nothing entered the list but from below, nothing changed
// its probability or its place among the others, and no finding went away.
func onlyBlocks(t *testing.T, allergen string, before, after answer) (fired int) {
	t.Helper()
	stillThere := map[string]item{}
	for _, i := range after.Items {
		stillThere[i.Code.Code] = i
	}
	isBlocked := map[string]bool{}
	for _, b := range after.Blocked {
		isBlocked[b.Code.Code] = true
	}
	last := 0
	for _, b := range before.Items {
		a, ok := stillThere[b.Code.Code]
		switch {
		case !ok && !isBlocked[b.Code.Code]:
			t.Errorf("%s: %s vanished without a word", allergen, b.Code.Display)
		case !ok:
			fired++
		case a.Rank < last:
			t.Errorf("%s: %s changed its place", allergen, b.Code.Display)
		case a.Probability != b.Probability:
			t.Errorf("%s: %s was %v, is %v", allergen, b.Code.Display, b.Probability, a.Probability)
		case len(a.Warnings) < len(b.Warnings):
			t.Errorf("%s: a warning of %s went away", allergen, b.Code.Display)
		default:
			last = a.Rank
			fired += len(a.Warnings) - len(b.Warnings)
		}
	}
	for _, b := range before.Blocked {
		if _, ok := stillThere[b.Code.Code]; ok {
			t.Errorf("%s: %s is no longer blocked", allergen, b.Code.Display)
		}
	}
	return fired
}
