package index

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"sort"
	"strings"
	"sync"
)

// wordIndex finds the concepts whose names hold words. Each name of a concept
// (display, text, code value) is a document of its own, so that a long list of
// synonyms does not hide an exact name.
type wordIndex struct {
	ids    map[string]uint32
	terms  []term
	sorted []uint32 // terms by spelling; those from len(sorted) on are new
	docs   []nameDoc
	pool   *sync.Pool // of *scores
}

type term struct {
	text string
	bag  uint64   // letters that occur, to rule out spellings cheaply
	docs []uint32 // ascending
}

type nameDoc struct {
	concept uint32
	words   uint16 // 0 = dropped
}

// match is a concept that a query names. Score is 1 when a name is exactly the
// query. Mask has a bit for each word of the query that was found in the name.
type match struct {
	concept uint32
	score   float32
	mask    uint32
}

// newTail is how many new terms are looked through one by one before they are
// sorted in.
const newTail = 256

func newWordIndex() wordIndex {
	return wordIndex{ids: map[string]uint32{}, pool: &sync.Pool{New: func() any { return new(scores) }}}
}

// add makes a name searchable and gives its document.
func (w *wordIndex) add(concept uint32, name string) uint32 {
	doc, n := uint32(len(w.docs)), 0
	var buf [24]word
	for _, one := range words(clip(name, maxText), buf[:0]) {
		if common(one.text) {
			continue
		}
		n++
		id, ok := w.ids[one.text]
		if !ok {
			text := strings.Clone(one.text)
			id = uint32(len(w.terms))
			w.ids[text] = id
			w.terms = append(w.terms, term{text: text, bag: bag(text)})
		}
		t := &w.terms[id]
		if k := len(t.docs); k == 0 || t.docs[k-1] != doc {
			t.docs = append(t.docs, doc)
		}
	}
	w.docs = append(w.docs, nameDoc{concept, uint16(n)})
	return doc
}

// drop makes a name unfindable.
func (w *wordIndex) drop(doc uint32) { w.docs[doc].words = 0 }

// settled reports whether few terms wait for being sorted in.
func (w *wordIndex) settled() bool { return len(w.terms)-len(w.sorted) <= newTail }

func (w *wordIndex) settle() {
	for id := len(w.sorted); id < len(w.terms); id++ {
		w.sorted = append(w.sorted, uint32(id))
	}
	slices.SortFunc(w.sorted, func(a, b uint32) int { return cmp.Compare(w.terms[a].text, w.terms[b].text) })
}

// maxQueryWords is how many words of a query count.
const maxQueryWords = 16

const (
	prefixWeight = 0.75 // a word that begins with the word asked for
	typoWeight   = 0.5  // a word one slip away from it
)

// find gives every concept that has a name with words of the query, best first;
// when some name has all of them, only such concepts; of those that admit
// accepts, those of the best 4,096 names. A word is found as it is, as
// the beginning of a longer one (from three letters), and, when neither is
// there, with one slip of the pen (from five letters).
func (w *wordIndex) find(query []word, admit func(concept uint32) bool) []match {
	if len(query) > maxQueryWords {
		query = query[:maxQueryWords]
	}
	s := w.pool.Get().(*scores)
	defer w.pool.Put(s)
	s.reset(len(w.docs))
	var total float32
	for i, q := range query {
		found := w.spellings(q.text)
		df := 0
		for _, f := range found {
			df += len(w.terms[f.term].docs)
		}
		idf := float32(math.Log1p(float64(len(w.docs)+1) / float64(df+1)))
		total += idf
		for _, f := range found {
			s.count(w.terms[f.term].docs, uint32(1)<<i, f.weight*idf)
		}
	}
	return w.ranked(s, total, uint32(1)<<len(query)-1, admit)
}

type spelling struct {
	term   uint32
	weight float32
}

// spellings are the terms that a word may stand for, heaviest first.
func (w *wordIndex) spellings(q string) []spelling {
	var found []spelling
	if id, ok := w.ids[q]; ok {
		found = append(found, spelling{id, 1})
	}
	if len(q) >= 3 {
		found = w.beginning(q, found)
	}
	if len(found) == 0 && len(q) >= 5 {
		found = w.slips(q)
	}
	return found
}

func (w *wordIndex) beginning(q string, found []spelling) []spelling {
	from := len(found)
	add := func(id uint32) {
		if t := w.terms[id].text; len(t) > len(q) && strings.HasPrefix(t, q) {
			found = append(found, spelling{id, prefixWeight * (0.5 + 0.5*float32(len(q))/float32(len(t)))})
		}
	}
	i := sort.Search(len(w.sorted), func(i int) bool { return w.terms[w.sorted[i]].text >= q })
	for ; i < len(w.sorted) && strings.HasPrefix(w.terms[w.sorted[i]].text, q); i++ {
		add(w.sorted[i])
	}
	for id := len(w.sorted); id < len(w.terms); id++ {
		add(uint32(id))
	}
	slices.SortFunc(found[from:], func(a, b spelling) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.term, b.term))
	})
	return found
}

// slips are the terms at one insertion, deletion, substitution or transposition.
func (w *wordIndex) slips(q string) []spelling {
	var found []spelling
	letters := bag(q)
	for id := range w.terms {
		t := &w.terms[id]
		if d := len(t.text) - len(q); d < -1 || d > 1 || bits.OnesCount64(t.bag^letters) > 2 {
			continue
		}
		if oneSlip(q, t.text) {
			found = append(found, spelling{uint32(id), typoWeight})
		}
	}
	return found
}

// bag has a bit for every byte that occurs, folded to 64.
func bag(s string) uint64 {
	var b uint64
	for i := range len(s) {
		b |= 1 << (s[i] % 64)
	}
	return b
}

// oneSlip reports whether one insertion, deletion, substitution of a byte or
// transposition of two neighbours makes b of a.
func oneSlip(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return a[i:] == b[i+1:]
	}
	if i == len(a) {
		return false
	}
	return a[i+1:] == b[i+1:] ||
		i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

// scores gathers what the documents score; it is reused between searches.
type scores struct {
	doc     []docScore
	touched []uint32
}

type docScore struct {
	score float32
	mask  uint32
}

func (s *scores) reset(docs int) {
	for _, d := range s.touched {
		s.doc[d] = docScore{}
	}
	s.touched = s.touched[:0]
	if len(s.doc) < docs {
		s.doc = make([]docScore, docs+docs/4)
	}
}

func (s *scores) count(docs []uint32, bit uint32, weight float32) {
	for _, d := range docs {
		one := &s.doc[d]
		if one.mask == 0 {
			s.touched = append(s.touched, d)
		}
		if one.mask&bit == 0 {
			one.mask |= bit
			one.score += weight
		}
	}
}

// ranked gives the best name of each concept, best concept first, ties by number.
func (w *wordIndex) ranked(s *scores, total float32, full uint32, admit func(uint32) bool) []match {
	strict := slices.ContainsFunc(s.touched, func(d uint32) bool { return s.doc[d].mask == full && w.docs[d].words > 0 })
	found := make([]match, 0, len(s.touched))
	for _, d := range s.touched {
		one, name := s.doc[d], w.docs[d]
		if name.words == 0 || strict && one.mask != full || admit != nil && !admit(name.concept) {
			continue
		}
		rest := int(name.words) - bits.OnesCount32(one.mask)
		found = append(found, match{name.concept, one.score / total / (1 + 0.1*float32(max(rest, 0))), one.mask})
	}
	found = leading(found)
	slices.SortFunc(found, func(a, b match) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.concept, b.concept))
	})
	found = found[:min(len(found), leadingNames)]
	seen := make(map[uint32]bool, len(found))
	return slices.DeleteFunc(found, func(m match) bool {
		again := seen[m.concept]
		seen[m.concept] = true
		return again
	})
}

// leadingNames is the most names that a query finds.
const leadingNames = 4096

// leading cuts a long list to its best 4,096 and those about level with the
// last, so that frequent words do not cost a sort of everything.
func leading(found []match) []match {
	const bins = 1024
	if len(found) <= leadingNames {
		return found
	}
	var count [bins + 1]int
	bin := func(m match) int { return int(min(max(m.score, 0), 1) * bins) }
	for _, m := range found {
		count[bin(m)]++
	}
	least := bins
	for sum := count[bins]; sum < leadingNames; sum += count[least] {
		least--
	}
	return slices.DeleteFunc(found, func(m match) bool { return bin(m) < least })
}
