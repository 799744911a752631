package index

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	bleveindex "github.com/blevesearch/bleve_index_api"
)

// Mention says how often a note says a phrase, and how often it denies it.
type Mention struct {
	Patient      uint32 // ordinal in the view it came from
	Source       string // of the note
	Said, Denied int
	Fragment     string // around the first place where it is said, else denied
}

// Mentions are the notes of patients of a set in which a phrase stands, whether said
// or denied, in no order. A phrase is its words in order, as whole words, plurals as
// their singular. See [Negated] for what counts as denied.
func (v View) Mentions(ctx context.Context, phrase string, within Set) iter.Seq2[Mention, error] {
	return func(yield func(Mention, error) bool) {
		asked := wordTexts(phrase)
		if v.s.notes == nil || len(asked) == 0 {
			return
		}
		err := v.s.notes.candidates(ctx, asked, v.s.people, within, func(key noteKey, ord uint32, source string) (bool, error) {
			text, err := v.s.notes.text(key)
			if err != nil {
				return false, err
			}
			said, denied, at := mentions(asked, text)
			if at < 0 {
				return true, nil
			}
			return yield(Mention{ord, source, said, denied, around(text, at)}, nil), nil
		})
		if err != nil {
			yield(Mention{}, err)
		}
	}
}

func wordTexts(text string) []string {
	var all []string
	for _, w := range words(clip(text, 1024), nil) {
		all = append(all, w.text)
	}
	return all
}

// candidates gives the notes that have all the words, of patients in the set: by the
// words, or, when the set has fewer notes than there are with the rarest word, by
// looking at each note of the set.
func (n *notes) candidates(ctx context.Context, asked []string, p people, within Set, take func(noteKey, uint32, string) (bool, error)) (err error) {
	defer recovered("index: searching notes", &err)
	r, err := n.deep.Reader()
	if err != nil {
		return fmt.Errorf("index: searching notes: %w", err)
	}
	defer r.Close()
	readers, err := termReaders(ctx, r, asked)
	if err != nil {
		return fmt.Errorf("index: searching notes: %w", err)
	}
	defer func() {
		for _, t := range readers {
			_ = t.Close() // it only gives memory back
		}
	}()
	if len(readers) == 0 || uint64(n.notesOf(p, within)) < readers[0].Count() {
		return n.each(ctx, p, within, take)
	}
	return join(ctx, r, readers, func(key noteKey) (bool, error) {
		ord, source, ok := n.owner(key, p)
		if !ok || !within.Contains(ord) {
			return true, nil
		}
		return take(key, ord, source)
	})
}

// termReaders are the lists of notes by word, shortest first. Words that are not
// indexed, being common, have none.
func termReaders(ctx context.Context, r bleveindex.IndexReader, asked []string) ([]bleveindex.TermFieldReader, error) {
	var readers []bleveindex.TermFieldReader
	for i, w := range asked {
		if common(w) || slices.Contains(asked[:i], w) {
			continue
		}
		t, err := r.TermFieldReader(ctx, []byte(w), textField, false, false, false)
		if err != nil {
			return readers, err
		}
		readers = append(readers, t)
	}
	slices.SortFunc(readers, func(a, b bleveindex.TermFieldReader) int { return int(int64(a.Count()) - int64(b.Count())) })
	return readers, nil
}

// notesOf is how many notes the patients of a set have, or many.
func (n *notes) notesOf(p people, within Set) int {
	const many = 10_000
	if within.Len() > many {
		return 1 << 40
	}
	count := 0
	for ord := range within.All() {
		count += len(p.at(ord).notes)
	}
	return count
}

func (n *notes) each(ctx context.Context, p people, within Set, take func(noteKey, uint32, string) (bool, error)) error {
	for ord := range within.All() {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, one := range p.at(ord).notes {
			if more, err := take(one.key, ord, one.source); err != nil || !more {
				return err
			}
		}
	}
	return nil
}

// join gives the notes that all readers have.
func join(ctx context.Context, r bleveindex.IndexReader, readers []bleveindex.TermFieldReader, take func(noteKey) (bool, error)) error {
	var doc bleveindex.TermFieldDoc
	at, err := readers[0].Next(&doc)
	for err == nil && at != nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		goal, all := at.ID, true
		for _, other := range readers[1:] {
			found, err := other.Advance(goal, nil)
			if err != nil {
				return fmt.Errorf("index: searching notes: %w", err)
			}
			if found == nil {
				return nil
			}
			if c := found.ID.Compare(goal); c > 0 {
				goal, all = slices.Clone(found.ID), false
				break
			}
		}
		if !all {
			at, err = readers[0].Advance(goal, nil)
			continue
		}
		name, nameErr := r.ExternalID(at.ID)
		if nameErr != nil || len(name) != len(noteKey{}) {
			return fmt.Errorf("index: searching notes: a key of %d bytes", len(name))
		}
		if more, err := take(noteKey([]byte(name))); err != nil || !more {
			return err
		}
		at, err = readers[0].Next(&doc)
	}
	if err != nil {
		return fmt.Errorf("index: searching notes: %w", err)
	}
	return nil
}

// Negated reports how often a text says a phrase and how often it denies it. A
// phrase is denied when, in its sentence, a word such as "denies", "no" or "without"
// stands before it without a "but" in between, or "was ruled out", "negative" or
// "unlikely" closely follows (after Chapman et al., A simple algorithm for
// identifying negated findings, J Biomed Inform 2001;34:301, with fewer words).
// Words such as "no increase" deny nothing.
func Negated(phrase, text string) (said, denied int) {
	said, denied, _ = mentions(wordTexts(phrase), text)
	return said, denied
}

// mentions also gives where the phrase is first said, else denied; -1 = nowhere.
func mentions(asked []string, text string) (said, denied, at int) {
	at = -1
	if len(asked) == 0 {
		return 0, 0, at
	}
	ws := words(text, nil)
	for i := 0; i+len(asked) <= len(ws); i++ {
		if !begins(ws[i:], asked) {
			continue
		}
		deny := deniedBefore(text, ws, i) || deniedAfter(text, ws, i+len(asked))
		if deny {
			denied++
		} else {
			said++
		}
		if at < 0 || !deny && said == 1 {
			at = ws[i].start
		}
	}
	return said, denied, at
}

func begins(ws []word, asked []string) bool {
	for j, a := range asked {
		if ws[j].text != a {
			return false
		}
	}
	return true
}

// reach is how many words before a phrase a negation holds, and after how many
// words one counts for a phrase before.
const (
	reachBefore = 16
	reachAfter  = 4
)

func deniedBefore(text string, ws []word, i int) bool {
	for j := i - 1; j >= 0 && i-j <= reachBefore; j-- {
		if sentenceEnds(text[ws[j].end:ws[j+1].start]) {
			return false
		}
		switch w := ws[j].text; w {
		case "but", "however", "although", "though", "except", "yet", "complain", "report", "endorse", "still":
			return false
		case "no", "not":
			switch ws[j+1].text {
			case "increase", "change", "only", "certain", "necessarily", "further":
				continue
			}
			return true
		case "deny", "denied", "denying", "without", "never", "absent", "absence", "non", "nor", "neither", "cannot", "unremarkable", "negative", "free":
			if (w == "negative" || w == "free" || w == "unremarkable") && ws[j+1].text != "for" && ws[j+1].text != "of" {
				continue
			}
			return true
		case "out":
			if j > 0 && (ws[j-1].text == "ruled" || ws[j-1].text == "rule") {
				return true
			}
		}
	}
	return false
}

func deniedAfter(text string, ws []word, i int) bool {
	for j := i; j < len(ws) && j-i < reachAfter; j++ {
		if j > 0 && sentenceEnds(text[ws[j-1].end:ws[j].start]) {
			return false
		}
		switch ws[j].text {
		case "but", "and", "however", "with", "for", "on":
			return false
		case "negative", "absent", "denied", "unlikely", "excluded":
			return true
		case "ruled":
			return j+1 < len(ws) && ws[j+1].text == "out"
		case "not":
			if j+1 < len(ws) && slices.Contains([]string{"present", "seen", "found", "identified", "detected", "noted", "evident"}, ws[j+1].text) {
				return true
			}
		}
	}
	return false
}

// sentenceEnds reports whether what stands between two words ends a sentence or an
// item of a list.
func sentenceEnds(between string) bool {
	return strings.ContainsAny(between, ".;!?|") || strings.Count(between, "\n") > 1 || strings.Contains(between, "\n-") || strings.Contains(between, "\n*")
}
