package index

import (
	"context"
	"fmt"
	"strings"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/search/query"
	bleveindex "github.com/blevesearch/bleve_index_api"
)

// NoteHit is a note with words of the query.
type NoteHit struct {
	Source   string // "DocumentReference/123"
	Patient  string
	Score    float64 // BM25; comparable within one answer only
	Fragment string  // the part of the text with most words of the query
}

type noteMatch struct {
	key    noteKey
	ord    uint32
	source string
	score  float64
}

// notePage is how many notes are fetched at first; with a filter that leaves
// too few, the next page is noteGrowth times as long.
const (
	notePage   = 256
	noteGrowth = 8
	notePages  = 4
)

// search are the best notes for a query that the view has and admit accepts, at
// least n where there are as many among the first 256·8·8·8. Notes with all
// words are preferred; when there is none, notes with some, then with words one
// slip away. Phrases must be there in any case.
func (n *notes) search(ctx context.Context, q parsedQuery, p people, admit func(uint32) bool, limit int) (found []noteMatch, err error) {
	defer recovered("index: searching notes", &err)
	if len(q.words) == 0 {
		return nil, nil
	}
	for _, form := range []func([]word) query.Query{allWords, anyWord, slippedWords} {
		found, err = n.run(ctx, form(q.words), q, p, admit, limit)
		if err != nil || len(found) > 0 || len(q.phrases) > 0 {
			return found, err
		}
	}
	return nil, nil
}

func allWords(ws []word) query.Query {
	terms := make([]query.Query, len(ws))
	for i, w := range ws {
		terms[i] = termQuery(w.text)
	}
	return bleve.NewConjunctionQuery(terms...)
}

func anyWord(ws []word) query.Query {
	terms := make([]query.Query, len(ws))
	for i, w := range ws {
		terms[i] = termQuery(w.text)
	}
	return bleve.NewDisjunctionQuery(terms...)
}

func termQuery(text string) query.Query {
	q := bleve.NewTermQuery(text)
	q.SetField(textField)
	return q
}

func slippedWords(ws []word) query.Query {
	terms := make([]query.Query, 0, len(ws))
	for _, w := range ws {
		if len(w.text) < 5 {
			continue
		}
		q := bleve.NewFuzzyQuery(w.text)
		q.SetField(textField)
		q.SetFuzziness(1)
		terms = append(terms, q)
	}
	return bleve.NewDisjunctionQuery(terms...)
}

func (n *notes) run(ctx context.Context, form query.Query, q parsedQuery, p people, admit func(uint32) bool, limit int) ([]noteMatch, error) {
	var found []noteMatch
	from, size := 0, max(notePage, limit)
	for range notePages {
		req := bleve.NewSearchRequestOptions(form, size, from, false)
		req.SortBy([]string{"-_score", "_id"})
		res, err := n.bleve.SearchInContext(ctx, req)
		if err != nil {
			return nil, fmt.Errorf("index: searching notes: %w", err)
		}
		for _, hit := range res.Hits {
			if len(hit.ID) != len(noteKey{}) {
				continue
			}
			m := noteMatch{key: noteKey([]byte(hit.ID)), score: hit.Score}
			var ok bool
			if m.ord, m.source, ok = n.owner(m.key, p); !ok || !admit(m.ord) {
				continue
			}
			if len(q.phrases) > 0 {
				text, err := n.text(m.key)
				if err != nil {
					return nil, err
				}
				if !q.phrasesIn(text) {
					continue
				}
			}
			found = append(found, m)
		}
		from += size
		if len(found) >= limit || len(res.Hits) < size {
			break
		}
		size *= noteGrowth
	}
	return found, nil
}

// text is the stored text of a note, "" when it is gone.
func (n *notes) text(key noteKey) (text string, err error) {
	defer recovered("index: reading a note", &err)
	doc, err := n.bleve.Document(string(key[:]))
	if err != nil {
		return "", fmt.Errorf("index: reading a note: %w", err)
	}
	if doc == nil {
		return "", nil
	}
	doc.VisitFields(func(f bleveindex.Field) {
		if f.Name() == textField {
			text = string(f.Value())
		}
	})
	return text, nil
}

// fragmentBytes is about how long a fragment is.
const fragmentBytes = 160

// fragment is the stretch of a text with the most different words of the query.
func fragment(text string, query []word) string {
	asked := map[string]bool{}
	for _, w := range query {
		asked[w.text] = true
	}
	var at []word
	for _, w := range words(text, nil) {
		if asked[w.text] {
			at = append(at, w)
		}
	}
	start, most := 0, 0
	for i, w := range at {
		seen := map[string]bool{}
		for _, o := range at[i:] {
			if o.end-w.start > fragmentBytes {
				break
			}
			seen[o.text] = true
		}
		if len(seen) > most {
			start, most = w.start, len(seen)
		}
	}
	return around(text, start)
}

// around is a stretch of text that begins a little before start, at whole
// words, on one line.
func around(text string, start int) string {
	begin := max(0, start-fragmentBytes/4)
	if begin > 0 {
		if i := strings.IndexAny(text[begin:start], " \n\t"); i >= 0 {
			begin += i + 1
		} else {
			begin = start
		}
	}
	part := text[begin:]
	if len(part) > fragmentBytes {
		part = clip(part, fragmentBytes)
		if i := strings.LastIndexAny(part, " \n\t"); i > start-begin {
			part = part[:i]
		}
	}
	return strings.Join(strings.Fields(part), " ")
}
