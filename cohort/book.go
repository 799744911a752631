package cohort

import (
	"encoding/json"
	"fmt"
	"iter"
	"strconv"

	"ember/index"
)

// Book keeps, sealed, what principals were told today, so that a restart forgets nothing.
// Values go when they are dropped: what a day holds is dropped when the principal asks on
// the next.
type Book interface {
	Put(key string, value []byte) error
	All() iter.Seq2[[]byte, error]
	Drop(keys []string) error
}

// entry is what is kept of one question: a set, or a sample with its answer.
type entry struct {
	Key       string
	Principal string
	Day       int32
	Number    int    // of the principal's day
	Set       []byte `json:",omitempty"`
	Of        int    `json:",omitempty"` // the number of the entry whose answer it got; -1 = its own
	Count     Count
	Kind      string          `json:",omitempty"`
	Sums      []uint32        `json:",omitempty"`
	Answer    json.RawMessage `json:",omitempty"`
}

// write puts an entry into the book. The lock is held.
func (g *Guard) write(l *ledger, e entry) error {
	e.Number = l.written
	e.Key = strconv.Itoa(int(e.Day)) + "/" + strconv.Itoa(e.Number) + "/" + e.Principal
	value, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("cohort: keeping what was told: %w", err)
	}
	if err := g.book.Put(e.Key, value); err != nil {
		return fmt.Errorf("cohort: keeping what was told: %w", err)
	}
	l.written++
	l.keys = append(l.keys, e.Key)
	return nil
}

// recall reads the book: of each principal the last day. Sets are of ordinals, which hold
// as long as the index is not fed anew; the budget holds even then.
func (g *Guard) recall(book Book) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.book = book
	var old []string
	entries := map[string][]entry{}
	for value, err := range book.All() {
		var e entry
		if err == nil {
			err = json.Unmarshal(value, &e)
		}
		if err != nil {
			return fmt.Errorf("cohort: reading what was told: %w", err)
		}
		had := entries[e.Principal]
		switch {
		case len(had) > 0 && had[0].Day > e.Day:
			old = append(old, e.Key)
			continue
		case len(had) > 0 && had[0].Day < e.Day:
			for _, o := range had {
				old = append(old, o.Key)
			}
			had = nil
		}
		entries[e.Principal] = append(had, e)
	}
	for principal, list := range entries {
		l := newLedger(list[0].Day)
		g.ledger[principal] = l
		if err := g.reread(l, list); err != nil {
			return err
		}
	}
	if len(old) == 0 {
		return nil
	}
	return book.Drop(old)
}

func (g *Guard) reread(l *ledger, list []entry) error {
	answers := map[int]*told{}
	sets := map[int]index.Set{}
	for _, e := range list {
		l.written = max(l.written, e.Number+1)
		l.keys = append(l.keys, e.Key)
		if e.Kind != "" {
			one := &keptSheet{sample: &Sheet{}, answer: e.Answer}
			copy(one.sample.sums[:], e.Sums)
			l.samples[e.Kind] = append(l.samples[e.Kind], one)
			l.bytes += 4*sampleCells + len(e.Answer)
			l.asked++
			continue
		}
		set, err := index.ReadSet(e.Set)
		if err != nil {
			return err
		}
		sets[e.Number] = set
		if e.Of < 0 {
			answers[e.Number] = &told{number: e.Number, set: set, count: e.Count, cells: g.noise.cells(l.spent, e.Principal, e.Day, contentOf(set))}
			l.asked++
		}
	}
	for _, e := range list {
		of := e.Of
		if of < 0 {
			of = e.Number
		}
		if t := answers[of]; e.Kind == "" && t != nil {
			l.add(&release{sets[e.Number].Len(), sets[e.Number], t})
		}
	}
	return nil
}
