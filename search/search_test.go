package search_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"ember/fhir"
	"ember/search"
	"ember/store"
)

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// box is a store with an engine over it, and what is in it as decoded JSON.
type box struct {
	*testing.T
	store  *store.Store
	engine *search.Engine
	x      fhir.Extractor
	all    map[string]map[string]any // ref → resource
	clock  time.Time
}

func newBox(t *testing.T) *box {
	t.Helper()
	b := &box{T: t, all: map[string]map[string]any{}, clock: now}
	s, err := store.Open(store.Options{Dir: t.TempDir(), Now: func() time.Time { return b.clock }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	b.store = s
	b.engine = &search.Engine{Store: s, Now: func() time.Time { return now }, Units: func(v float64, from, to string) (float64, bool) {
		switch {
		case from == to:
			return v, true
		case from == "g" && to == "mg":
			return v * 1000, true
		case from == "mg" && to == "g":
			return v / 1000, true
		}
		return 0, false
	}}
	return b
}

// put stores resources; patient is read from subject or patient.
func (b *box) put(resources ...string) {
	b.Helper()
	var writes []store.Write
	for _, text := range resources {
		var r map[string]any
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			b.Fatalf("%v: %s", err, text)
		}
		typ, id := r["resourceType"].(string), r["id"].(string)
		patient := ""
		for _, name := range []string{"subject", "patient"} {
			if m, ok := r[name].(map[string]any); ok {
				ref, _ := m["reference"].(string)
				if p, ok := strings.CutPrefix(ref, "Patient/"); ok {
					patient = p
				}
			}
		}
		if typ == "Patient" {
			patient = id
		}
		k := b.x.Keys(typ, patient, []byte(text))
		writes = append(writes, store.Write{Type: typ, ID: id, Patient: patient, Raw: []byte(text), Index: store.Index{Lists: k.Lists, Place: k.Place, Marks: k.Marks}})
		b.all[typ+"/"+id] = r
	}
	if _, err := b.store.Commit(b.Context(), writes); err != nil {
		b.Fatal(err)
	}
}

func (b *box) remove(ref string) {
	typ, id, _ := strings.Cut(ref, "/")
	if _, err := b.store.Commit(b.Context(), []store.Write{{Type: typ, ID: id, Delete: true}}); err != nil {
		b.Fatal(err)
	}
	delete(b.all, ref)
}

func (b *box) parse(typ, query string) *search.Query {
	b.Helper()
	q, err := search.Parse(typ, query)
	if err != nil {
		b.Fatalf("%s?%s: %v", typ, query, err)
	}
	return q
}

// pages follows a search to its end and returns the ids in their order.
func (b *box) pages(typ, query string, scope *search.Scope) (ids []string) {
	b.Helper()
	q := b.parse(typ, query)
	if len(q.Ignored) > 0 {
		b.Fatalf("%s?%s: ignored %v", typ, query, q.Ignored)
	}
	var from *search.Cursor
	for range 1000 {
		page, err := b.engine.Search(b.Context(), q, scope, from)
		if err != nil {
			b.Fatalf("%s?%s: %v", typ, query, err)
		}
		for _, r := range page.Matches {
			ids = append(ids, r.ID)
		}
		if page.Next == "" {
			if page.Total >= 0 && page.Total != len(ids) {
				b.Errorf("%s?%s: total %d of %d", typ, query, page.Total, len(ids))
			}
			return ids
		}
		if q, from, err = b.engine.Resume(typ, page.Next); err != nil {
			b.Fatal(err)
		}
	}
	b.Fatalf("%s?%s: no end of pages", typ, query)
	return nil
}

func (b *box) want(typ, query string, ids ...string) {
	b.Helper()
	got := b.pages(typ, query, nil)
	slices.Sort(got)
	slices.Sort(ids)
	if !slices.Equal(got, ids) {
		b.Errorf("%s?%s: %v, want %v", typ, query, got, ids)
	}
}

const (
	anna = `{"resourceType":"Patient","id":"a","active":true,"identifier":[{"system":"urn:mrn","value":"1"}],"name":[{"family":"Müller","given":["Anna","Li"]}],"gender":"female","birthDate":"1970-05-01","telecom":[{"system":"phone","value":"555"},{"system":"email","value":"a@x"}],"address":[{"city":"Zürich","use":"home"}],"deceasedBoolean":false}`
	ben  = `{"resourceType":"Patient","id":"b","identifier":[{"system":"urn:mrn","value":"2"},{"value":"1"}],"name":[{"text":"Ben, of a|b"}],"gender":"male","birthDate":"1980","deceasedDateTime":"2020-01-01"}`
)

func observation(id, patient, code, date, rest string) string {
	return fmt.Sprintf(`{"resourceType":"Observation","id":%q,"status":"final","code":{"coding":[{"system":"http://loinc.org","code":%q,"display":"Name of %s"}],"text":"said %s"},"subject":{"reference":"Patient/%s"}%s%s}`, id, code, code, code, patient, date, rest)
}

func at(when string) string { return `,"effectiveDateTime":"` + when + `"` }

// TestParameters holds each type of parameter, prefix and modifier to what the
// specification says of it.
func TestParameters(t *testing.T) {
	b := newBox(t)
	b.put(anna, ben,
		observation("o1", "a", "1", at("2024-03-10"), `,"valueQuantity":{"value":5.4,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"},"category":[{"coding":[{"system":"c","code":"lab"}]}]`),
		observation("o2", "a", "2", at("2024-03-10T10:00:00+02:00"), `,"valueQuantity":{"value":0.0054,"unit":"g","system":"http://unitsofmeasure.org","code":"g"},"performer":[{"reference":"Practitioner/d"}]`),
		observation("o3", "b", "1", `,"effectivePeriod":{"start":"2024-01-01","end":"2024-06-30"}`, `,"valueString":"Été"`),
		observation("o4", "b", "1", `,"effectivePeriod":{"start":"2024-05-01"}`, `,"meta":{"tag":[{"system":"t","code":"x"}],"profile":["http://p|1"]}`),
		observation("o5", "b", "3", "", `,"valueQuantity":{"value":7,"comparator":"<"},"encounter":{"identifier":{"system":"e","value":"9"}}`),
		`{"resourceType":"Practitioner","id":"d","name":[{"family":"Doc"}]}`,
		`{"resourceType":"RiskAssessment","id":"k","status":"final","subject":{"reference":"Patient/a"},"prediction":[{"probabilityDecimal":0.8}]}`)
	for _, c := range []struct{ typ, query, ids string }{
		{"Patient", "", "a b"},
		{"Patient", "_id=a,c", "a"},
		{"Patient", "_id=a&_id=b", ""},
		{"Patient", "_id:not=a", "b"},
		{"Patient", "name=mul", "a"},
		{"Patient", "name=MÜLL", "a"},
		{"Patient", "name=li", "a"},
		{"Patient", "name:exact=Müller", "a"},
		{"Patient", "name:exact=müller", ""},
		{"Patient", "name:contains=llE", "a"},
		{"Patient", `name=Ben\, of`, "b"},
		{"Patient", `name=ben,anna`, "a b"},
		{"Patient", "family:missing=true", "b"},
		{"Patient", "family:missing=false", "a"},
		{"Patient", "identifier=1", "a b"},
		{"Patient", "identifier=urn:mrn|1", "a"},
		{"Patient", "identifier=|1", "b"},
		{"Patient", "identifier=urn:mrn|", "a b"},
		{"Patient", "identifier:not=urn:mrn|1", "b"},
		{"Patient", "gender=male,other", "b"},
		{"Patient", "gender:not=male", "a"},
		{"Patient", "gender=http://hl7.org/fhir/administrative-gender|male", "b"},
		{"Patient", "active=true", "a"},
		{"Patient", "active:not=true", "b"},
		{"Patient", "deceased=true", "b"},
		{"Patient", "deceased=false", "a"},
		{"Patient", "deceased:not=true", "a"},
		{"Patient", "deceased:missing=false", "a b"},
		{"Patient", "phone=555", "a"},
		{"Patient", "phone=a@x", ""},
		{"Patient", "telecom=a@x", "a"},
		{"Patient", "address=zuri", "a"},
		{"Patient", "address-use=home", "a"},
		{"Patient", "birthdate=1970-05-01", "a"},
		{"Patient", "birthdate=1980-05-01", ""},
		{"Patient", "birthdate=1980", "b"},
		{"Patient", "birthdate=gt1980-06", "b"},
		{"Patient", "birthdate=le1975", "a"},
		{"Patient", "birthdate=ne1970-05", "b"},
		{"Observation", "code=1", "o1 o3 o4"},
		{"Observation", "code=http://loinc.org|1&patient=b", "o3 o4"},
		{"Observation", "code=x|1", ""},
		{"Observation", "code=1,2&subject=Patient/a", "o1 o2"},
		{"Observation", "code:text=SAID 1", "o1 o3 o4"},
		{"Observation", "code:text=name of 3", "o5"},
		{"Observation", "category=c|lab", "o1"},
		{"Observation", "category:missing=true", "o2 o3 o4 o5"},
		{"Observation", "date=2024-03-10", "o1 o2"},
		{"Observation", "date=2024-03-10T08:00:00Z", "o2"},
		{"Observation", "date=2024-03-10T08:00Z", "o2"},
		{"Observation", "date=2024", "o1 o2 o3"},
		{"Observation", "date=ge2024-07", "o4"},
		{"Observation", "date=gt2024-03-10", "o3 o4"},
		{"Observation", "date=lt2024-03-10", "o3"},
		{"Observation", "date=le2024-03-10", "o1 o2 o3"},
		{"Observation", "date=sa2024-03-01", "o1 o2 o4"},
		{"Observation", "date=eb2024-07-01", "o1 o2 o3"},
		{"Observation", "date=ap2024-03-11", "o1 o2 o3 o4"},
		{"Observation", "date=ge2024-03&date=le2024-04", "o1 o2 o3"},
		{"Observation", "date:missing=true", "o5"},
		{"Observation", "value-quantity=5.4||mg", "o1 o2"},
		{"Observation", "value-quantity=5.4|http://unitsofmeasure.org|mg", "o1 o2"},
		{"Observation", "value-quantity=5.4", "o1"},
		{"Observation", "value-quantity=5", "o1"},
		{"Observation", "value-quantity=gt5.3||mg", "o1 o2"},
		{"Observation", "value-quantity=lt7", "o1 o2 o5"},
		{"Observation", "value-quantity=ap5.8||mg", "o1 o2"},
		{"Observation", "value-string=ete", "o3"},
		{"Observation", "performer=Practitioner/d", "o2"},
		{"Observation", "performer=d", "o2"},
		{"Observation", "performer:Practitioner=d", "o2"},
		{"Observation", "subject:Patient=a", "o1 o2"},
		{"Observation", "encounter:identifier=e|9", "o5"},
		{"Observation", "patient.identifier=urn:mrn|2", "o3 o4 o5"},
		{"Observation", "subject:Patient.name=mull", "o1 o2"},
		{"Observation", "subject.name=mull", "o1 o2"},
		{"Observation", "performer.family=doc", "o2"},
		{"Observation", "_tag=t|x", "o4"},
		{"Observation", "_profile=http://p", "o4"},
		{"Observation", "_lastUpdated=gt2026-01-01", "o1 o2 o3 o4 o5"},
		{"Observation", "_lastUpdated=lt2026-01-01", ""},
		{"Patient", "_has:Observation:patient:code=2", "a"},
		{"Patient", "_has:Observation:patient:code=1", "a b"},
		{"Patient", "_has:Observation:subject:performer:Practitioner.name=doc", "a"},
		{"RiskAssessment", "probability=gt0.7", "k"},
		{"RiskAssessment", "probability=0.8", "k"},
		{"RiskAssessment", "probability=lt0.5", ""},
	} {
		for _, count := range []string{"", "&_count=1"} {
			b.want(c.typ, encoded(c.query)+count, strings.Fields(c.ids)...)
		}
	}
}

func encoded(query string) string {
	if query == "" {
		return "_format=json"
	}
	var parts []string
	for p := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(p, "=")
		parts = append(parts, name+"="+url.QueryEscape(value))
	}
	return strings.Join(parts, "&")
}

// TestRefusedParameters are errors, and those that are not known are only ignored.
func TestRefusedParameters(t *testing.T) {
	for _, query := range []string{"birthdate=yesterday", "birthdate=2024-13", "_count=-1", "_count=x", "gender:exact=male", "name:below=x", "birthdate=gt", "_total=maybe",
		"_summary=x", "family:missing=1", "_has:Observation=1", "name.x=1", "%zz=1", "identifier=a|b|c", "identifier=|"} {
		if _, err := search.Parse("Patient", query); err == nil {
			t.Errorf("%s is not refused", query)
		}
	}
	q, err := search.Parse("Patient", "nothing=1&_sort=nothing&_include=Patient:nothing&name=x")
	if err != nil || len(q.Ignored) != 3 || q.Used.Encode() != "_include=Patient%3Anothing&_sort=nothing&name=x" && q.Used.Encode() != "name=x" {
		t.Errorf("%v, %v, %v", err, q.Ignored, q.Used)
	}
}

// TestOrder sorts by what the type is ordered by and by others, in pages.
func TestOrder(t *testing.T) {
	b := newBox(t)
	b.put(anna, ben)
	for i := range 25 {
		b.put(observation(fmt.Sprint("o", i), "a", fmt.Sprint(i%3), at(fmt.Sprintf("2024-01-%02d", 1+(i*7)%28)), ""))
	}
	dates := func(ids []string) (out []string) {
		for _, id := range ids {
			out = append(out, b.all["Observation/"+id]["effectiveDateTime"].(string))
		}
		return out
	}
	for query, descending := range map[string]bool{"_sort=date": false, "_sort=-date": true, "_sort=-date&code=1,2": true, "patient=a&_sort=date,code": false, "_sort=-date,_id": true} {
		for _, count := range []int{1, 4, 25, 100} {
			got := dates(b.pages("Observation", query+"&_count="+fmt.Sprint(count), nil))
			want := slices.Clone(got)
			slices.Sort(want)
			if descending {
				slices.Reverse(want)
			}
			if len(got) < 16 || !slices.Equal(got, want) {
				t.Errorf("%s, %d a page: %v", query, count, got)
			}
		}
	}
	if got := b.pages("Patient", "_sort=-birthdate", nil); !slices.Equal(got, []string{"b", "a"}) {
		t.Error(got)
	}
	if got := b.pages("Patient", "_sort=-family", nil); !slices.Equal(got, []string{"a", "b"}) {
		t.Error("what has none does not come last:", got)
	}
}

// TestPagesAreStable: what is written between two pages neither repeats nor hides
// what was there.
func TestPagesAreStable(t *testing.T) {
	b := newBox(t)
	for i := range 30 {
		b.put(observation(fmt.Sprint("o", i), "a", "1", at(fmt.Sprintf("2024-01-%02d", i+1)), ""))
	}
	q := b.parse("Observation", "code=1&_count=10")
	page, err := b.engine.Search(t.Context(), q, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := len(page.Matches)
	for page.Next != "" {
		b.put(observation("new"+fmt.Sprint(seen), "a", "1", at("2025-01-01"), ""))
		q, from, err := b.engine.Resume("Observation", page.Next)
		if err != nil {
			t.Fatal(err)
		}
		if page, err = b.engine.Search(t.Context(), q, nil, from); err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Matches {
			if strings.HasPrefix(r.ID, "new") {
				t.Error("a page behind shows what came before it")
			}
		}
		seen += len(page.Matches)
	}
	if seen != 30 {
		t.Errorf("%d of 30", seen)
	}
	if _, _, err := b.engine.Resume("Patient", page.First); err == nil {
		t.Error("a cursor of one type is taken for another")
	}
}

// TestKeysFollow: updates, deletes and erasure take the old places away.
func TestKeysFollow(t *testing.T) {
	b := newBox(t)
	b.put(anna, observation("o", "a", "1", at("2024-01-01"), ""))
	b.want("Observation", "code=1", "o")
	b.put(observation("o", "a", "2", at("2025-01-01"), ""))
	b.want("Observation", "code=1")
	b.want("Observation", "code=2", "o")
	b.want("Observation", "date=2024")
	b.want("Observation", "", "o")
	b.remove("Observation/o")
	b.want("Observation", "code=2")
	b.want("Observation", "patient=a")
	b.put(observation("o", "a", "2", at("2025-01-01"), ""), observation("p", "a", "2", at("2025-01-02"), ""))
	b.want("Observation", "code=2", "o", "p")
	if err := b.store.Erase(context.Background(), "a"); err != nil {
		t.Fatal(err)
	}
	b.want("Observation", "code=2")
	b.want("Patient", "name=mul")
	for e, err := range b.store.Scan([]store.Span{{List: fhir.TypeList("Observation", false), To: store.MaxPlace}}, false, nil) {
		t.Errorf("an entry is left: %v %v", e, err)
	}
}

// TestInclude follows references both ways, through circles, within bounds.
func TestInclude(t *testing.T) {
	b := newBox(t)
	b.put(anna, ben, observation("o1", "a", "1", "", `,"hasMember":[{"reference":"Observation/o2"}],"performer":[{"reference":"Practitioner/d"}]`),
		observation("o2", "a", "2", "", `,"hasMember":[{"reference":"Observation/o1"}]`),
		`{"resourceType":"Practitioner","id":"d","name":[{"family":"Doc"}]}`)
	for query, want := range map[string]string{
		"code=1&_include=Observation:patient":                                "Patient/a",
		"code=1&_include=Observation:performer&_include=Observation:subject": "Patient/a Practitioner/d",
		"code=1&_include=Observation:performer:Patient":                      "",
		"code=1&_include=*": "Observation/o2 Patient/a Practitioner/d",
		"code=1&_include:iterate=Observation:has-member":    "Observation/o2",
		"code=1&_revinclude=Observation:has-member":         "Observation/o2",
		"code=1&_revinclude:iterate=Observation:has-member": "Observation/o2",
	} {
		page, err := b.engine.Search(t.Context(), b.parse("Observation", query), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range page.Included {
			got = append(got, r.Type+"/"+r.ID)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want || len(page.Matches) != 1 {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
	}
}

// TestScope: what may not be seen is neither shown, counted nor included, and no
// condition tells of it.
func TestScope(t *testing.T) {
	b := newBox(t)
	b.put(anna, ben, observation("o1", "a", "1", at("2024-01-01"), ""), observation("o2", "b", "1", at("2024-01-01"), `,"focus":[{"reference":"Patient/a"}]`),
		`{"resourceType":"Practitioner","id":"d","name":[{"family":"Doc"}]}`)
	shared := func(typ string) bool { return typ == "Practitioner" }
	scope := &search.Scope{Patients: []string{"a"}, Shared: shared}
	for _, c := range []struct {
		typ, query string
		ids        string
	}{
		{"Observation", "code=1", "o1"}, {"Observation", "", "o1"}, {"Observation", "_id=o2", ""}, {"Patient", "", "a"}, {"Patient", "name=ben", ""},
		{"Practitioner", "", "d"}, {"Observation", "focus=Patient/a", ""}, {"Patient", "_has:Observation:focus:code=1", ""}, {"Observation", "patient.name=ben", ""},
	} {
		got := b.pages(c.typ, encoded(c.query), scope)
		if strings.Join(got, " ") != c.ids {
			t.Errorf("%s?%s: %v, want %s", c.typ, c.query, got, c.ids)
		}
		page, err := b.engine.Search(t.Context(), b.parse(c.typ, encoded(c.query)+"&_summary=count"), scope, nil)
		if err != nil || page.Total != len(strings.Fields(c.ids)) {
			t.Errorf("%s?%s counts %v, %v", c.typ, c.query, page, err)
		}
	}
	page, err := b.engine.Search(t.Context(), b.parse("Patient", "_id=a&_revinclude=Observation:focus"), scope, nil)
	if err != nil || len(page.Included) != 0 {
		t.Errorf("included %v, %v", page, err)
	}
	if got := b.pages("Observation", "code=1", &search.Scope{Hidden: func(p string) bool { return p == "b" }}); strings.Join(got, " ") != "o1" {
		t.Error(got)
	}
}
