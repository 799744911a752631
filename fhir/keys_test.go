package fhir

import (
	"bufio"
	"bytes"
	"os"
	"slices"
	"testing"
)

const keyed = `{"resourceType":"Observation","id":"o1","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"1988-5","display":"C reactive protein [Mass/volume] in Serum or Plasma"}]},"subject":{"reference":"Patient/5783697f-9259-424c-94a8-898a0530ea6f"},"encounter":{"reference":"Encounter/e0fd1c70-75eb-4650-820f-a4c8cf9b402c"},"effectiveDateTime":"2024-12-27T19:01:55Z","issued":"2024-12-27T19:01:55Z","valueQuantity":{"value":3,"unit":"mg/L","system":"http://unitsofmeasure.org","code":"mg/L"},"referenceRange":[{"low":{"value":0},"high":{"value":8}}]}`

func TestKeys(t *testing.T) {
	var x Extractor
	k := x.Keys("Observation", "5783697f-9259-424c-94a8-898a0530ea6f", []byte(keyed))
	var got []string
	for _, l := range k.Lists {
		got = append(got, string(l))
	}
	want := []string{"t|Observation|", "v|Observation|code|1988-5", "r|Observation|Encounter/e0fd1c70-75eb-4650-820f-a4c8cf9b402c", "r|Observation|Patient/5783697f-9259-424c-94a8-898a0530ea6f"}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	first, _, _ := Interval([]byte("2024-12-27T19:01:55Z"))
	if k.Place != PlaceOf(first) {
		t.Errorf("place %d", k.Place)
	}
	for _, m := range []struct{ param, value string }{{"code", "1988-5"}, {"status", "final"}, {"category", "laboratory"}, {"patient", "Patient/5783697f-9259-424c-94a8-898a0530ea6f"}} {
		if !slices.Contains(k.Marks, MarkOf(FindParam("Observation", m.param), m.value)) {
			t.Errorf("no mark of %s=%s", m.param, m.value)
		}
	}
}

// TestKeysOfNames: people are found by the first letters of each of their names.
func TestKeysOfNames(t *testing.T) {
	var x Extractor
	k := x.Keys("Patient", "p", []byte(`{"resourceType":"Patient","id":"p","name":[{"family":"Müller","given":["Li"],"prefix":["X"]}],"telecom":[{"system":"phone","value":"555"}]}`))
	var got []string
	for _, l := range k.Lists {
		got = append(got, string(l))
	}
	want := []string{"t|Patient|", "v|Patient|family|mu", "v|Patient|family|mul", "v|Patient|given|li", "v|Patient|name|li", "v|Patient|name|mu", "v|Patient|name|mul", "v|Patient|phone|555"}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for asked, list := range map[string]string{"m": "", "mu": "v|Patient|family|mu", "mul": "v|Patient|family|mul", "muller": "v|Patient|family|mul", "": ""} {
		if name, ok := LineList("Patient", "family", []byte(asked), false); ok != (list != "") || ok && string(name) != list {
			t.Errorf("%q is looked for in %q, %v", asked, name, ok)
		}
	}
}

// TestCrowd: what has too many values for lists of its own is in the list of the
// crowd.
func TestCrowd(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`{"resourceType":"Provenance","id":"p","target":[`)
	for i := range 1000 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"reference":"Observation/` + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676)) + `"}`)
	}
	b.WriteString("]}")
	var x Extractor
	k := x.Keys("Provenance", "", b.Bytes())
	if len(k.Lists) != 2 || !slices.ContainsFunc(k.Lists, func(l []byte) bool { return bytes.Equal(l, CrowdList("Provenance", false)) }) {
		t.Errorf("%d lists", len(k.Lists))
	}
}

// TestTableOfParameters: the table is whole, and its types of targets are types.
func TestTableOfParameters(t *testing.T) {
	if n := len(SearchTypes()); n < 35 {
		t.Errorf("%d types", n)
	}
	for _, typ := range SearchTypes() {
		ordered := 0
		for _, p := range Params(typ) {
			if p.Type < TokenParam || p.Type > CompositeParam || FindParam(typ, p.Name) != p {
				t.Errorf("%s: %s", typ, p.Name)
			}
			if p.Ordered {
				ordered++
			}
			for _, target := range p.Targets {
				if !typeName(target) {
					t.Errorf("%s: %s points to %q", typ, p.Name, target)
				}
			}
		}
		if ordered > 1 || len(Params(typ)) > 64 {
			t.Errorf("%s: %d dates that order it, %d parameters", typ, ordered, len(Params(typ)))
		}
	}
}

func TestSubset(t *testing.T) {
	raw := []byte(`{"resourceType":"Patient","id":"1","meta":{"tag":[{"code":"x"}]},"text":{"div":"d"},"name":[{"family":"A"}],"contact":[],"_birthDate":{"id":"1"},"birthDate":"1970"}`)
	const tag = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}`
	for _, c := range []struct{ got, want string }{
		{string(Elements(raw, []string{"birthDate"})), `{"resourceType":"Patient","id":"1","meta":{"tag":[` + tag + `,{"code":"x"}]},"_birthDate":{"id":"1"},"birthDate":"1970"}`},
		{string(Summarized(raw, "text")), `{"resourceType":"Patient","id":"1","meta":{"tag":[` + tag + `,{"code":"x"}]},"text":{"div":"d"}}`},
		{string(Summarized(raw, "true")), `{"resourceType":"Patient","id":"1","meta":{"tag":[` + tag + `,{"code":"x"}]},"name":[{"family":"A"}],"_birthDate":{"id":"1"},"birthDate":"1970"}`},
		{string(Summarized([]byte(`{"resourceType":"Patient"}`), "data")), `{"resourceType":"Patient","meta":{"tag":[` + tag + `]}}`},
	} {
		if c.got != c.want {
			t.Errorf("%s\nwant %s", c.got, c.want)
		}
	}
}

// FuzzKeys: no resource breaks the reader of search parameters.
func FuzzKeys(f *testing.F) {
	f.Add("Observation", keyed)
	f.Add("Patient", `{"name":[{"given":[null,1,"a"]}],"telecom":{"system":"phone"},"birthDate":"19"}`)
	f.Add("Encounter", `{"period":{"start":"2020"`)
	f.Fuzz(func(t *testing.T, typ, raw string) {
		var x Extractor
		x.Keys(typ, "p", []byte(raw))
		Elements([]byte(raw), []string{"name"})
	})
}

func BenchmarkKeys(b *testing.B) {
	var x Extractor
	raw := []byte(keyed)
	b.ReportAllocs()
	for b.Loop() {
		x.Keys("Observation", "5783697f-9259-424c-94a8-898a0530ea6f", raw)
	}
}

func BenchmarkKeysOfFile(b *testing.B) {
	path := os.Getenv("NDJSON")
	data, err := os.ReadFile(path)
	if err != nil {
		b.Skip("set NDJSON to a file of resources")
	}
	var lines [][]byte
	var h []Header
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		lines = append(lines, bytes.Clone(s.Bytes()))
		h = append(h, Header{})
		Scan(lines[len(lines)-1], &h[len(h)-1])
	}
	var x Extractor
	for b.Loop() {
		for i, l := range lines {
			x.Keys(h[i].Type, "p", l)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(lines)), "ns/resource")
}
