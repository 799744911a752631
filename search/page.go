package search

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"

	"ember/fhir"
	"ember/store"
)

// Page is a part of an answer.
type Page struct {
	Query    *Query
	Matches  []store.Resource
	Included []store.Resource
	Total    int    // -1: not known
	First    string // cursors of the first and the next page, "" where there is none
	Next     string
	Cut      bool // not everything that was to be included is
}

// Bounds of what one page costs.
const (
	mostSorted   = 200_000  // matches that are put into another order than that of the lists
	pageBytes    = 32 << 20 // resources of one page
	freeCounting = 50       // candidates looked at beyond the page to tell the total
)

// cursor is where a search has come to.
type cursor struct {
	text  string // the parameters
	at    store.Position
	skip  uint64 // matches before
	total int64  // -1: not known
	scope string // the name of the scope that total is of
}

// seal makes a cursor opaque: it says what was searched for.
func (e *Engine) seal(q *Query, c cursor) string {
	b := binary.AppendUvarint(nil, uint64(len(c.text)))
	b = append(append(b, c.text...), c.at.Ref[:]...)
	b = binary.AppendVarint(b, c.at.Place)
	b = binary.AppendUvarint(b, c.skip)
	b = binary.AppendVarint(b, c.total)
	b = append(b, c.scope...)
	return base64.RawURLEncoding.EncodeToString(e.Store.Seal(b, []byte("cursor "+q.Type)))
}

// Resume reads a cursor that a page gave: the query and where it has come to.
func (e *Engine) Resume(typ, text string) (*Query, *Cursor, error) {
	bad := &Error{Code: "value", Param: "_cursor", Detail: "this is no cursor of this server", Hint: "follow the links of a page as they are"}
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, nil, bad
	}
	b, err := e.Store.Unseal(sealed, []byte("cursor "+typ))
	if err != nil {
		return nil, nil, bad
	}
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) || len(b)-size-int(n) < 16 {
		return nil, nil, bad
	}
	c := cursor{text: string(b[size : size+int(n)])}
	b = b[size+int(n):]
	copy(c.at.Ref[:], b)
	b = b[16:]
	var n1, n2, n3 int
	c.at.Place, n1 = binary.Varint(b)
	c.skip, n2 = binary.Uvarint(b[max(n1, 0):])
	c.total, n3 = binary.Varint(b[max(n1, 0)+max(n2, 0):])
	if n1 <= 0 || n2 <= 0 || n3 <= 0 {
		return nil, nil, bad
	}
	c.scope = string(b[n1+n2+n3:])
	q, err := Parse(typ, c.text)
	return q, &Cursor{c}, err
}

// Cursor is where a search goes on.
type Cursor struct{ c cursor }

// Search is one page: the first, or the one behind a cursor.
func (e *Engine) Search(ctx context.Context, q *Query, scope *Scope, from *Cursor) (*Page, error) {
	page := &Page{Query: q, Total: -1}
	p, err := e.plan(ctx, q, scope)
	if err != nil {
		return nil, err
	}
	if q.LastOfEach > 0 {
		return e.lastOfEach(ctx, q, scope, p)
	}
	var at cursor
	if from != nil {
		at = from.c
		if page.Total = int(at.total); at.scope != scope.name() {
			page.Total = -1 // of what another caller may see
		}
		page.First = e.seal(q, cursor{text: q.text, total: -1})
	}
	if q.Count == 0 || q.Summary == "count" {
		page.Total, err = e.count(ctx, q, scope, p)
		return page, err
	}
	if p.sorted || p.named {
		err = e.sorted(ctx, q, scope, p, at, page)
	} else {
		err = e.walked(ctx, q, scope, p, at, page)
	}
	if err != nil {
		return nil, err
	}
	if q.Total == "none" {
		page.Total = -1
	}
	return page, e.include(ctx, q, scope, page)
}

// count counts everything that matches.
func (e *Engine) count(ctx context.Context, q *Query, scope *Scope, p *plan) (int, error) {
	if len(q.terms) == 0 && scope == nil {
		return int(e.Store.Counts()[q.Type]), nil
	}
	n := 0
	err := e.walk(ctx, q, scope, p, nil, func(*found) bool { n++; return true })
	return n, err
}

// walked takes a page out of a walk that is in order.
func (e *Engine) walked(ctx context.Context, q *Query, scope *Scope, p *plan, at cursor, page *Page) error {
	var after *store.Position
	if at.skip > 0 {
		after = &at.at
	}
	total, more, size := int(at.skip), false, 0
	known := page.Total >= 0
	exact := q.Total == "accurate" && !known
	complete := true
	var last store.Position
	err := e.walk(ctx, q, scope, p, after, func(f *found) bool {
		total++
		if !more && len(page.Matches) < q.Count && size < pageBytes {
			size += len(f.Raw)
			page.Matches, last = append(page.Matches, f.Resource), f.at
			return true
		}
		more = true
		complete = !known && (exact || total < int(at.skip)+len(page.Matches)+freeCounting)
		return complete
	})
	if err != nil {
		return err
	}
	if complete && !known {
		page.Total = total
	}
	if more {
		page.Next = e.seal(q, cursor{text: q.text, at: last, skip: at.skip + uint64(len(page.Matches)), total: int64(page.Total), scope: scope.name()})
	}
	return nil
}

// ranked is a match with what it is sorted by.
type ranked struct {
	at   store.Position
	id   string
	keys []key
}

// key is one value to sort by.
type key struct {
	some   bool
	number float64
	text   string
}

// sorted finds everything that matches, orders it, and takes the page.
func (e *Engine) sorted(ctx context.Context, q *Query, scope *Scope, p *plan, at cursor, page *Page) error {
	var all []ranked
	err := e.walk(ctx, q, scope, p, nil, func(f *found) bool {
		all = append(all, rank(q, f))
		return len(all) <= mostSorted
	})
	if err != nil {
		return err
	}
	if len(all) > mostSorted {
		return &Error{Code: "too-costly", Param: "_sort", Detail: "more matches than can be sorted by this", Hint: "narrow the search, or sort by the date of the type"}
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return q.compare(&a, &b) })
	page.Total = len(all)
	begin := min(int(at.skip), len(all))
	if at.skip > 0 {
		if i := slices.IndexFunc(all, func(r ranked) bool { return r.at.Ref == at.at.Ref }); i >= 0 {
			begin = i + 1
		}
	}
	end, size := begin, 0
	for ; end < len(all) && end < begin+q.Count && size < pageBytes; end++ {
		f, ok, err := e.open(all[end].at, &fhir.Extractor{})
		if err == nil && ok && e.sees(scope, f) { // still
			size += len(f.Raw)
			page.Matches = append(page.Matches, f.Resource)
		}
	}
	if end < len(all) {
		page.Next = e.seal(q, cursor{text: q.text, at: all[end-1].at, skip: uint64(end), total: int64(len(all)), scope: scope.name()})
	}
	return nil
}

// rank reads what a match is sorted by.
func rank(q *Query, f *found) ranked {
	r := ranked{at: f.at, id: f.ID, keys: make([]key, len(q.Sort))}
	for i, by := range q.Sort {
		switch {
		case by.Param == nil:
			r.keys[i] = key{some: true, text: f.ID}
		case by.Param.Name == "_lastUpdated":
			r.keys[i] = key{some: true, number: float64(f.Updated.UnixMilli())}
		default:
			r.keys[i] = least(f.values(by.Param), by.Descending)
		}
	}
	return r
}

// least is the smallest of the values, or the greatest.
func least(values []fhir.Value, greatest bool) (best key) {
	for i := range values {
		k := keyOf(&values[i])
		if !k.some {
			continue
		}
		if !best.some || greatest == (compareKeys(k, best) > 0) {
			best = k
		}
	}
	return best
}

func keyOf(v *fhir.Value) key {
	switch v.Form {
	case fhir.Time:
		return key{some: true, number: float64(v.First)}
	case fhir.Amount:
		if math.IsInf(v.Low, 0) {
			return key{some: true, number: v.High}
		}
		return key{some: true, number: v.Low}
	case fhir.Coded, fhir.Word, fhir.Pointer, fhir.Address:
		return key{some: true, text: string(v.Code)}
	case fhir.Line, fhir.Said:
		return key{some: true, text: string(fhir.Fold(v.Text))}
	}
	return key{}
}

func compareKeys(a, b key) int {
	return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.text, b.text))
}

// compare orders by the keys, what has none last; by the resource in the end, so
// that the order is the same each time.
func (q *Query) compare(a, b *ranked) int {
	for i, by := range q.Sort {
		x, y := a.keys[i], b.keys[i]
		switch c := compareKeys(x, y); {
		case x.some != y.some && x.some == by.early():
			return 1
		case x.some != y.some:
			return -1
		case c != 0 && by.Descending:
			return -c
		case c != 0:
			return c
		}
	}
	if len(q.Sort) == 0 {
		return 0
	}
	return bytes.Compare(a.at.Ref[:], b.at.Ref[:])
}
