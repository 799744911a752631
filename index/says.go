package index

import (
	"context"
	"fmt"
	"hash/maphash"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	bleveindex "github.com/blevesearch/bleve_index_api"
)

// phraseCache remembers which notes have a phrase until notes change. Phrases are
// kept as hashes.
type phraseCache struct {
	mu   sync.Mutex
	seed maphash.Seed
	of   map[uint64]*phraseNotes
	size int // notes in all
}

// phraseNotes are the notes with a phrase as of a number of changes.
type phraseNotes struct {
	changes uint64
	notes   []phraseNote
}

type phraseNote struct {
	key          noteKey
	said, denied bool
}

const (
	maxPhrases     = 256
	maxPhraseNotes = 1 << 20
	textReaders    = 4
)

// Says are the patients of a set who have a note that says a phrase, and those who
// have one that denies it; see [View.Mentions]. The answer for a phrase is kept as
// long as notes do not change.
func (v View) Says(ctx context.Context, phrase string, within Set) (said, denied Set, err error) {
	asked := wordTexts(phrase)
	if v.s.notes == nil || len(asked) == 0 {
		return Set{}, Set{}, nil
	}
	var yes, no []uint32
	put := func(ord uint32, said, denied bool) {
		if said {
			yes = append(yes, ord)
		}
		if denied {
			no = append(no, ord)
		}
	}
	if v.s.notes.notesOf(v.s.people, within) < fewNotes {
		for m, err := range v.Mentions(ctx, phrase, within) {
			if err != nil {
				return Set{}, Set{}, err
			}
			put(m.Patient, m.Said > 0, m.Denied > 0)
		}
		return NewSet(yes...), NewSet(no...), nil
	}
	notes, err := v.s.notes.withPhrase(ctx, asked)
	if err != nil {
		return Set{}, Set{}, err
	}
	for i := range notes {
		if ord, _, ok := v.s.notes.owner(notes[i].key, v.s.people); ok && within.Contains(ord) {
			put(ord, notes[i].said, notes[i].denied)
		}
	}
	return NewSet(yes...), NewSet(no...), ctx.Err()
}

// fewNotes is below how many notes each is looked at.
const fewNotes = 200

// withPhrase are all notes with a phrase, from memory if they are known.
func (n *notes) withPhrase(ctx context.Context, asked []string) ([]phraseNote, error) {
	changes := n.changes.Load()
	c := &n.phrases
	c.mu.Lock()
	if c.of == nil {
		c.of, c.seed = map[uint64]*phraseNotes{}, maphash.MakeSeed()
	}
	key := maphash.String(c.seed, strings.Join(asked, " "))
	had := c.of[key]
	c.mu.Unlock()
	if had != nil && had.changes == changes {
		return had.notes, nil
	}
	found, err := n.readPhrase(ctx, asked)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.of) >= maxPhrases || c.size+len(found) > maxPhraseNotes {
		clear(c.of)
		c.size = 0
	}
	if old := c.of[key]; old != nil {
		c.size -= len(old.notes)
	}
	c.of[key] = &phraseNotes{changes, found}
	c.size += len(found)
	return found, nil
}

// readPhrase reads the texts of all notes with the words of a phrase.
func (n *notes) readPhrase(ctx context.Context, asked []string) (found []phraseNote, err error) {
	defer recovered("index: searching notes", &err)
	r, err := n.deep.Reader()
	if err != nil {
		return nil, fmt.Errorf("index: searching notes: %w", err)
	}
	defer r.Close()
	keys, err := n.keysWith(ctx, r, asked)
	if err != nil {
		return nil, err
	}
	all := make([]phraseNote, len(keys))
	g, ctx := errgroup.WithContext(ctx)
	for part := range textReaders {
		g.Go(func() (err error) {
			defer recovered("index: searching notes", &err)
			for i := part; i < len(keys); i += textReaders {
				if err := ctx.Err(); err != nil {
					return err
				}
				text, err := n.text(keys[i])
				if err != nil {
					return err
				}
				said, denied, _ := mentions(asked, text)
				all[i] = phraseNote{keys[i], said > 0, denied > 0}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for _, one := range all {
		if one.said || one.denied {
			found = append(found, one)
		}
	}
	return found, nil
}

// keysWith are the notes that have all words that are indexed, or all notes when none
// of the words is.
func (n *notes) keysWith(ctx context.Context, r bleveindex.IndexReader, asked []string) (keys []noteKey, err error) {
	readers, err := termReaders(ctx, r, asked)
	if err != nil {
		return nil, fmt.Errorf("index: searching notes: %w", err)
	}
	defer func() {
		for _, t := range readers {
			_ = t.Close() // it only gives memory back
		}
	}()
	if len(readers) == 0 {
		held, err := n.keys()
		for key := range held {
			keys = append(keys, key)
		}
		return keys, err
	}
	err = join(ctx, r, readers, func(key noteKey) (bool, error) {
		keys = append(keys, key)
		return true, nil
	})
	return keys, err
}
