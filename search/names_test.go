package search_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	"ember/fhir"
)

// TestNames compares searches for beginnings of names, of every length and exact, with
// what the names say, for people with none, one and hundreds, before and after they change.
func TestNames(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	b := newBox(t)
	words := []string{"Li", "Ó", "Óla", "Olafur", "Olsen", "olson", "Roth", "Rothe", "rot", "Ng", "Nguyễn", "de la Cruz", "D'Arcy", "王小明", "王"}
	of := map[string][2][]string{} // id → family, given
	person := func(id string, most int) {
		var names [2][]string
		for i := range names {
			for range r.IntN(most + 1) {
				names[i] = append(names[i], pick(r, words...))
			}
		}
		of[id] = names
		var parts []string
		for _, f := range names[0] {
			parts = append(parts, fmt.Sprintf(`{"family":%q}`, f))
		}
		for _, g := range names[1] {
			parts = append(parts, fmt.Sprintf(`{"given":[%q]}`, g))
		}
		b.put(`{"resourceType":"Patient","id":"` + id + `","birthDate":"` + pick(r, "1970", "1980-02-03") + `","name":[` + strings.Join(parts, ",") + `]}`)
	}
	for i := range 300 {
		person(fmt.Sprint("p", i), 2)
	}
	for range 100 {
		person(fmt.Sprint("p", r.IntN(300)), 2)
	}
	crowd := `{"resourceType":"Patient","id":"crowd","name":[{"family":"Olsen","given":["Roth"`
	of["crowd"] = [2][]string{{"Olsen"}, {"Roth"}}
	for i := range 500 {
		crowd += fmt.Sprintf(`,"%03d"`, i)
	}
	b.put(crowd + `]}]}`)
	for range 600 {
		word := []rune(pick(r, words...))
		asked := string(word[:1+r.IntN(len(word))])
		param, exact := pick(r, "family", "given", "name"), r.IntN(4) == 0
		var want []string
		for id, names := range of {
			all := slices.Concat(names[0], names[1])
			if param != "name" {
				all = names[map[string]int{"family": 0, "given": 1}[param]]
			}
			if slices.ContainsFunc(all, func(name string) bool {
				return exact && name == asked || !exact && strings.HasPrefix(string(fhir.Fold([]byte(name))), string(fhir.Fold([]byte(asked))))
			}) {
				want = append(want, id)
			}
		}
		if exact {
			param += ":exact"
		}
		b.want("Patient", param+"="+url.QueryEscape(asked)+"&_count="+pick(r, "9", "1000"), want...)
	}
}
