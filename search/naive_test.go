package search_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// TestAgainstNaive compares random searches over random resources, with updates and
// deletes among them, with a filter over decoded JSON that knows nothing of lists.
func TestAgainstNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	b := newBox(t)
	for i := range 20 {
		b.put(fmt.Sprintf(`{"resourceType":"Patient","id":"p%d","gender":%q,"name":[{"family":%q}]}`, i, pick(r, "male", "female"), pick(r, "Roth", "Rossi", "Ólafur", "Olsen", "Li")))
	}
	n := 600
	for i := range n {
		b.put(randomObservation(r, fmt.Sprint("o", i)))
	}
	for i := range 60 {
		b.put(randomObservation(r, fmt.Sprint("o", r.IntN(n))))
		if ref := fmt.Sprint("Observation/o", i*3); b.all[ref] != nil {
			b.remove(ref)
		}
	}
	searches := 800
	if testing.Short() {
		searches = 300
	}
	some := 0
	for range searches {
		query, holds := randomQuery(b, r)
		var want []string
		for ref, res := range b.all {
			if id, ok := strings.CutPrefix(ref, "Observation/"); ok && holds(res) {
				want = append(want, id)
			}
		}
		got := b.pages("Observation", query+"&_count="+pick(r, "7", "50", "1000"), nil)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%s: %d found, %d meet it: %v, want %v", query, len(got), len(want), got, want)
		}
		if len(want) > 0 {
			some++
		}
	}
	if some < searches/2 {
		t.Errorf("only %d of %d searches find anything", some, searches)
	}
}

func randomDate(r *rand.Rand) string {
	d := time.Date(2020+r.IntN(4), time.Month(1+r.IntN(12)), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), 0, time.UTC)
	return d.Format(pick(r, "2006", "2006-01", "2006-01-02", "2006-01-02", "2006-01-02T15:04:05Z", "2006-01-02T15:04:05.000Z"))
}

func randomObservation(r *rand.Rand, id string) string {
	var date string
	switch r.IntN(6) {
	case 0:
		date = fmt.Sprintf(`,"effectivePeriod":{"start":%q}`, randomDate(r))
	case 1:
		date = fmt.Sprintf(`,"effectivePeriod":{"end":%q}`, randomDate(r))
	case 2:
		start := randomDate(r)[:4]
		date = fmt.Sprintf(`,"effectivePeriod":{"start":%q,"end":"2024-0%d-01"}`, start, 1+r.IntN(9))
	case 3:
	default:
		date = at(randomDate(r))
	}
	rest := fmt.Sprintf(`,"valueQuantity":{"value":%d}`, r.IntN(20))
	if r.IntN(3) > 0 {
		rest += fmt.Sprintf(`,"category":[{"coding":[{"system":"c","code":%q}]},{"coding":[{"code":%q}]}]`, pick(r, "x", "y"), pick(r, "x", "z"))
	}
	if r.IntN(4) == 0 {
		rest += fmt.Sprintf(`,"hasMember":[{"reference":"Observation/o%d"}]`, r.IntN(600))
	}
	return observation(id, fmt.Sprint("p", r.IntN(20)), fmt.Sprint(r.IntN(12)), date, rest)
}

// randomQuery is a query with what decides it.
func randomQuery(b *box, r *rand.Rand) (string, func(map[string]any) bool) {
	var parts []string
	var all []func(map[string]any) bool
	for range 1 + r.IntN(3) {
		part, holds := randomTerm(b, r)
		parts, all = append(parts, part), append(all, holds)
	}
	if r.IntN(2) == 0 {
		parts = append(parts, "_sort="+pick(r, "date", "-date", "code", "-_id", "value-quantity"))
	}
	return strings.Join(parts, "&"), func(res map[string]any) bool {
		return !slices.ContainsFunc(all, func(holds func(map[string]any) bool) bool { return !holds(res) })
	}
}

func randomTerm(b *box, r *rand.Rand) (string, func(map[string]any) bool) {
	switch r.IntN(7) {
	case 0:
		x, y := fmt.Sprint(r.IntN(12)), fmt.Sprint(r.IntN(12))
		system := pick(r, "", "http://loinc.org|")
		return "code=" + strings.ReplaceAll(system+x+","+y, "|", "%7C"), func(res map[string]any) bool { return codeOf(res) == x || codeOf(res) == y }
	case 1:
		p := fmt.Sprint("p", r.IntN(20))
		return pick(r, "patient=", "subject=Patient/", "subject:Patient=") + p, func(res map[string]any) bool { return subjectOf(res) == "Patient/"+p }
	case 2:
		not := r.IntN(2) == 0
		x := pick(r, "x", "y", "z")
		return "category" + map[bool]string{true: ":not"}[not] + "=" + x, func(res map[string]any) bool {
			has := false
			list, _ := res["category"].([]any)
			for _, c := range list {
				has = has || c.(map[string]any)["coding"].([]any)[0].(map[string]any)["code"] == x
			}
			return has != not
		}
	case 3:
		v := float64(r.IntN(20))
		prefix := pick(r, "gt", "le", "ne", "")
		return fmt.Sprint("value-quantity=", prefix, v), func(res map[string]any) bool {
			x := res["valueQuantity"].(map[string]any)["value"].(float64)
			return map[string]bool{"gt": x > v, "le": x <= v, "ne": x != v, "": x == v}[prefix]
		}
	case 4:
		g := pick(r, "male", "female")
		return "patient.gender=" + g, func(res map[string]any) bool { return b.all[subjectOf(res)]["gender"] == g }
	case 5:
		x := fmt.Sprint(r.IntN(12))
		return "_has:Observation:has-member:code=" + x, func(res map[string]any) bool {
			for _, other := range b.all {
				members, _ := other["hasMember"].([]any)
				for _, m := range members {
					if m.(map[string]any)["reference"] == "Observation/"+res["id"].(string) && codeOf(other) == x {
						return true
					}
				}
			}
			return false
		}
	}
	prefix, date := pick(r, "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"), randomDate(r)
	return "date=" + prefix + date, func(res map[string]any) bool {
		from, to, some := effective(res)
		lo, hi := span(date)
		within := !from.Before(lo) && !to.After(hi)
		return some && map[string]bool{"": within, "eq": within, "ne": !within, "gt": to.After(hi), "lt": from.Before(lo), "ge": to.After(hi) || within,
			"le": from.Before(lo) || within, "sa": from.After(hi), "eb": to.Before(lo)}[prefix]
	}
}

func codeOf(res map[string]any) any {
	code, _ := res["code"].(map[string]any)
	if code == nil {
		return nil
	}
	return code["coding"].([]any)[0].(map[string]any)["code"]
}

func subjectOf(res map[string]any) string {
	return res["subject"].(map[string]any)["reference"].(string)
}

// effective are the ends of an Observation's time.
func effective(res map[string]any) (from, to time.Time, some bool) {
	if text, ok := res["effectiveDateTime"].(string); ok {
		from, to = span(text)
		return from, to, true
	}
	period, ok := res["effectivePeriod"].(map[string]any)
	if !ok {
		return from, to, false
	}
	from, to = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	if text, ok := period["start"].(string); ok {
		from, _ = span(text)
	}
	if text, ok := period["end"].(string); ok {
		_, to = span(text)
	}
	return from, to, true
}

// span are the first and the last millisecond of a date.
func span(text string) (from, to time.Time) {
	for _, form := range []struct {
		layout           string
		years, mon, days int
		more             time.Duration
	}{{"2006", 1, 0, 0, 0}, {"2006-01", 0, 1, 0, 0}, {"2006-01-02", 0, 0, 1, 0}, {"2006-01-02T15:04:05.000Z", 0, 0, 0, time.Millisecond}, {"2006-01-02T15:04:05Z", 0, 0, 0, time.Second}} {
		if t, err := time.Parse(form.layout, text); err == nil {
			return t, t.AddDate(form.years, form.mon, form.days).Add(form.more - time.Millisecond)
		}
	}
	panic(text)
}
