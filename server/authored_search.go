package server

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ember/search"
)

// authoredType reports whether Ember has resources of its own of a type.
func authoredType(typ string) bool {
	for name := range authored {
		if strings.HasPrefix(name, typ+"/") {
			return true
		}
	}
	return false
}

// ownOf are Ember's own resources of a type that meet a query, by their ids. One that
// cannot be made yet, as there is no model, is not there yet.
func (c *call) ownOf(ctx context.Context, q *search.Query) (own []Resource, err error) {
	for _, name := range slices.Sorted(maps.Keys(authored)) {
		typ, id, _ := strings.Cut(name, "/")
		if typ != q.Type {
			continue
		}
		b, err := authored[name](c.s, ctx, c, id)
		if err != nil {
			if status := faultOf(err).Status; status == http.StatusServiceUnavailable || status == http.StatusNotFound {
				continue
			}
			return nil, err
		}
		r := Resource{Type: typ, ID: id, Body: b}
		ok, err := c.s.deps.Finder.Meets(ctx, q, &r)
		if err != nil {
			return nil, err
		}
		if ok {
			own = append(own, r)
		}
	}
	return own, nil
}

// cutSkip takes the parameter that counts Ember's own resources on the pages before off a
// query.
func cutSkip(text string) (rest string, skip int, err error) {
	if !strings.Contains(text, "_skip=") {
		return text, 0, nil
	}
	var kept []string
	for part := range strings.SplitSeq(text, "&") {
		value, ours := strings.CutPrefix(part, "_skip=")
		if !ours {
			kept = append(kept, part)
			continue
		}
		if skip, err = strconv.Atoi(value); err != nil || skip < 0 {
			return "", 0, badParameter("_skip", "as the links of a page have it")
		}
	}
	return strings.Join(kept, "&"), skip, nil
}

// findWithOwn is a page of a type of which Ember has resources of its own: they come
// before those that are stored. again is the query of the next page, where the cursor of a
// stored resource does not lead to it.
func (c *call) findWithOwn(ctx context.Context, q *search.Query, scope *search.Scope, from *search.Cursor, skip int) (page Found, again string, err error) {
	own, err := c.ownOf(ctx, q)
	if err != nil {
		return page, "", err
	}
	asked, shown, most := q.Count, []Resource(nil), len(own)
	if from == nil && asked > 0 && q.Summary != "count" {
		begin := min(skip, most)
		shown = own[begin:min(begin+asked, most)]
		q.Count -= len(shown)
	}
	if page, err = c.s.deps.Finder.Find(ctx, q, scope, from); err != nil {
		return page, "", err
	}
	if len(shown) > 0 && q.Count == 0 { // no place was left for what is stored
		if next := min(skip, most) + len(shown); next < most || page.Total > 0 {
			v := url.Values{}
			maps.Copy(v, q.Used)
			v.Set("_skip", strconv.Itoa(next))
			again = v.Encode()
		}
	}
	q.Count, page.Matches = asked, append(slices.Clone(shown), page.Matches...)
	if page.Total >= 0 {
		page.Total += most
	}
	return page, again, nil
}
