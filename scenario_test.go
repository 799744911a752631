package ember_test

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ember/terms"
)

// TestScenarios runs the clinical stories in testdata/scenarios against one
// whole hospital. A story is a text file of directives, one a line:
//
//	# what the story is about
//	{…}                          a FHIR resource, loaded before the next question
//	ask PATIENT QUERY            asks for recommendations, as of 2025-01-01T12:00Z unless QUERY has at=
//	post QUERY                   asks with all resources so far in a Bundle, storing nothing
//	blocked DRUG [key=word…]     the answer forbids the drug
//	warned DRUG [key=word…]      the answer lets it pass with a finding
//	allowed DRUG                 the answer lets it pass without a finding
//	course DRUG continue|new     the drug's status
//	unchecked WORDS              something that was not checked is named so
//	abstains WORDS               nothing is recommended, for this reason
//	answers STATUS WORDS         the HTTP status, and words in the answer
//	silent WORDS                 these words are nowhere in the answer
//	mentions WORDS               these words are in the answer
//	found WORDS PATIENT          search for the words finds the patient
//	lost WORDS PATIENT           search for the words does not find the patient
//
// The keys are rule, tier, source and text. In words, _ stands for a space.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.txt")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d scenarios, %v", len(files), err)
	}
	h := openTrained(t)
	tt, err := terms.Default()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			s := story{client: client{t, h.base}, terms: tt}
			s.run(file)
		})
	}
}

// story is one scenario on its way.
type story struct {
	client
	terms *terms.Terms
	where string // file and line
	all   []string
	fresh []string // not loaded yet
	ask   func(explain string) reply
}

func (s *story) run(file string) {
	f, err := os.Open(file)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	checks := 0
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		s.where = fmt.Sprintf("%s:%d", filepath.Base(file), n)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '{':
			s.all, s.fresh = append(s.all, line), append(s.fresh, line)
		default:
			checks++
			s.directive(strings.Fields(line))
		}
	}
	if err := lines.Err(); err != nil || checks < 2 {
		s.t.Fatalf("%s: %d directives, %v", file, checks, err)
	}
}

func (s *story) directive(words []string) {
	s.t.Helper()
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], "_", " ")
	}
	rest := words[1:]
	text := strings.Join(rest, " ")
	switch words[0] {
	case "ask":
		s.load(strings.Join(s.fresh, "\n"))
		s.fresh = nil
		s.asks(rest[0], rest[1])
	case "post":
		s.fresh = nil
		s.posts(rest[0])
	case "blocked", "warned", "allowed", "course":
		s.drug(words[0], rest[0], rest[1:])
	case "unchecked", "abstains", "answers", "silent", "mentions":
		s.whole(words[0], text)
	case "found", "lost":
		s.search(strings.Join(rest[:len(rest)-1], " "), rest[len(rest)-1], words[0] == "found")
	default:
		s.t.Fatalf("%s: no directive %q", s.where, words[0])
	}
}

func (s *story) load(lines string) {
	s.t.Helper()
	if lines != "" {
		s.client.load(lines)
	}
}

func (s *story) asks(patient, query string) {
	s.ask = func(explain string) reply {
		return s.get("/v1/patients/" + patient + "/recommendations?limit=100&" + query + explain)
	}
}

func (s *story) posts(query string) {
	entries := make([]string, len(s.all))
	for i, r := range s.all {
		entries[i] = `{"resource":` + r + `}`
	}
	bundle := `{"resourceType":"Bundle","type":"collection","entry":[` + strings.Join(entries, ",") + `]}`
	s.ask = func(explain string) reply {
		return s.do("POST", "/v1/recommendations?limit=100&"+query+explain, fhirJSON, strings.NewReader(bundle))
	}
}

// drug checks what the answer says of one drug.
func (s *story) drug(directive, name string, conditions []string) {
	s.t.Helper()
	value := name
	if i, ok := s.terms.Ingredient(name); ok {
		value = i.Code.Value
	}
	a := s.ask("&explain=" + strings.ReplaceAll(value, " ", "%20")).answer(s.t)
	x := a.Explained
	if x == nil || a.Abstained || strings.HasPrefix(x.Outcome, "not known") {
		s.t.Fatalf("%s: nothing is said of %s: %s", s.where, name, a.raw)
	}
	s.inList(&a, value, directive == "blocked")
	switch isBlocked := len(x.Blocked) > 0; directive {
	case "blocked":
		if !isBlocked || !met(x.Blocked, conditions) {
			s.t.Errorf("%s: %s is not blocked by %v but: %s, %+v", s.where, name, conditions, x.Outcome, x.Item.Warnings)
		}
	case "warned":
		if isBlocked || len(x.Item.Warnings) == 0 || !met(x.Item.Warnings, conditions) {
			s.t.Errorf("%s: %s is not warned of by %v but: %s, %+v", s.where, name, conditions, x.Outcome, x.Item.Warnings)
		}
	case "allowed":
		if isBlocked || len(x.Item.Warnings) > 0 {
			s.t.Errorf("%s: %s is not let pass: %s, %+v", s.where, name, x.Outcome, x.Item.Warnings)
		}
	case "course":
		if x.Item.Status != conditions[0] {
			s.t.Errorf("%s: %s is %q", s.where, name, x.Item.Status)
		}
	}
}

// inList checks that the list agrees with the explanation.
func (s *story) inList(a *answer, value string, isBlocked bool) {
	s.t.Helper()
	item := slices.ContainsFunc(a.Items, func(i item) bool { return i.Code.Code == value })
	if item && isBlocked {
		s.t.Errorf("%s: %s is among the recommended", s.where, value)
	}
}

// met reports whether one finding meets all conditions.
func met(findings []finding, conditions []string) bool {
	return slices.ContainsFunc(findings, func(f finding) bool {
		for _, c := range conditions {
			key, want, _ := strings.Cut(c, "=")
			got := map[string]string{"rule": f.Rule, "tier": f.Tier, "source": strings.Join(f.Sources, " "), "text": f.Text}[key]
			if key != "source" && key != "text" && got != want || !strings.Contains(got, want) {
				return false
			}
		}
		return true
	})
}

func (s *story) whole(directive, text string) {
	s.t.Helper()
	r := s.ask("")
	if directive == "answers" {
		status, words, _ := strings.Cut(text, " ")
		if fmt.Sprint(r.status) != status || !strings.Contains(string(r.body), words) {
			s.t.Errorf("%s: answered %d %s", s.where, r.status, r.body)
		}
		return
	}
	a := r.answer(s.t)
	ok := false
	switch directive {
	case "unchecked":
		ok = strings.Contains(strings.Join(a.Unchecked, "; "), text)
	case "abstains":
		ok = a.Abstained && len(a.Items) == 0 && strings.Contains(a.AbstainReason, text)
	case "silent":
		ok = !strings.Contains(string(a.raw), text)
	case "mentions":
		ok = strings.Contains(string(a.raw), text)
	}
	if !ok {
		s.t.Errorf("%s: not so: %s", s.where, a.raw)
	}
}

func (s *story) search(text, patient string, want bool) {
	s.t.Helper()
	s.ready()
	r := s.get("/v1/search?limit=100&q=" + strings.ReplaceAll(text, " ", "+"))
	if r.status != http.StatusOK {
		s.t.Fatalf("%s: %d %s", s.where, r.status, r.body)
	}
	if got := strings.Contains(string(r.body), `"`+patient+`"`) || strings.Contains(string(r.body), `"Patient/`+patient+`"`); got != want {
		s.t.Errorf("%s: found %t: %s", s.where, got, r.body)
	}
}
