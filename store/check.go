package store

import (
	"context"
	"errors"
	"fmt"
)

// Check is what Store.Check counted.
type Check struct {
	Versions, Older, Changes, Pairs int
	Damaged                         []string // what cannot be read: references, else a kind of record
}

// Check reads and opens everything in the store, which takes minutes where there
// is much, and names what is damaged. The error is for what kept it from reading
// on, ctx among it.
func (s *Store) Check(ctx context.Context) (Check, error) {
	var c Check
	var errs []error
	for _, part := range []struct {
		tag byte
		n   *int
	}{{tagBlob, &c.Versions}, {tagHistory, &c.Older}} {
		for v, err := range s.versions([]byte{part.tag}) {
			if ctx.Err() != nil {
				return c, fmt.Errorf("store: checking: %w", ctx.Err())
			}
			if err != nil {
				c.Damaged = append(c.Damaged, v.typ+"/"+v.id)
			}
			*part.n++
		}
	}
	for _, err := range s.Changes(0) {
		if err != nil {
			c.Damaged = append(c.Damaged, "change log")
		}
		c.Changes++
	}
	pairs, damaged, err := s.checkPairs(ctx)
	errs = append(errs, err)
	c.Pairs = pairs
	for range damaged {
		c.Damaged = append(c.Damaged, "pair of a space")
	}
	for _, err := range s.Patients() {
		if err != nil {
			c.Damaged = append(c.Damaged, "record of a patient")
		}
	}
	if err := errors.Join(errs...); err != nil {
		return c, fmt.Errorf("store: checking: %w", err)
	}
	return c, nil
}

func (s *Store) checkPairs(ctx context.Context) (pairs, damaged int, err error) {
	it, err := s.prefix([]byte{tagSpace})
	if err != nil {
		return 0, 0, err
	}
	defer it.Close()
	any := &Space{s: s}
	for ok := it.First(); ok && ctx.Err() == nil; ok = it.Next() {
		sealed, err := it.ValueAndErr()
		if err == nil {
			_, _, err = any.open(it.Key(), sealed)
		}
		if err != nil {
			damaged++
		}
		pairs++
	}
	return pairs, damaged, errors.Join(it.Error(), ctx.Err())
}
