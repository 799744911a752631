package ember

import (
	"context"
	"errors"
	"fmt"

	"ember/server"
	"ember/store"
)

// mostChanges bounds what one reading of the change log looks at.
const mostChanges = 100_000

// Changes implements server.Finder. A version is found by the change that made it; a
// change that made none, as when a resource became another patient's, is passed over.
func (f finder) Changes(ctx context.Context, typ string, before uint64, yield func(server.Resource) bool) (next uint64, err error) {
	looked := 0
	known := map[store.Ref]map[uint64]uint64{}
	for c, err := range f.store.ChangesBefore(before) {
		if err != nil {
			return 0, fmt.Errorf("ember: %w", err)
		}
		if looked++; looked > mostChanges {
			return c.Seq + 1, nil
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if c.Erased || typ != "" && c.Type != typ {
			continue
		}
		version, found, err := f.changed(c, known)
		if err != nil {
			return 0, err
		}
		if !found {
			continue
		}
		r, err := servedOne(version)
		if err != nil {
			return 0, err
		}
		if !yield(r) {
			return c.Seq + 1, nil
		}
	}
	return 0, nil
}

// changed is the version that a change made, if it made one that can be read. known are the
// numbers of versions by the changes that made them, of resources that have several: their
// bodies are not kept.
func (f finder) changed(c store.Change, known map[store.Ref]map[uint64]uint64) (r store.Resource, found bool, err error) {
	readable := func(err error) error {
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrCorrupt) {
			return nil
		}
		return translate(err)
	}
	ref := store.Ref{Type: c.Type, ID: c.ID}
	if numbers, seen := known[ref]; seen {
		number, made := numbers[c.Seq]
		if !made {
			return r, false, nil
		}
		r, err = f.store.Version(c.Type, c.ID, number)
		if err == nil || errors.Is(err, store.ErrGone) {
			return r, true, nil
		}
		return r, false, readable(err)
	}
	versions, err := f.store.History(c.Type, c.ID)
	if err != nil {
		if err = readable(err); err != nil {
			return r, false, err
		}
	}
	if len(versions) > 1 {
		known[ref] = map[uint64]uint64{}
	}
	for i := range versions {
		if len(versions) > 1 {
			known[ref][versions[i].Seq] = versions[i].Version
		}
		if versions[i].Seq == c.Seq {
			r, found = versions[i], true
		}
	}
	return r, found, nil
}
