package cds

import (
	"fmt"
	"slices"
	"strings"

	"ember/fhir"
	"ember/recommender/safety"
	"ember/record"
)

// safety judges what is being ordered, or, where a fact is being entered, what the
// patient takes in the light of it. One card an order, and one for what could not be
// checked.
func (s *Service) safety(r *Request, sit *situation) ([]shown, error) {
	orders := sit.facts
	if r.hook.entered {
		orders = taken(sit.past)
	}
	j, err := s.deps.Rules.Judge(sit.past, sit.facts, orders)
	if err != nil {
		return nil, fmt.Errorf("cds: judging orders: %w", err)
	}
	var cards []shown
	var unchecked []string
	selected := r.selection(orders)
	ordered := false // a drug
	for i := range orders {
		v := j.Verdicts[i]
		ordered = ordered || orders[i].Kind == record.Medication
		if v.Unchecked != "" && !r.hook.entered {
			unchecked = append(unchecked, v.Unchecked)
		}
		if r.hook.entered {
			v.Findings = about(v.Findings, sit.facts)
		}
		if len(v.Findings) > 0 && selected[orders[i].Source] {
			cards = append(cards, s.warningCard(r, sit, &orders[i], v.Findings, j))
		}
	}
	if ordered {
		unchecked = append(unchecked, j.Unchecked...)
	}
	slices.SortStableFunc(cards, func(a, b shown) int { return urgency(b.card.Indicator) - urgency(a.card.Indicator) })
	if len(unchecked) > 0 || len(sit.unchecked) > 0 || len(orders) > 0 && len(sit.notes) > 0 {
		cards = append(cards, s.limitsCard(r, sit, len(orders), unchecked, j))
	}
	return cards, nil
}

// selection are the orders that were just selected, by source: all of them where none was,
// or where a selection is none of the drafts as far as can be told, so that no warning is
// lost.
func (r *Request) selection(orders []record.Event) map[string]bool {
	all, chosen := map[string]bool{}, map[string]bool{}
	for i := range orders {
		all[orders[i].Source] = true
	}
	for _, text := range r.selected {
		ref := fhir.ParseReference(text)
		source := ref.Type + "/" + ref.ID
		if !all[source] {
			return all
		}
		chosen[source] = true
	}
	if len(chosen) == 0 {
		return all
	}
	return chosen
}

// taken are the drugs that the patient takes as far as statuses say.
func taken(past record.Past) (orders []record.Event) {
	seen := map[string]bool{}
	events := slices.Concat(past.Undated(), past.Events())
	for i := len(events) - 1; i >= 0; i-- { // the latest order of a drug stands for it
		e := &events[i]
		if e.Kind != record.Medication || e.Status != record.Active || seen[e.Concept.Key()] || !e.End.IsZero() && e.End.Before(past.At()) {
			continue
		}
		seen[e.Concept.Key()] = true
		orders = append(orders, *e)
	}
	return orders
}

// about are the findings that rest on what is being entered.
func about(findings []safety.Finding, facts []record.Event) (found []safety.Finding) {
	for _, f := range findings {
		if slices.ContainsFunc(facts, func(e record.Event) bool { return slices.Contains(f.References, e.Source) }) {
			found = append(found, f)
		}
	}
	return found
}

func urgency(indicator string) int { return slices.Index([]string{info, warning, critical}, indicator) }

// indicatorOf is critical for the top tier alone.
func indicatorOf(tier string) string {
	switch tier {
	case safety.Block:
		return critical
	case safety.Warn:
		return warning
	}
	return info
}

func nameOf(e *record.Event) string {
	if e.Concept.Display == "" && e.Text != "" {
		return e.Text
	}
	return called(e.Concept)
}

func (s *Service) warningCard(r *Request, sit *situation, e *record.Event, findings []safety.Finding, j Judgement) shown {
	name := nameOf(e)
	summary := brief(name, 60) + ": " + findings[0].Text
	if n := len(findings) - 1; n > 0 {
		more := fmt.Sprintf(" (and %d more)", n)
		summary = brief(summary, 139-length(more)) + more
	}
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**\n\n", plainText(name))
	for i := range findings {
		b.WriteString("- " + findingText(&findings[i]) + "\n")
	}
	writeLimits(&b, sit, nil, nil)
	fmt.Fprintf(&b, "\nChecked: %s; rules %s. Members of the rules need review by a pharmacist before clinical use.\n", strings.Join(j.Checks, ", "), j.Version)
	card := s.card(r, indicatorOf(findings[0].Tier), summary, b.String())
	out := shown{card: card}
	offer := Offer{Want: "safety", Kind: e.Kind, Concept: e.Concept, Rule: findings[0].Rule, Tier: findings[0].Tier}
	if !r.hook.entered && r.hook.name != "order-dispatch" && findings[0].Tier != safety.Info && !sit.nameless[e.Source] {
		id := s.id(r, card.UUID, "remove")
		out.card.SelectionBehavior = "at-most-one"
		out.card.Suggestions = []Suggestion{{Label: "Remove " + brief(name, 100), UUID: id,
			Actions: []Action{{Type: "delete", Description: "Remove the draft order for " + brief(name, 100), ResourceID: e.Source}}}}
		offer.Suggestion = id
	}
	out.offers = []Offer{offer}
	out.version("", j.Version)
	return out
}

// limitsCard says what the rules could not see. It never interrupts.
func (s *Service) limitsCard(r *Request, sit *situation, orders int, unchecked []string, j Judgement) shown {
	summary := "Not everything could be checked: "
	switch n := len(sit.unchecked) + len(unchecked); {
	case n == 1:
		summary += append(sit.unchecked, unchecked...)[0]
	case n > 1:
		summary += fmt.Sprintf("%d remarks", n)
	default:
		summary += "based on incomplete data"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s looked at: %s; rules %s.\n", orders, map[bool]string{true: "order was", false: "orders were"}[orders == 1], strings.Join(j.Checks, ", "), j.Version)
	writeLimits(&b, sit, unchecked, nil)
	out := shown{card: s.card(r, info, summary, b.String()), offers: []Offer{{Want: "safety"}}}
	out.version("", j.Version)
	return out
}
