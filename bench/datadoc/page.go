package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// counted is one line of a frequency list.
type counted struct {
	name string
	n    int
}

// top are the most frequent, at most n of them.
func top(c counts, n int) []counted {
	var all []counted
	for name, k := range c {
		all = append(all, counted{name, k})
	}
	slices.SortFunc(all, func(a, b counted) int { return cmp.Or(b.n-a.n, cmp.Compare(a.name, b.name)) })
	return all[:min(n, len(all))]
}

func (c counts) sum() (n int) {
	for _, k := range c {
		n += k
	}
	return n
}

func (s *share) percent() string {
	if s == nil || s.all == 0 {
		return "–"
	}
	p := 100 * float64(s.of) / float64(s.all)
	if s.of < s.all {
		p = min(p, 99.99)
	}
	digits := 4
	if p < 10 {
		digits = 2
	}
	return fmt.Sprintf("%.*g %% of %s", digits, p, thousands(s.all))
}

func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// writer makes Markdown.
type writer struct{ strings.Builder }

func (w *writer) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

func (w *writer) row(cells ...string) {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(strings.ReplaceAll(c, "|", "\\|"), "\n", " ")
	}
	w.line("| %s |", strings.Join(cells, " | "))
}

func (w *writer) table(head ...string) {
	w.line("")
	w.row(head...)
	w.line("|%s", strings.Repeat("---|", len(head)))
}

// page is docs/data.md.
func page(all []*survey, s *surveyor) string {
	w := &writer{}
	w.line("# Real input: what arrives, what it means")
	w.line("")
	w.line("Written by `go run ./bench/datadoc`, which loads each source into a store of its own, reads it back and")
	w.line("makes every patient's timeline. Terms %s, rules %s. Nothing here is written by hand.", s.terms.Version(), s.rules.Version())
	w.loaded(all)
	w.byType(all)
	w.issues("Issues of reading and storing", "What readers said of a resource or file; the validator's cases are broken on purpose.", all, func(v *survey) counts { return v.issues })
	w.issues("Issues of making timelines", "What could not be used of a stored resource; its bytes are kept.", all, func(v *survey) counts { return v.doubts })
	w.byKind(all)
	w.rates(all)
	w.orders(all)
	w.beside(all)
	w.missing(all)
	return w.String()
}

func (w *writer) loaded(all []*survey) {
	w.line("\n## Loaded without a loss\n")
	w.line("*Same bytes*: of the resources that could be read, those that are stored byte for byte as they came; ids and")
	w.line("references are spliced in at reading and change no stored byte. Bundles are taken apart; what comes twice is stored once.")
	w.line("*Without a resource*: entries of Bundles that are requests or responses only.")
	w.table("source", "what it is", "resources read", "without a resource", "refused", "stored", "same bytes", "patients", "notes")
	for _, v := range all {
		w.row(v.name, v.about, thousands(v.read), number(v.bare), thousands(v.refused), thousands(v.stored), v.same.percent(), thousands(v.patients), thousands(v.notes))
	}
}

// perSource is a table with one column for each source.
func (w *writer) perSource(all []*survey, what string, names []string, cell func(*survey, string) string) {
	head := []string{what}
	for _, v := range all {
		head = append(head, v.name)
	}
	w.table(head...)
	for _, name := range names {
		cells := []string{name}
		for _, v := range all {
			cells = append(cells, cell(v, name))
		}
		w.row(cells...)
	}
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return thousands(n)
}

// names are those of all sources together, most frequent first.
func names(all []*survey, of func(*survey) counts, n int) (out []string, rest int) {
	sum := counts{}
	for _, v := range all {
		for name, k := range of(v) {
			sum[name] += k
		}
	}
	for _, c := range top(sum, n) {
		out = append(out, c.name)
	}
	return out, len(sum) - len(out)
}

func (w *writer) byType(all []*survey) {
	w.line("\n## Resources by type")
	types, rest := names(all, func(v *survey) counts { return v.types }, 30)
	w.perSource(all, "type", types, func(v *survey, typ string) string { return number(v.types[typ]) })
	if rest > 0 {
		w.line("\n%d more types, kept and readable.", rest)
	}
}

func (w *writer) issues(title, about string, all []*survey, of func(*survey) counts) {
	w.line("\n## %s\n", title)
	w.line("%s", about)
	kinds, rest := names(all, of, 20)
	w.perSource(all, "issue", kinds, func(v *survey, kind string) string { return number(of(v)[kind]) })
	if rest > 0 {
		w.line("\n%d rarer kinds are left out.", rest)
	}
}

func (w *writer) byKind(all []*survey) {
	w.line("\n## Events by kind")
	kinds, _ := names(all, func(v *survey) counts { return v.events }, 20)
	w.perSource(all, "kind", kinds, func(v *survey, kind string) string { return number(v.events[kind]) })
}

func (w *writer) rates(all []*survey) {
	w.line("\n## What is mapped\n")
	w.line("A drug is mapped when its ingredients are known, an allergen when it is known as drugs, a class or a substance,")
	w.line("a unit when it can be converted; anything else when it has a code of a public system. Drugs count every order,")
	w.line("administration and statement; *with words*: those that are more than a number.")
	w.perSource(all, "what", []string{drugs, drugWords, allergens, conditions, tests, procedures, unitsMapped}, func(v *survey, what string) string { return v.mapped[what].percent() })
}

func (w *writer) orders(all []*survey) {
	w.line("\n## Orders that were given, and the rules\n")
	w.line("Each order for a drug, judged by what was known before it, as if Ember had been asked. Renewals are orders for")
	w.line("a drug the patient was ordered before. Orders of one moment do not see each other, but for the last column,")
	w.line("where each is judged beside the others as drafts: order sets that hold one drug in several strengths or ways.")
	w.table("source", "orders", "renewals", "could not be checked", "blocked", "warned", "blocked beside the moment's others")
	rules := counts{}
	for _, v := range all {
		j := &v.judged
		if j.orders == 0 {
			continue
		}
		checked := j.orders - j.unchecked
		w.row(v.name, thousands(j.orders), thousands(j.renewals), thousands(j.unchecked),
			(&share{j.blocked, checked}).percent()+" checked", (&share{j.warned, checked}).percent(), (&share{j.together, checked}).percent())
		for rule, r := range j.rules {
			rules[rule] += 1000*r.block + r.warn
		}
	}
	w.line("\nBy rule (an order may meet several), and what it was most often about:")
	w.table("rule", "source", "blocked", "warned", "most frequent orders")
	for _, c := range top(rules, len(rules)) {
		for _, v := range all {
			r := v.judged.rules[c.name]
			if r == nil {
				continue
			}
			var about []string
			for _, tier := range []string{"block", "warn"} {
				for _, o := range top(v.judged.samples[c.name+" "+tier], 4) {
					about = append(about, fmt.Sprintf("%s %d", o.name, o.n))
				}
			}
			w.row(c.name, v.name, number(r.block), number(r.warn), strings.Join(about, ", "))
		}
	}
}

func (w *writer) missing(all []*survey) {
	w.line("\n## Not mapped, by frequency\n")
	w.line("The ten most frequent of each kind in each source.")
	for _, v := range all {
		if len(v.unmapped) == 0 {
			continue
		}
		w.line("\n### %s", v.name)
		w.table("kind", "words or code", "events")
		for _, kind := range slices.Sorted(maps.Keys(v.unmapped)) {
			for _, c := range top(v.unmapped[kind], 10) {
				w.row(kind, shortened(c.name), thousands(c.n))
			}
		}
	}
}

// beside says which orders of one moment block each other.
func (w *writer) beside(all []*survey) {
	w.line("\nBlocked beside the others of the moment, by rule:")
	w.table("rule", "source", "blocked", "most frequent orders")
	for _, v := range all {
		for _, key := range slices.Sorted(maps.Keys(v.judged.samples)) {
			rule, ok := strings.CutSuffix(key, together)
			if !ok {
				continue
			}
			var about []string
			for _, o := range top(v.judged.samples[key], 6) {
				about = append(about, fmt.Sprintf("%s %d", o.name, o.n))
			}
			w.row(rule, v.name, thousands(v.judged.samples[key].sum()), strings.Join(about, ", "))
		}
	}
}

func shortened(s string) string {
	if r := []rune(s); len(r) > 90 {
		return string(r[:90]) + "…"
	}
	return s
}
