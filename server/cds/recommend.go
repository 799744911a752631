package cds

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"ember/recommender"
	"ember/recommender/safety"
	"ember/record"
)

// recommend is one card of treatments or tests with several suggestions, or none.
func (s *Service) recommend(ctx context.Context, r *Request, sit *situation) ([]shown, error) {
	want := recommender.Treatments
	if r.Service == NextTests {
		want = recommender.Tests
	}
	q := recommender.Query{Past: sit.past, Want: want, Context: sit.facts, Limit: s.opt.Suggestions + len(sit.facts) + spare, Key: sit.key, DataVersion: sit.version}
	a, err := s.deps.Recommender.Recommend(ctx, q)
	if err != nil {
		return nil, err
	}
	if a.Abstained {
		return nil, nil
	}
	items, quiet := s.choose(ctx, r, sit, a.Items)
	if len(items) == 0 {
		return nil, nil
	}
	card := s.card(r, info, summaryOf(want, items, len(sit.notes) > 0), detailOf(&a, items, quiet, sit))
	if s.opt.Base != "" {
		card.Links = []Link{{Label: "How the model was made and tested", URL: card.Source.URL, Type: "absolute"}}
	}
	card.SelectionBehavior = "any"
	out := shown{card: card}
	age, known := sit.past.Age()
	adult := known && age >= 18
	for i := range items {
		sug, err := s.suggestion(r, &items[i], card.UUID, adult)
		if err != nil {
			return nil, err
		}
		out.card.Suggestions = append(out.card.Suggestions, sug)
		out.offers = append(out.offers, Offer{Suggestion: sug.UUID, Want: want.String(), Kind: items[i].Kind, Concept: items[i].Code, Probability: items[i].Probability})
	}
	out.version(a.Model.Version, a.Rules)
	return []shown{out}, nil
}

// spare is how many more items are asked for than are suggested, in the place of those
// that are drafted already or were dismissed.
const spare = 10

// choose takes the likeliest items that are not drafted, dismissed, or hardly likely.
func (s *Service) choose(ctx context.Context, r *Request, sit *situation, all []recommender.Item) (items []recommender.Item, quiet int) {
	drafted := map[string]bool{}
	for i := range sit.facts {
		drafted[sit.facts[i].Concept.Key()] = true
	}
	for _, item := range all {
		switch {
		case len(items) == s.opt.Suggestions || item.Probability < s.opt.Least:
			return items, quiet
		case drafted[item.Code.Key()]:
		case s.dismissed(ctx, r, item.Code):
			quiet++
		default:
			items = append(items, item)
		}
	}
	return items, quiet
}

func summaryOf(want recommender.Want, items []recommender.Item, incomplete bool) string {
	what := "Treatments"
	if want == recommender.Tests {
		what = "Tests"
	}
	tail := ""
	if incomplete {
		tail = " (based on incomplete data)"
	}
	text := what + " likely next: "
	for i := range items {
		more := ""
		if rest := len(items) - i - 1; rest > 0 {
			more = fmt.Sprintf(" and %d more", rest)
		}
		part := called(items[i].Code) + " (" + percent(items[i].Probability) + ")"
		if i > 0 {
			part = ", " + part
		}
		if i > 0 && length(text+part+more+tail) > 139 {
			return brief(text+fmt.Sprintf(" and %d more", len(items)-i), 139-length(tail)) + tail
		}
		text += part
	}
	return brief(text, 139-length(tail)) + tail
}

// called is what an order is called: its display, else its code.
func called(c record.Code) string {
	if c.Display != "" {
		return c.Display
	}
	return c.Value
}

// detailOf is the detail of a card in Markdown.
func detailOf(a *recommender.Answer, items []recommender.Item, quiet int, sit *situation) string {
	var b strings.Builder
	b.WriteString("What was ordered next at this site in situations like this one. The percentages are estimated chances that it is ordered now, not that it helps.\n\n")
	for i := range items {
		writeItem(&b, i+1, &items[i])
	}
	for i := range a.Blocked {
		x := &a.Blocked[i]
		if x.Probability >= items[len(items)-1].Probability {
			fmt.Fprintf(&b, "\n**Not suggested: %s.** %s\n", plainText(called(x.Code)), findingText(&x.Findings[0]))
		}
	}
	if quiet > 0 {
		fmt.Fprintf(&b, "\n%d not shown again: already accepted or dismissed for this patient.\n", quiet)
	}
	writeLimits(&b, sit, a.Unchecked, a.Degraded)
	fmt.Fprintf(&b, "\nChecked: %s. %s\n\nModel %s, version %s; rules %s.\n", strings.Join(a.Checks, ", "), plainText(a.IntendedUse), plainText(a.Model.Name), plainText(a.Model.Version), plainText(a.Rules))
	return b.String()
}

// mostReasons is how many reasons of a suggestion are told.
const mostReasons = 3

func writeItem(b *strings.Builder, rank int, x *recommender.Item) {
	fmt.Fprintf(b, "%d. **%s** (%s): %s\n", rank, plainText(called(x.Code)), statusText(x.Status), chance(x.Probability))
	told := 0
	for i := range x.Reasons {
		r := &x.Reasons[i]
		if r.Weight <= 0 || told == mostReasons {
			continue
		}
		told++
		b.WriteString("   - speaks for it: " + plainText(r.Text) + sources(r.Sources) + "\n")
	}
	if n := x.Similar.Received; n != nil && *n >= 11 {
		fmt.Fprintf(b, "   - %d of the %d most similar patients received it\n", *n, x.Similar.N)
	}
	for i := range x.Warnings {
		b.WriteString("   - " + findingText(&x.Warnings[i]) + "\n")
	}
}

func statusText(status string) string {
	if status == "continue" {
		return "continued"
	}
	return status
}

// mostSources is how many facts of the record a reason names.
const mostSources = 3

// simple is what a reference of the record looks like; others are not told.
var simple = regexp.MustCompile(`^[A-Za-z]+/[A-Za-z0-9.\-]+(#\d+)?$`)

func sources(refs []string) string {
	refs = slices.DeleteFunc(slices.Clone(refs), func(ref string) bool { return !simple.MatchString(ref) })
	if len(refs) == 0 {
		return ""
	}
	more := ""
	if len(refs) > mostSources {
		more = fmt.Sprintf(" and %d more", len(refs)-mostSources)
		refs = refs[:mostSources]
	}
	plain := make([]string, len(refs))
	for i, ref := range refs {
		plain[i] = "`" + ref + "`"
	}
	return " (" + strings.Join(plain, ", ") + more + ")"
}

// findingText is what a rule says, with the facts, the source and what was assumed.
func findingText(f *safety.Finding) string {
	words := map[string]string{safety.Block: "**Do not order:** ", safety.Warn: "**Caution:** ", safety.Info: "Note: "}
	text := words[f.Tier] + plainText(f.Text) + sources(f.References)
	if f.Assumption != "" {
		text += "; assumed: " + plainText(f.Assumption)
	}
	if f.Source != "" {
		text += ". Rule " + plainText(f.Rule) + ", source: " + plainText(f.Source)
	}
	return text
}

// writeLimits says what is missing, what could not be checked, and what failed.
func writeLimits(b *strings.Builder, sit *situation, unchecked, degraded []string) {
	if len(sit.notes) > 0 {
		b.WriteString("\n**Based on incomplete data:**\n\n")
		list(b, sit.notes)
	}
	if all := append(append([]string{}, sit.unchecked...), unchecked...); len(all) > 0 {
		b.WriteString("\n**Could not be checked:**\n\n")
		list(b, all)
	}
	if len(degraded) > 0 {
		b.WriteString("\nWithout these parts of the model, which failed: " + plainText(strings.Join(degraded, ", ")) + ".\n")
	}
}

// mostListed bounds a list on a card.
const mostListed = 12

func list(b *strings.Builder, items []string) {
	for i, item := range items {
		if i == mostListed {
			fmt.Fprintf(b, "- and %d more\n", len(items)-mostListed)
			return
		}
		b.WriteString("- " + plainText(item) + "\n")
	}
}
