package ember_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// fact is a resource as the judge knows it: he reads no FHIR and asks no engine.
type fact struct {
	typ, id, patient     string
	code, category, stat string
	date                 int // day of 2024
	doctor               string
	word                 string
}

func (f *fact) ref() string { return f.typ + "/" + f.id }

func (f *fact) json() string {
	ref := func(name, to string) string {
		if to == "" {
			return ""
		}
		return fmt.Sprintf(`,%q:{"reference":%q}`, name, to)
	}
	coded := func(name, code, word string) string {
		return fmt.Sprintf(`,%q:{"coding":[{"system":"http://s","code":%q,"display":%q}],"text":%q}`, name, code, word, word)
	}
	day := fmt.Sprintf("2024-%02d-%02d", 1+f.date/28, 1+f.date%28)
	head := fmt.Sprintf(`{"resourceType":%q,"id":%q`, f.typ, f.id)
	switch f.typ {
	case "Patient":
		return head + fmt.Sprintf(`,"gender":%q,"birthDate":"1970-01-01"}`, f.code)
	case "Practitioner":
		return head + fmt.Sprintf(`,"gender":%q}`, f.code)
	case "Observation":
		return head + fmt.Sprintf(`,"status":%q`, f.stat) + coded("code", f.code, f.word) + `,"category":[{"coding":[{"system":"http://c","code":"` + f.category + `"}]}]` +
			ref("subject", "Patient/"+f.patient) + performer(f.doctor) + `,"effectiveDateTime":"` + day + `"}`
	case "Condition":
		return head + coded("code", f.code, f.word) + `,"category":[{"coding":[{"system":"http://c","code":"` + f.category + `"}]}]` + ref("subject", "Patient/"+f.patient) + `,"recordedDate":"` + day + `"}`
	default:
		return head + fmt.Sprintf(`,"status":%q,"intent":"order"`, f.stat) + coded("medicationCodeableConcept", f.code, f.word) + ref("subject", "Patient/"+f.patient) + `,"authoredOn":"` + day + `"}`
	}
}

func performer(doctor string) string {
	if doctor == "" {
		return ""
	}
	return fmt.Sprintf(`,"performer":[{"reference":"Practitioner/%s"}]`, doctor)
}

var judgedWords = []string{"asthma", "migraine", "psoriasis", "gout", "anaemia"}

// invent makes a hospital of a few people.
func invent(r *rand.Rand, n int) (facts []fact) {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	people := 3 + r.IntN(4)
	for i := range people {
		facts = append(facts, fact{typ: "Patient", id: fmt.Sprint("p", i), patient: fmt.Sprint("p", i), code: pick("male", "female")})
	}
	for i := range 3 {
		facts = append(facts, fact{typ: "Practitioner", id: fmt.Sprint("d", i), code: pick("male", "female")})
	}
	for i := range n {
		f := fact{typ: pick("Observation", "Observation", "Condition", "MedicationRequest"), id: fmt.Sprint("r", i), patient: fmt.Sprint("p", r.IntN(people)),
			code: pick("a", "b", "c"), category: pick("lab", "vital"), stat: pick("final", "amended"), date: r.IntN(200), doctor: pick("", "d0", "d1", "d2")}
		f.word = judgedWords[r.IntN(len(judgedWords))]
		if f.typ == "MedicationRequest" {
			f.stat, f.category = pick("active", "completed"), ""
		}
		facts = append(facts, f)
	}
	return facts
}

// want is one parameter, and the scopes' conditions.
type want struct{ name, value string }

func (w want) holds(f *fact) bool {
	values := strings.Split(w.value, ",")
	switch w.name {
	case "code":
		return slices.Contains(values, f.code)
	case "category":
		return slices.Contains(values, f.category) || slices.Contains(values, "http://c|"+f.category)
	case "status":
		return slices.Contains(values, f.stat)
	case "_id":
		return slices.Contains(values, f.id)
	case "gender":
		return slices.Contains(values, f.code)
	case "patient":
		return slices.Contains(values, f.patient)
	}
	return false
}

// known are the parameters that a type has.
func has(typ string, name string) bool {
	switch name {
	case "_id":
		return true
	case "category":
		return typ == "Observation" || typ == "Condition" || typ == "MedicationRequest"
	case "status":
		return typ == "Observation" || typ == "MedicationRequest"
	case "code", "patient":
		return typ == "Observation" || typ == "Condition" || typ == "MedicationRequest"
	case "gender":
		return typ == "Patient" || typ == "Practitioner"
	}
	return false
}

// judgedScope is a scope as the judge knows it.
type judgedScope struct {
	level, typ, can string
	where           []want
}

func (s judgedScope) text(r *rand.Rand) string {
	can := s.can
	if len(s.where) == 0 && r.IntN(2) == 0 {
		switch can {
		case "rs":
			can = "read"
		case "cruds":
			can = "*"
		}
	}
	text := s.level + "/" + s.typ + "." + can
	for i, w := range s.where {
		text += string("?&"[min(i, 1)]) + w.name + "=" + w.value
	}
	return text
}

func inventScopes(r *rand.Rand) (all []judgedScope) {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	for range 1 + r.IntN(4) {
		s := judgedScope{level: pick("patient", "patient", "patient", "user", "system"), typ: pick("*", "Observation", "Observation", "Condition", "Patient", "Practitioner", "MedicationRequest"), can: pick("rs", "rs", "rs", "r", "s", "cruds", "cud")}
		if r.IntN(3) == 0 {
			s.where = append(s.where, []want{{"category", "lab"}, {"category", "http://c|lab"}, {"code", "a,b"}, {"status", "final"}, {"nonsense", "x"}, {"gender", "male"}, {"_id", "r1,r2,r3,r4,p1"}}[r.IntN(7)])
			if r.IntN(3) == 0 {
				s.where = append(s.where, want{"code", pick("a", "b", "c")})
			}
		}
		all = append(all, s)
	}
	return all
}

// judge says what one token may see.
type judge struct {
	facts   []fact
	scopes  []judgedScope
	patient string
}

// sees is the rule as the specification has it. named are the patients whom the question
// names; system scopes may not search over all here.
func (j *judge) sees(f *fact, can string, named []string, list bool) bool {
	for _, s := range j.scopes {
		if s.typ != "*" && s.typ != f.typ || !strings.Contains(s.can, can) {
			continue
		}
		if !slices.ContainsFunc(s.where, func(w want) bool { return !has(f.typ, w.name) || !w.holds(f) }) && j.whose(s, f, named, list) {
			return true
		}
	}
	return false
}

func (j *judge) whose(s judgedScope, f *fact, named []string, list bool) bool {
	switch {
	case s.level == "patient":
		return j.patient != "" && (f.patient == j.patient || f.typ == "Practitioner")
	case s.level == "system" && list:
		return slices.Contains(named, f.patient) || f.typ == "Practitioner"
	}
	return true
}

// any reports whether a scope gives anything of a type.
func (j *judge) any(typ, can string) bool {
	return slices.ContainsFunc(j.scopes, func(s judgedScope) bool {
		return (s.typ == "*" || s.typ == typ) && strings.Contains(s.can, can) && (s.level != "patient" || j.patient != "") &&
			!slices.ContainsFunc(s.where, func(w want) bool { return !has(typ, w.name) })
	})
}

// everywhere reports whether what a scope gives of a type needs nobody to be named.
func (j *judge) everywhere(typ string) bool {
	return typ == "Practitioner" || slices.ContainsFunc(j.scopes, func(s judgedScope) bool {
		return (s.typ == "*" || s.typ == typ) && strings.Contains(s.can, "s") && s.level != "system" && (s.level != "patient" || j.patient != "") &&
			!slices.ContainsFunc(s.where, func(w want) bool { return !has(typ, w.name) })
	})
}

// question is one search with what the judge makes of it.
type judgedQuestion struct {
	typ     string
	terms   []want
	chain   *want // of Observation: performer.gender
	has     *want // of Patient: _has:Observation:patient:code
	include string
}

func inventQuestion(r *rand.Rand) (q judgedQuestion) {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	q.typ = pick("Observation", "Observation", "Observation", "Condition", "Patient", "Practitioner", "MedicationRequest")
	for range r.IntN(3) {
		w := []want{{"code", pick("a", "b", "a,c")}, {"category", pick("lab", "vital")}, {"status", pick("final", "active")}, {"patient", fmt.Sprint("p", r.IntN(5))}, {"gender", "male"}, {"_id", pick("r1,r2,r5", "p0,p1", "d0")}}[r.IntN(6)]
		if has(q.typ, w.name) {
			q.terms = append(q.terms, w)
		}
	}
	switch q.typ {
	case "Observation":
		if r.IntN(4) == 0 {
			q.chain = &want{"gender", pick("male", "female")}
		}
		q.include = pick("", "", "_include=Observation:performer", "_include=Observation:patient")
	case "Patient":
		if r.IntN(3) == 0 {
			q.has = &want{"code", pick("a", "b", "c")}
		}
		q.include = pick("", "", "_revinclude=Observation:patient", "_revinclude=Condition:patient")
	}
	return q
}

func (q *judgedQuestion) query() url.Values {
	v := url.Values{}
	for _, w := range q.terms {
		v.Add(w.name, w.value)
	}
	if q.chain != nil {
		v.Add("performer:Practitioner.gender", q.chain.value)
	}
	if q.has != nil {
		v.Add("_has:Observation:patient:code", q.has.value)
	}
	if name, value, ok := strings.Cut(q.include, "="); ok {
		v.Add(name, value)
	}
	return v
}

// named are the patients that the question names by an id.
func (q *judgedQuestion) named() []string {
	for _, w := range q.terms {
		if w.name == "patient" || w.name == "_id" && q.typ == "Patient" {
			return strings.Split(w.value, ",")
		}
	}
	return nil
}

// answer is what the judge finds: matches, and what is included.
func (q *judgedQuestion) answer(j *judge) (matches, included []string) {
	named := q.named()
	see := func(f *fact) bool { return j.sees(f, "s", named, true) }
	var found []*fact
	for i := range j.facts {
		f := &j.facts[i]
		if f.typ != q.typ || !see(f) || slices.ContainsFunc(q.terms, func(w want) bool { return !w.holds(f) }) {
			continue
		}
		if q.chain != nil && !slices.ContainsFunc(j.facts, func(d fact) bool { return d.typ == "Practitioner" && d.id == f.doctor && q.chain.holds(&d) && see(&d) }) {
			continue
		}
		if q.has != nil && !slices.ContainsFunc(j.facts, func(o fact) bool { return o.typ == "Observation" && o.patient == f.id && q.has.holds(&o) && see(&o) }) {
			continue
		}
		found, matches = append(found, f), append(matches, f.ref())
	}
	for i := range j.facts {
		x := &j.facts[i]
		if see(x) && slices.ContainsFunc(found, func(f *fact) bool { return q.brings(f, x) }) {
			included = append(included, x.ref())
		}
	}
	slices.Sort(matches)
	slices.Sort(included)
	return matches, included
}

func (q *judgedQuestion) brings(f, x *fact) bool {
	switch q.include {
	case "_include=Observation:performer":
		return x.typ == "Practitioner" && x.id == f.doctor
	case "_include=Observation:patient":
		return x.typ == "Patient" && x.id == f.patient
	case "_revinclude=Observation:patient":
		return x.typ == "Observation" && x.patient == f.id
	case "_revinclude=Condition:patient":
		return x.typ == "Condition" && x.patient == f.id
	}
	return false
}

type judgedCase struct {
	*hospital
	token string
	scope string
	judge
}

func (c *judgedCase) get(path string) reply {
	return c.ask("GET", path, "", "Authorization: Bearer "+c.token)
}

// search follows a search to its last page.
func (c *judgedCase) search(t *testing.T, r *rand.Rand, q *judgedQuestion) {
	t.Helper()
	v := q.query()
	v.Set("_total", "accurate")
	if r.IntN(2) == 0 {
		v.Set("_count", fmt.Sprint(1+r.IntN(5)))
	}
	if r.IntN(4) == 0 {
		v.Set("_sort", []string{"_id", "-_lastUpdated"}[r.IntN(2)])
	}
	path := "/fhir/" + q.typ + "?" + v.Encode()
	rep := c.get(path)
	if !c.any(q.typ, "s") || len(q.named()) == 0 && !c.everywhere(q.typ) {
		if rep.status != 403 {
			t.Fatalf("%s of %q: %d", path, c.scope, rep.status)
		}
		return
	}
	wanted, included := q.answer(&c.judge)
	var matches, brought []string
	for {
		b := rep.bundle(t)
		if b.Total == nil || *b.Total != len(wanted) {
			t.Fatalf("%s of %q for %q: total %v, want %d", path, c.scope, c.patient, b.Total, len(wanted))
		}
		next := ""
		for _, l := range b.Link {
			if l.Relation == "next" {
				next = strings.TrimPrefix(l.URL, smartBase)
			}
		}
		for _, e := range b.Entry {
			var head struct{ ResourceType, ID string }
			if json.Unmarshal(e.Resource, &head) != nil {
				t.Fatal("no resource")
			}
			ref := head.ResourceType + "/" + head.ID
			switch {
			case e.Search.Mode == "match":
				matches = append(matches, ref)
			case e.Search.Mode == "include" && !slices.Contains(brought, ref):
				brought = append(brought, ref)
			}
		}
		if next == "" {
			break
		}
		rep = c.get("/fhir" + next)
	}
	slices.Sort(matches)
	slices.Sort(brought)
	if !slices.Equal(matches, wanted) || !slices.Equal(brought, included) {
		t.Fatalf("%s of %q for %q: %v + %v, want %v + %v", path, c.scope, c.patient, matches, brought, wanted, included)
	}
}

// read reads one resource, its history or a version.
func (c *judgedCase) read(t *testing.T, r *rand.Rand) {
	t.Helper()
	f := &c.facts[r.IntN(len(c.facts))]
	path := "/fhir/" + f.ref() + []string{"", "/_history", "/_history/1"}[r.IntN(3)]
	wanted := 404
	if c.sees(f, "r", nil, false) {
		wanted = 200
	} else if !c.any(f.typ, "r") {
		wanted = 403
	}
	if rep := c.get(path); rep.status != wanted {
		t.Fatalf("%s of %q for %q: %d, want %d: %s", path, c.scope, c.patient, rep.status, wanted, rep.body)
	}
}

// count asks for counts, and everything of a patient.
func (c *judgedCase) everything(t *testing.T, r *rand.Rand) {
	t.Helper()
	id := fmt.Sprint("p", r.IntN(3))
	rep := c.get("/fhir/Patient/" + id + "/$everything")
	if rep.status == 403 {
		pinned := !slices.ContainsFunc(c.scopes, func(s judgedScope) bool { return s.level != "patient" && s.can != "" }) && c.patient != id
		if c.any("Patient", "s") && !pinned {
			t.Fatalf("$everything of %q for %q: %s", c.scope, c.patient, rep.body)
		}
		return
	}
	var wanted []string
	for i := range c.facts {
		f := &c.facts[i]
		mine := f.patient == id
		if f.typ == "Practitioner" {
			mine = slices.ContainsFunc(c.facts, func(o fact) bool {
				return o.doctor == f.id && o.patient == id && o.typ == "Observation" && c.sees(&o, "s", []string{id}, true)
			})
		}
		if mine && c.sees(f, "s", []string{id}, true) {
			wanted = append(wanted, f.ref())
		}
	}
	slices.Sort(wanted)
	if rep.status == 404 && len(wanted) == 0 {
		return
	}
	if got := rep.bundle(t).ids(); len(wanted) == 0 || !slices.Equal(got, wanted) {
		t.Fatalf("$everything of %s, %q for %q: %v, want %v", id, c.scope, c.patient, got, wanted)
	}
}

// words searches in words: for one patient, over everybody, or not at all.
func (c *judgedCase) words(t *testing.T, r *rand.Rand) {
	t.Helper()
	word := judgedWords[r.IntN(len(judgedWords))]
	rep := c.get("/v1/search?q=" + word)
	over := func(level string) bool {
		cans := ""
		for _, s := range c.scopes {
			if s.typ == "*" && len(s.where) == 0 && (s.level == level || level == "patient" && s.level != "patient") && (s.level != "patient" || c.patient != "") {
				cans += s.can
			}
		}
		return strings.Contains(cans, "r") && strings.Contains(cans, "s")
	}
	if rep.status != 200 {
		if rep.status != 403 {
			t.Fatalf("%d %s", rep.status, rep.body)
		}
		return
	}
	everybody := over("user")
	if !everybody && !over("patient") {
		t.Fatalf("words of %q: %s", c.scope, rep.body)
	}
	has := map[string]bool{}
	for _, f := range c.facts {
		if f.word == word && (everybody || f.patient == c.patient) {
			has[f.patient] = true
		}
	}
	var got struct {
		Total    int
		Patients []struct{ Patient string }
		Concepts []struct {
			Code     struct{ Display string }
			Patients int
		}
	}
	rep.decode(t, &got)
	if got.Total != len(has) || len(got.Patients) != len(has) {
		t.Fatalf("%s of %q for %q: %d patients, want %v: %s", word, c.scope, c.patient, got.Total, has, rep.body)
	}
	for _, p := range got.Patients {
		if !has[strings.TrimPrefix(p.Patient, "Patient/")] {
			t.Fatalf("%s of %q for %q: %s", word, c.scope, c.patient, rep.body)
		}
	}
	for _, k := range got.Concepts {
		if k.Patients > len(has) || k.Patients == 0 {
			t.Fatalf("%s of %q for %q counts others: %s", word, c.scope, c.patient, rep.body)
		}
	}
}

// TestScopesNeverLeak asks 10,000 random questions with random scopes of random hospitals,
// and holds matches, includes, totals, pages, words and refusals to what a judge says who
// shares no code with the server.
func TestScopesNeverLeak(t *testing.T) {
	const hospitals, questions = 12, 900
	asked := 0
	for n := range hospitals {
		r := rand.New(rand.NewPCG(24, uint64(n)))
		h, idp := openSMART(t, t.TempDir()+"/data", "user=read,search,write,recommend system=read,write")
		facts := invent(r, 40+r.IntN(40))
		var lines []string
		for i := range facts {
			lines = append(lines, facts[i].json())
		}
		rep := h.as(idp.Token(smartBase, "user/*.cruds", ""))("POST", "/fhir", strings.Join(lines, "\n"), "Content-Type: "+ndjson)
		if rep.status != 200 || rep.parameter(t, "refused") != 0 {
			t.Fatalf("%d %s", rep.status, rep.body)
		}
		h.ready()
		for range questions / 9 {
			c := judgedCase{hospital: h, judge: judge{facts: facts, scopes: inventScopes(r)}}
			if r.IntN(6) > 0 {
				c.patient = fmt.Sprint("p", r.IntN(3))
			}
			for _, s := range c.scopes {
				c.scope += s.text(r) + " "
			}
			c.scope += []string{"openid", "patient/nonsense", "launch", "user/Observation.sr"}[r.IntN(4)]
			c.token = idp.Token(smartBase, c.scope, c.patient)
			for range 6 {
				q := inventQuestion(r)
				c.search(t, r, &q)
			}
			c.read(t, r)
			c.everything(t, r)
			c.words(t, r)
			asked += 9
		}
	}
	t.Logf("%d questions", asked)
}
