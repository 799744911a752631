package recommender

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// TestCard: all 31 source attributes have a text, figures are those of the report,
// and an artifact read again has the same card.
func TestCard(t *testing.T) {
	a := shared(t)
	by := Maker{Made: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Code: "v1", Gate: "ahead of the baseline", Forced: true}
	card := a.Card(by)
	want := []int{4, 4, 2, 4, 2, 4, 5, 4, 2}
	if len(card.Parts) != len(want) {
		t.Fatalf("%d parts", len(card.Parts))
	}
	for i, p := range card.Parts {
		if len(p.Attributes) != want[i] {
			t.Errorf("%s has %d attributes, the rule %d", p.Title, len(p.Attributes), want[i])
		}
		for _, x := range p.Attributes {
			if x.Name == "" || len(x.Text) < 10 {
				t.Errorf("%s: %q says %q", p.Title, x.Name, x.Text)
			}
		}
	}
	text := card.Markdown()
	w := a.Report().Wants[0]
	for _, s := range []string{a.Version, "2026-01-02 03:04:05 UTC", interval(w.AP[w.Ranker]), interval(w.Subgroups[0].AP), "ahead of the baseline (served against", "sex female: ", "age 40–64"} {
		if !strings.Contains(text, s) {
			t.Errorf("the card lacks %q:\n%s", s, text)
		}
	}
	people := map[string]int{}
	for _, p := range a.Report().People {
		people[p.By] += p.Patients
	}
	if people["sex"] == 0 || people["sex"] != people["age"] || people["sex"] > a.Report().Patients {
		t.Errorf("%v of %d patients", people, a.Report().Patients)
	}
	var b bytes.Buffer
	if _, err := a.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	again, err := readArtifact(&b, noTerms{})
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Card(by).Markdown(); got != text {
		t.Error("an artifact that was read again has another card")
	}
	if base := a.Baseline().Card(by).Markdown(); strings.Contains(base, "sex female (") {
		t.Errorf("the baseline shows another ranker's subgroups:\n%s", base)
	}
}

// Small groups are not told apart.
func TestFewAreNotTold(t *testing.T) {
	got := sharesOf("sex", map[string]int{"female": 40, "male": 10, "other": 2})
	if len(got) != 2 || got[0] != (Share{"sex", "female", 40}) || got[1].Patients != 12 {
		t.Errorf("%+v", got)
	}
}
