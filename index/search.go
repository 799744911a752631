package index

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"ember/record"
)

// Query is a question in words. Words in double quotes are a phrase, which
// notes must contain as it stands; among concepts a phrase counts as its words.
type Query struct {
	Text string
	// Kinds limits the concepts; empty admits all.
	Kinds []record.Kind
	// Limit is the most concepts, patients and notes of an answer each;
	// 0 = 20.
	Limit int
	// ExcludeOptOut leaves out patients who refuse use beyond their own care.
	// Set it for everything but care for a patient.
	ExcludeOptOut bool
	// Filter limits patients to some of the same view; nil admits all. It
	// only makes sense with [View.Search].
	Filter *Set
}

// Results answer a query.
type Results struct {
	Concepts []ConceptHit
	Patients []Hit
	Notes    []NoteHit
	// Total is how many patients were found: all with one of the best 512
	// concepts, and those of the best notes, of which at least 256 are looked at.
	Total    int
	Position uint64 // of the index that answered
}

// ConceptHit is a concept that the text names.
type ConceptHit struct {
	Code     record.Code
	Kind     record.Kind
	Display  string
	Patients int     // who have it
	Score    float64 // 1 = named exactly
}

// Hit is a patient, with what speaks for him.
type Hit struct {
	Patient string
	Score   float64 // sum of 1/(60+rank) over coded data and notes
	Why     []Why   // best first, at most 4
}

// Why is a concept that the patient has or a note about him.
type Why struct {
	Kind    record.Kind // 0 for a note
	Code    record.Code // zero for a note
	Display string      // words of the concept, "" for a note
	Source  string      // of the note, "" for a concept
}

const (
	defaultLimit = 20
	// fuseRank is k of reciprocal rank fusion (Cormack, Clarke and Büttcher,
	// SIGIR 2009), with their value.
	fuseRank = 60
	// unionConcepts is the most concepts whose patients are found, and
	// unionShare the least score of such a concept, as a share of the best.
	unionConcepts = 512
	unionShare    = 0.3
	maxWhy        = 4
	// fuseBest is how many of a list at least take part in fusion.
	fuseBest = 1000
)

// parsedQuery is a query cut into words. Phrases are without common words
// removed, as they stand in a text.
type parsedQuery struct {
	words   []word // each once, without common ones
	phrases [][]string
}

func parseQuery(text string) parsedQuery {
	var q parsedQuery
	seen := map[string]bool{}
	for _, w := range words(clip(text, 1024), nil) {
		if !seen[w.text] && !common(w.text) && len(q.words) < maxQueryWords {
			seen[w.text] = true
			q.words = append(q.words, w)
		}
	}
	parts := strings.Split(text, `"`)
	for i := 1; i < len(parts)-1; i += 2 {
		var phrase []string
		for _, w := range words(parts[i], nil) {
			phrase = append(phrase, w.text)
		}
		if len(phrase) > 0 {
			q.phrases = append(q.phrases, phrase)
		}
	}
	return q
}

// phrasesIn reports whether a text has all phrases.
func (q parsedQuery) phrasesIn(text string) bool {
	ws := words(text, nil)
	return !slices.ContainsFunc(q.phrases, func(phrase []string) bool { return !phraseIn(phrase, ws) })
}

func phraseIn(phrase []string, ws []word) bool {
	for i := 0; i+len(phrase) <= len(ws); i++ {
		j := 0
		for j < len(phrase) && ws[i+j].text == phrase[j] {
			j++
		}
		if j == len(phrase) {
			return true
		}
	}
	return false
}

// Search answers a query by the index as of now, see [View.Search].
func (x *Index) Search(ctx context.Context, q Query) (Results, error) { return x.View().Search(ctx, q) }

// Search answers a query: the text names concepts, which give their patients;
// it is found in notes, which give theirs; both lists are fused by rank. The
// same query of the same view gives the same answer; ties go by id.
func (v View) Search(ctx context.Context, q Query) (Results, error) {
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	parsed := parseQuery(q.Text)
	res := Results{Position: v.s.position}
	if len(parsed.words) == 0 {
		return res, ctx.Err()
	}
	admit := v.admission(q)
	found := v.named(parsed.words, q.Kinds)
	coded, everybody := v.coded(found, admit, limit)
	var noted []noteMatch
	if v.s.notes != nil {
		var err error
		if noted, err = v.s.notes.search(ctx, parsed, v.s.people, admit, limit); err != nil {
			return Results{}, err
		}
	}
	if err := ctx.Err(); err != nil {
		return Results{}, err
	}
	res.Concepts = v.conceptHits(found, q.Filter, limit)
	res.Patients, res.Total = v.fuse(coded, noted, limit), number(everybody, noted)
	for i := range res.Patients {
		res.Patients[i].Why = v.why(res.Patients[i].Patient, found, noted)
	}
	var err error
	res.Notes, err = v.noteHits(noted, parsed, limit)
	return res, err
}

func (v View) admission(q Query) func(uint32) bool {
	return func(ord uint32) bool {
		return (q.Filter == nil || q.Filter.Contains(ord)) && !(q.ExcludeOptOut && v.s.people.at(ord).OptOut)
	}
}

// named are the concepts that the words name and somebody has, best first.
func (v View) named(ws []word, kinds []record.Kind) []match {
	found := v.s.concepts.find(ws, kinds)
	if len(found) == 0 {
		return nil
	}
	least := found[0].score * unionShare
	kept := found[:0]
	for _, m := range found {
		if m.score < least || !v.occurs(m.concept) {
			continue
		}
		if kept = append(kept, m); len(kept) == unionConcepts {
			break
		}
	}
	return kept
}

func (v View) occurs(concept uint32) bool {
	for _, l := range v.s.layers {
		if i, ok := l.find(concept); ok && (l.masked == nil || !l.live(i).IsEmpty()) {
			return true
		}
	}
	return false
}

func (v View) why(patient string, found []match, noted []noteMatch) []Why {
	ord, ok := v.Ordinal(patient)
	if !ok {
		return nil
	}
	var why []Why
	for _, n := range noted {
		if n.ord == ord {
			why = append(why, Why{Source: n.source})
			break
		}
	}
	for _, m := range found {
		if len(why) == maxWhy {
			break
		}
		if !v.has(ord, m.concept) {
			continue
		}
		kind, code := v.s.concepts.at(m.concept)
		why = append(why, Why{Kind: kind, Code: code, Display: code.Display})
	}
	return why
}

func (v View) has(ord, concept uint32) bool {
	for _, l := range v.s.layers {
		i, ok := l.find(concept)
		if !ok || l.hides(ord) {
			continue
		}
		rows := l.postings(i)
		j, _ := slices.BinarySearchFunc(rows, ord, func(p Posting, o uint32) int { return cmp.Compare(p.Patient, o) })
		if j < len(rows) && rows[j].Patient == ord {
			return true
		}
	}
	return false
}

// conceptHits are the best concepts; with a filter those that somebody in it has, counted
// among them: that a concept is there at all would tell of the others.
func (v View) conceptHits(found []match, filter *Set, limit int) []ConceptHit {
	hits := make([]ConceptHit, 0, min(limit, len(found)))
	for _, m := range found {
		if len(hits) == limit {
			break
		}
		c := v.concept(m.concept)
		if filter != nil {
			if c.Patients = v.count(m.concept, filter); c.Patients == 0 {
				continue
			}
		}
		hits = append(hits, ConceptHit{c.Code, c.Kind, c.Code.Display, c.Patients, float64(m.score)})
	}
	return hits
}

// count is how many patients of a filter have a concept.
func (v View) count(concept uint32, filter *Set) (n int) {
	for ord := range filter.All() {
		if v.has(ord, concept) {
			n++
		}
	}
	return n
}

func (v View) noteHits(noted []noteMatch, q parsedQuery, limit int) ([]NoteHit, error) {
	hits := make([]NoteHit, 0, min(limit, len(noted)))
	for _, n := range noted[:min(limit, len(noted))] {
		text, err := v.s.notes.text(n.key)
		if err != nil {
			return nil, err
		}
		hits = append(hits, NoteHit{n.source, v.s.people.at(n.ord).ID, n.score, fragment(text, q.words)})
	}
	return hits, nil
}

// Suggest are the concepts that a text names, best first: completion and
// look-up without patients. Only concepts that somebody has are given.
func (v View) Suggest(text string, kinds []record.Kind, limit int) []ConceptHit {
	return v.conceptHits(v.named(parseQuery(text).words, kinds), nil, limit)
}
