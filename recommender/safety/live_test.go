package safety_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ember/recommender/safety"
	"ember/record"
)

// live judges an order by everything that is on record now.
func (w world) live(order safety.Order, encounters []record.Encounter, events ...record.Event) []safety.Finding {
	w.Helper()
	tl := record.Timeline{Encounters: encounters, Events: slices.Clone(events)}
	tl.Sort()
	findings, _ := w.rules.Check(w.rules.Prepare(tl.Live(now), nil), order)
	return findings
}

// TestWhatIsTakenNow: ends that lie ahead, statuses, and where an order is for.
func TestWhatIsTakenNow(t *testing.T) {
	w := newWorld(t)
	stay := []record.Encounter{{ID: "Encounter/1", Class: "IMP", Start: now.AddDate(0, 0, -30), End: now.AddDate(0, 0, -20)}}
	for _, c := range []struct {
		name, drug, order, rule, want, assumed string
		days                                   int
		change                                 func(*record.Event)
	}{
		{"an end next year", "phenelzine", "sertraline", "onc-04", safety.Block, "", 250, func(e *record.Event) { e.End = now.AddDate(1, 0, 0) }},
		{"status active, long ago", "phenelzine", "sertraline", "onc-04", safety.Block, "status active", 800, func(e *record.Event) { e.Status = record.Active }},
		{"status active, but a dated end", "simvastatin", "clarithromycin", "onc-11", "", "", 90, func(e *record.Event) { e.Status, e.End = record.Active, now.AddDate(0, 0, -30) }},
		{"on hold", "simvastatin", "clarithromycin", "onc-11", safety.Block, "on hold", 300, func(e *record.Event) { e.Status = record.OnHold }},
		{"stopped", "simvastatin", "clarithromycin", "onc-11", "", "", 30, func(e *record.Event) { e.Status = record.Ended }},
		{"stopped before its dated end", "simvastatin", "clarithromycin", "onc-11", "", "", 30, func(e *record.Event) { e.Status, e.End = record.Ended, now.AddDate(1, 0, 0) }},
		{"stopped, perhaps yesterday", "phenelzine", "sertraline", "onc-04", safety.Block, "status ended", 30, func(e *record.Event) { e.Status = record.Ended }},
		{"stopped at an unknown time: asked", "phenelzine", "sertraline", "end-assumed", safety.Info, "2024-", 200, func(e *record.Event) { e.Status = record.Ended }},
		{"stopped, and no washout: silent", "simvastatin", "clarithromycin", "end-assumed", "", "", 200, func(e *record.Event) { e.Status = record.Ended }},
		{"dropped by a default duration: asked", "simvastatin", "clarithromycin", "end-assumed", safety.Info, "taken to have ended on 2024-03-", 200, nil},
		{"two years ago: silent", "simvastatin", "clarithromycin", "end-assumed", "", "", 800, nil},
		{"in a stay that ended", "simvastatin", "clarithromycin", "onc-11", "", "", 25, func(e *record.Event) { e.Encounter = "Encounter/1" }},
		{"written in a stay, for home", "simvastatin", "clarithromycin", "onc-11", safety.Block, "120 days", 25, func(e *record.Event) { e.Encounter, e.Home = "Encounter/1", true }},
	} {
		e := w.drug(c.drug, c.days)
		if c.change != nil {
			c.change(&e)
		}
		f := w.live(w.order(c.order), stay, e)
		i := slices.IndexFunc(f, func(f safety.Finding) bool { return strings.HasPrefix(f.Rule, c.rule) })
		switch {
		case i < 0 && c.want != "" || i >= 0 && f[i].Tier != c.want:
			t.Errorf("%s: %+v, want %q", c.name, f, c.want)
		case i >= 0 && !strings.Contains(f[i].Assumption, c.assumed):
			t.Errorf("%s: assumption %q, want %q", c.name, f[i].Assumption, c.assumed)
		}
	}
}

// TestStatusOfAllergiesInThePast: a status is of the day of export, so a question
// about the past heeds none and says what it assumes; a dated end is known.
func TestStatusOfAllergiesInThePast(t *testing.T) {
	w := newWorld(t)
	for _, status := range []record.Status{0, record.Active, record.Ended} {
		allergy := allergyTo("PCN", 100, 0)
		allergy.Status = status
		f := w.check(record.Person{}, w.order("amoxicillin"), allergy)
		if len(f) != 1 || f[0].Tier != safety.Block || !strings.Contains(f[0].Assumption, "not on record: taken to hold") {
			t.Errorf("status %d: %+v", status, f)
		}
	}
	if f := w.live(w.order("amoxicillin"), nil, allergyTo("PCN", 100, 0)); len(f) != 1 || f[0].Assumption != "" {
		t.Errorf("now: %+v", f)
	}
	ended := allergyTo("PCN", 100, 0)
	ended.End = now.AddDate(0, 0, -10)
	if f := w.check(record.Person{}, w.order("amoxicillin"), ended); len(f) != 0 {
		t.Errorf("ended before: %+v", f)
	}
}

func TestStatusOfAllergiesAndConditions(t *testing.T) {
	w := newWorld(t)
	asthma := record.Event{Kind: record.Condition, Concept: record.Code{System: record.ICD10CM, Value: "J45"}, Known: now.AddDate(-5, 0, 0), Source: "Condition/asthma"}
	for status, want := range map[record.Status][2]string{0: {safety.Block, safety.Warn}, record.Active: {safety.Block, safety.Warn}, record.Ended: {"", ""}} {
		allergy := allergyTo("PCN", 100, 0)
		allergy.Status, asthma.Status = status, status
		if got := tier(w.live(w.order("amoxicillin"), nil, allergy), "allergy"); got != want[0] {
			t.Errorf("allergy of status %d: %q", status, got)
		}
		if got := tier(w.live(w.order("propranolol"), nil, asthma), "asthma"); got != want[1] {
			t.Errorf("asthma of status %d: %q", status, got)
		}
	}
}

func TestAllergyToNobodyKnowsWhatIsUnchecked(t *testing.T) {
	w := newWorld(t)
	tl := record.Timeline{Undated: []record.Event{{Kind: record.Allergy, Concept: record.Code{System: record.Text, Value: "unspecified"}, Text: "unspecified substance", Source: "AllergyIntolerance/blank"}}}
	if got := w.rules.Prepare(tl.Live(now), nil).Unchecked(); len(got) != 1 || !strings.Contains(got[0], "AllergyIntolerance/blank") {
		t.Errorf("unchecked %q", got)
	}
}

// TestContinueNeedsAnActiveDrug: what ended ten months ago is no renewal.
func TestContinueNeedsAnActiveDrug(t *testing.T) {
	w := newWorld(t)
	order := w.order("omeprazole")
	order.Continue = true
	other := w.drug("pantoprazole", 10)
	if got := tier(w.check(record.Person{}, order, w.drug("omeprazole", 300), other), "duplicate-ppi"); got != safety.Warn {
		t.Errorf("ended ten months ago: %q", got)
	}
	if got := tier(w.check(record.Person{}, order, w.drug("omeprazole", 30), other), "duplicate"); got != "" {
		t.Errorf("a renewal: %q", got)
	}
}

func TestContrastOfExaminations(t *testing.T) {
	w := newWorld(t)
	ct := func(words string) safety.Order {
		return safety.Order{Kind: record.Test, Code: record.Code{System: record.Text, Value: words, Display: words}}
	}
	metformin := w.drug("metformin", 10)
	for words, want := range map[string]string{"CT chest with contrast": safety.Warn, "CT chest w/ IV contrast": safety.Warn, "CT chest without contrast": "", "MRI brain with contrast": "", "chest X-ray": ""} {
		if got := tier(w.check(record.Person{}, ct(words), metformin), "label-metformin-contrast"); got != want {
			t.Errorf("%s with metformin: %q, want %q", words, got, want)
		}
		done := record.Event{Kind: record.Procedure, Mode: record.Done, Concept: record.Code{System: record.Text, Value: words}, Text: words, Known: now.Add(-20 * time.Hour), Source: "Procedure/ct"}
		if got := tier(w.check(record.Person{}, w.order("metformin"), done), "label-metformin-contrast"); got != want {
			t.Errorf("metformin after %s: %q, want %q", words, got, want)
		}
		done.Known = now.AddDate(0, 0, -4)
		if got := tier(w.check(record.Person{}, w.order("metformin"), done), "label-metformin-contrast"); got != "" {
			t.Errorf("metformin four days after %s: %q", words, got)
		}
	}
	for words, want := range map[string]string{"CT abdomen with contrast": safety.Warn, "CT abdomen without contrast": ""} {
		if got := tier(w.check(record.Person{}, ct(words), allergyTo("contrast dye", 800, 0)), "allergy"); got != want {
			t.Errorf("%s with an allergy: %q", words, got)
		}
	}
}

// TestKindsWithoutRules: procedures and immunizations are said to be unchecked;
// contrast media are heeded in procedures all the same.
func TestKindsWithoutRules(t *testing.T) {
	w := newWorld(t)
	p := w.rules.Prepare(record.Timeline{Events: []record.Event{allergyTo("iodinated contrast", 100, 0)}}.Live(now), nil)
	order := func(kind record.Kind, name string) ([]safety.Finding, string) {
		return w.rules.Check(p, safety.Order{Kind: kind, Code: record.Code{System: "local", Value: "1", Display: name}})
	}
	for _, kind := range []record.Kind{record.Procedure, record.Immunization} {
		if f, unchecked := order(kind, "appendectomy"); len(f) != 0 || !strings.HasPrefix(unchecked, kind.String()) {
			t.Errorf("%v: %+v %q", kind, f, unchecked)
		}
	}
	if f, _ := order(record.Procedure, "CT abdomen with contrast"); tier(f, "") != safety.Warn {
		t.Errorf("contrast: %+v", f)
	}
	if _, unchecked := order(record.Test, "potassium"); unchecked != "" {
		t.Errorf("test: %q", unchecked)
	}
}
