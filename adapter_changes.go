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
	known := map[store.Ref][]store.Resource{}
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
		ref := store.Ref{Type: c.Type, ID: c.ID}
		versions, seen := known[ref]
		if !seen {
			versions, err = f.store.History(c.Type, c.ID)
			if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrCorrupt) {
				return 0, translate(err)
			}
			if len(versions) > 1 {
				known[ref] = versions
			}
		}
		for i := range versions {
			if versions[i].Seq != c.Seq {
				continue
			}
			r, err := servedOne(versions[i])
			if err != nil {
				return 0, err
			}
			if !yield(r) {
				return c.Seq + 1, nil
			}
		}
	}
	return 0, nil
}
