package safety_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ember/recommender/safety"
	"ember/record"
	"ember/terms"
)

var now = time.Date(2024, 6, 1, 9, 0, 0, 0, time.UTC)

// world holds what every test needs.
type world struct {
	*testing.T
	terms *terms.Terms
	rules *safety.Checker
}

func newWorld(t *testing.T) world {
	t.Helper()
	tt, err := terms.Default()
	if err != nil {
		t.Fatal(err)
	}
	c, err := safety.New(tt, "")
	if err != nil {
		t.Fatal(err)
	}
	return world{t, tt, c}
}

func (w world) drug(name string, daysAgo int) record.Event {
	d := w.terms.Drug(nil, name)
	if !d.Mapped {
		w.Fatalf("%s is not mapped", name)
	}
	return record.Event{Kind: record.Medication, Mode: record.Ordered, Concept: d.Concept, Text: name,
		Known: now.AddDate(0, 0, -daysAgo), Source: "MedicationRequest/" + name}
}

func (w world) order(name string) safety.Order {
	d := w.terms.Drug(nil, name)
	return safety.Order{Drug: d, Code: d.Concept, Kind: record.Medication}
}

func (w world) check(person record.Person, order safety.Order, events ...record.Event) []safety.Finding {
	w.Helper()
	tl := record.Timeline{Person: person, Events: slices.Clone(events)}
	tl.Sort()
	findings, unchecked := w.rules.Check(w.rules.Prepare(tl.Before(now), nil), order)
	if unchecked != "" {
		w.Fatalf("unchecked: %s", unchecked)
	}
	return findings
}

// tier is the gravest tier of findings by rules with the prefix, "" for none.
func tier(findings []safety.Finding, rule string) string {
	for _, f := range findings {
		if strings.HasPrefix(f.Rule, rule) {
			return f.Tier
		}
	}
	return ""
}

func TestONCPairsBothWays(t *testing.T) {
	w := newWorld(t)
	pairs := []struct{ rule, a, b string }{
		{"onc-01", "dextroamphetamine", "phenelzine"}, {"onc-02", "atazanavir", "omeprazole"}, {"onc-03", "febuxostat", "azathioprine"},
		{"onc-04", "fluoxetine", "tranylcypromine"}, {"onc-05", "irinotecan", "ketoconazole"}, {"onc-06", "meperidine", "phenelzine"},
		{"onc-07", "amitriptyline", "phenelzine"}, {"onc-08", "haloperidol", "sotalol"}, {"onc-09", "ramelteon", "fluvoxamine"},
		{"onc-10", "saquinavir", "rifampin"}, {"onc-11", "simvastatin", "itraconazole"}, {"onc-12", "ergotamine", "clarithromycin"},
		{"onc-13", "tizanidine", "ciprofloxacin"}, {"onc-14", "tranylcypromine", "procarbazine"}, {"onc-15", "sumatriptan", "phenelzine"},
	}
	for _, p := range pairs {
		for _, way := range [][2]string{{p.a, p.b}, {p.b, p.a}} {
			if got := tier(w.check(record.Person{}, w.order(way[0]), w.drug(way[1], 3)), p.rule); got != safety.Block {
				t.Errorf("%s: %s while taking %s: %q, want block", p.rule, way[0], way[1], got)
			}
			if got := tier(w.check(record.Person{}, w.order(way[0]), w.drug("loratadine", 3)), p.rule); got != "" {
				t.Errorf("%s: %s while taking loratadine: %q, want nothing", p.rule, way[0], got)
			}
			if got := tier(w.check(record.Person{}, w.order(way[0]), w.drug(way[1], 400)), p.rule); got != "" {
				t.Errorf("%s: %s after %s of last year: %q, want nothing", p.rule, way[0], way[1], got)
			}
		}
	}
}

func allergyTo(text string, daysAgo int, severity record.Severity) record.Event {
	e := record.Event{Kind: record.Allergy, Concept: record.Code{System: record.Text, Value: strings.ToLower(text)}, Text: text, Severity: severity, Source: "AllergyIntolerance/1"}
	if daysAgo > 0 {
		e.Known = now.AddDate(0, 0, -daysAgo)
	}
	return e
}

func TestAllergies(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ allergy, order, rule, want string }{
		{"amoxicillin", "amoxicillin", "allergy-ingredient", safety.Block},
		{"PCN", "amoxicillin", "allergy-penicillin", safety.Block},
		{"penicillin G", "piperacillin", "allergy-penicillin", safety.Block},
		{"ampicillin", "cephalexin", "allergy-r1", safety.Warn},
		{"SULFA", "sulfamethoxazole / trimethoprim", "allergy-sulfonamide", safety.Block},
		{"aspirin", "ibuprofen", "allergy-nsaid", safety.Block},
		{"NSAIDS", "ketorolac", "allergy-nsaid", safety.Block},
		{"lisinopril", "ramipril", "allergy-ace", safety.Block},
		{"lisinopril", "sacubitril / valsartan", "allergy-ace", safety.Block},
		{"codeine", "morphine", "allergy-opioid", safety.Warn},
		{"codeine", "fentanyl", "allergy", ""},
		{"NKDA", "amoxicillin", "allergy", ""},
		{"latex", "amoxicillin", "allergy", ""},
		{"penicillin", "azithromycin", "allergy", ""},
	} {
		for _, age := range []int{0, 100} { // undated allergies count
			if got := tier(w.check(record.Person{}, w.order(c.order), allergyTo(c.allergy, age, 0)), c.rule); got != c.want {
				t.Errorf("allergy %s, order %s: %q, want %q", c.allergy, c.order, got, c.want)
			}
		}
	}
}

func TestToleranceLowersTheTierUnlessSevere(t *testing.T) {
	w := newWorld(t)
	given := func(mode record.Mode, days ...int) (all []record.Event) {
		for _, d := range days {
			e := w.drug("amoxicillin", d)
			e.Mode = mode
			all = append(all, e)
		}
		return all
	}
	for _, c := range []struct {
		name     string
		severity record.Severity
		events   []record.Event
		want     string
		assumed  string
	}{
		{"given once", record.Low, given(record.Done, 300), safety.Warn, "1 times"},
		{"stated", record.Low, given(record.Stated, 700), safety.Warn, "1 times"},
		{"given once, severe", record.High, given(record.Done, 300), safety.Block, "1 times"},
		{"one order may be the mistake", record.Low, given(record.Ordered, 300), safety.Block, ""},
		{"two orders", record.Low, given(record.Ordered, 300, 400), safety.Block, ""},
		{"three orders", record.Low, given(record.Ordered, 300, 400, 500), safety.Warn, "3 times"},
		{"before the allergy was recorded", record.Low, given(record.Done, 2000), safety.Block, ""},
	} {
		f := w.live(w.order("amoxicillin"), nil, append(c.events, allergyTo("PCN", 1000, c.severity))...)
		if len(f) == 0 || f[0].Tier != c.want || !strings.Contains(f[0].Assumption, c.assumed) || c.assumed == "" && f[0].Assumption != "" || f[0].Severity != c.severity.String() {
			t.Errorf("%s: %+v", c.name, f)
		}
	}
	drafts := given(record.Ordered, 0, 0, 0)
	tl := record.Timeline{Events: []record.Event{allergyTo("PCN", 1000, record.Low)}}
	if f, _ := w.rules.Check(w.rules.Prepare(tl.Live(now), drafts), w.order("amoxicillin")); tier(f, "allergy") != safety.Block {
		t.Errorf("drafts: %+v", f)
	}
}

func TestDuplicates(t *testing.T) {
	w := newWorld(t)
	order := w.order("atorvastatin")
	if got := tier(w.check(record.Person{}, order, w.drug("atorvastatin", 10)), "duplicate-ingredient"); got != safety.Block {
		t.Errorf("second order: %q", got)
	}
	order.Continue = true
	if got := tier(w.check(record.Person{}, order, w.drug("atorvastatin", 10)), "duplicate"); got != "" {
		t.Errorf("renewal: %q", got)
	}
	if got := tier(w.check(record.Person{}, w.order("atorvastatin"), w.drug("simvastatin", 10)), "duplicate-statin"); got != safety.Warn {
		t.Errorf("second statin: %q", got)
	}
	draft := w.drug("atorvastatin", 0)
	tl := record.Timeline{}
	pt := w.rules.Prepare(tl.Before(now), []record.Event{draft})
	order.Event = &draft
	if f, _ := w.rules.Check(pt, order); tier(f, "duplicate") != "" {
		t.Errorf("a draft is a duplicate of itself: %+v", f)
	}
}

func lab(loinc string, v float64, unit string, daysAgo int) record.Event {
	return record.Event{Kind: record.Test, Concept: record.Code{System: record.LOINC, Value: loinc}, Value: v, HasValue: true, Unit: unit,
		Known: now.AddDate(0, 0, -daysAgo), Source: "Observation/" + loinc}
}

func TestConditionsAndValues(t *testing.T) {
	w := newWorld(t)
	woman := record.Person{Sex: record.Female, Born: record.Date{Year: 1990}}
	pregnant := record.Event{Kind: record.Condition, Concept: record.Code{System: record.ICD10CM, Value: "Z33"}, Codes: []record.Code{{System: record.ICD10CM, Value: "Z33.1"}},
		Known: now.AddDate(0, 0, -60), Start: now.AddDate(0, 0, -60), Source: "Condition/pregnancy"}
	asthma := record.Event{Kind: record.Condition, Concept: record.Code{System: record.ICD10CM, Value: "J45"}, Codes: []record.Code{{System: record.ICD10CM, Value: "J45.909"}},
		Known: now.AddDate(-5, 0, 0), Source: "Condition/asthma"}
	old := pregnant
	old.Known, old.Start = now.AddDate(-2, 0, 0), now.AddDate(-2, 0, 0)
	cases := []struct {
		name, order, rule, want string
		person                  record.Person
		events                  []record.Event
	}{
		{"pregnant", "lisinopril", "pregnancy", safety.Block, woman, []record.Event{pregnant}},
		{"pregnant", "losartan", "pregnancy", safety.Block, woman, []record.Event{pregnant}},
		{"pregnant", "warfarin", "pregnancy", safety.Block, woman, []record.Event{pregnant}},
		{"pregnant", "isotretinoin", "pregnancy", safety.Block, woman, []record.Event{pregnant}},
		{"pregnant", "atorvastatin", "pregnancy", safety.Block, woman, []record.Event{pregnant}},
		{"pregnant", "labetalol", "pregnancy", "", woman, []record.Event{pregnant}},
		{"two years ago", "lisinopril", "pregnancy", "", woman, []record.Event{old}},
		{"a man on record", "lisinopril", "pregnancy", safety.Warn, record.Person{Sex: record.Male}, []record.Event{pregnant}},
		{"asthma", "propranolol", "asthma", safety.Warn, woman, []record.Event{asthma}},
		{"asthma", "metoprolol", "asthma", "", woman, []record.Event{asthma}},
		{"eGFR 25", "metformin", "egfr", safety.Block, woman, []record.Event{lab("33914-3", 25, "mL/min/{1.73_m2}", 30)}},
		{"eGFR 40", "metformin", "egfr", safety.Warn, woman, []record.Event{lab("98979-8", 40, "mL/min/{1.73_m2}", 30)}},
		{"eGFR 80", "metformin", "egfr", "", woman, []record.Event{lab("98979-8", 80, "mL/min/{1.73_m2}", 30)}},
		{"creatinine 3.1 mg/dL", "metformin", "egfr", safety.Block, woman, []record.Event{lab("2160-0", 3.1, "mg/dL", 30)}},
		{"creatinine 274 umol/L", "metformin", "egfr", safety.Block, woman, []record.Event{lab("2160-0", 274, "umol/L", 30)}},
		{"no result", "metformin", "value-missing", safety.Info, woman, nil},
		{"potassium 5.9", "spironolactone", "potassium", safety.Block, woman, []record.Event{lab("2823-3", 5.9, "mmol/L", 3)}},
		{"potassium 5.9 mEq/L", "spironolactone", "potassium", safety.Block, woman, []record.Event{lab("6298-4", 5.9, "meq/L", 3)}},
		{"potassium 5.5", "spironolactone", "potassium", "", woman, []record.Event{lab("2823-3", 5.5, "mmol/L", 3)}},
		{"potassium of last year", "spironolactone", "potassium", "", woman, []record.Event{lab("2823-3", 6.5, "mmol/L", 300)}},
	}
	for _, c := range cases {
		if got := tier(w.check(c.person, w.order(c.order), c.events...), c.rule); got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.name, c.order, got, c.want)
		}
	}
}

func TestGFR(t *testing.T) {
	// Values of the formula itself, computed by hand from Inker 2021.
	for _, c := range []struct {
		creatinine float64
		age        int
		sex        record.Sex
		want       float64
	}{{0.7, 50, record.Female, 105.3}, {0.9, 50, record.Male, 104.0}, {2.0, 70, record.Male, 35.3}} {
		if got, ok := safety.GFR(c.creatinine, c.age, c.sex); !ok || got < c.want-0.2 || got > c.want+0.2 {
			t.Errorf("%+v: %.1f %v", c, got, ok)
		}
	}
	if _, ok := safety.GFR(1, 12, record.Female); ok {
		t.Error("computed for a child")
	}
}

func TestWhatCannotBeMappedIsNamed(t *testing.T) {
	w := newWorld(t)
	odd := record.Event{Kind: record.Medication, Mode: record.Ordered, Concept: record.Code{System: "urn:local", Value: "4711"}, Known: now.AddDate(0, 0, -1), Source: "MedicationRequest/odd"}
	tl := record.Timeline{Events: []record.Event{odd}}
	pt := w.rules.Prepare(tl.Before(now), nil)
	if got := pt.Unchecked(); len(got) != 1 || !strings.Contains(got[0], "MedicationRequest/odd") {
		t.Errorf("unchecked %v", got)
	}
	_, unchecked := w.rules.Check(pt, safety.Order{Code: odd.Concept, Kind: record.Medication})
	if !strings.Contains(unchecked, "4711") {
		t.Errorf("unchecked %q", unchecked)
	}
}

func TestTestsWithinTheirInterval(t *testing.T) {
	w := newWorld(t)
	order := safety.Order{Kind: record.Test, Code: record.Code{System: record.LOINC, Value: "4548-4", Display: "HbA1c"}}
	if got := tier(w.check(record.Person{}, order, lab("4548-4", 7.1, "%", 20)), "interval-hba1c"); got != safety.Warn {
		t.Errorf("after 20 days: %q", got)
	}
	if got := tier(w.check(record.Person{}, order, lab("4548-4", 7.1, "%", 100)), "interval"); got != "" {
		t.Errorf("after 100 days: %q", got)
	}
}

func TestAddingAnAllergyOnlyBlocksOrWarns(t *testing.T) {
	w := newWorld(t)
	taking := []record.Event{w.drug("warfarin", 10), w.drug("lisinopril", 20)}
	for _, name := range []string{"aspirin", "amoxicillin", "ramipril", "codeine", "metformin"} {
		before := w.check(record.Person{}, w.order(name), taking...)
		after := w.check(record.Person{}, w.order(name), append(slices.Clone(taking), allergyTo("aspirin", 5, 0), allergyTo("PCN", 5, 0))...)
		for _, f := range before {
			if !slices.ContainsFunc(after, func(g safety.Finding) bool { return g.Rule == f.Rule }) {
				t.Errorf("%s: an allergy took %s away", name, f.Rule)
			}
		}
	}
}

func TestSiteTables(t *testing.T) {
	tt, err := terms.Default()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	head := "rule\ttier\tleft\tright\twashout\ttext\tsource\n"
	for name, c := range map[string]struct{ body, want string }{
		"a tier that is none":  {"x\tforbid\tssri\tmaoi\t0\tt\ts\n", "interactions.tsv:2"},
		"a class nobody is in": {"x\tblock\tssri\tmaio\t0\tt\ts\n", "maio"},
		"a column too few":     {"x\tblock\tssri\tmaoi\t0\tt\n", "interactions.tsv:2"},
		"good":                 {"x\tblock\tssri\ttriptan\t0\tt\ts\n", ""},
	} {
		if err := os.WriteFile(filepath.Join(dir, "interactions.tsv"), []byte(head+c.body), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := safety.New(tt, dir)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func ExampleChecker_Check() {
	t, err := terms.Default()
	if err != nil {
		fmt.Println(err)
		return
	}
	rules, err := safety.New(t, "")
	if err != nil {
		fmt.Println(err)
		return
	}
	tl := record.Timeline{Events: []record.Event{{Kind: record.Allergy, Text: "PCN", Known: now.AddDate(0, 0, -9), Source: "AllergyIntolerance/1"}}}
	order := safety.Order{Drug: t.Drug(nil, "Amoxicillin 500 MG Oral Capsule"), Kind: record.Medication}
	findings, _ := rules.Check(rules.Prepare(tl.Before(now), nil), order)
	fmt.Println(findings[0].Tier, findings[0].Rule, findings[0].References)
	// Output: block allergy-penicillin [AllergyIntolerance/1]
}
