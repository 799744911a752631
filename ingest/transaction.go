package ingest

import (
	"fmt"
	"net/http"

	"ember/store"
)

// transaction stores all entries at once, or none.
func (b *bundle) transaction(requests []request, writes []*store.Write, outcomes []Outcome) error {
	b.findDuplicates(writes, outcomes)
	b.readOthers(requests, writes, outcomes)
	good := !b.broken
	var all []store.Write
	var outs []Outcome
	var at []int
	for i := range outcomes {
		good = good && outcomes[i].Status < 400
		if writes[i] != nil {
			all, outs, at = append(all, *writes[i]), append(outs, outcomes[i]), append(at, i)
		}
	}
	if good {
		err := b.in.commit(b.ctx, all, outs)
		if err != nil && !isConflict(err) {
			return err
		}
		if good = err == nil; !good {
			b.findConflicts(writes, outcomes)
		}
	}
	if !good {
		b.abort(outcomes)
		return nil
	}
	for j, i := range at {
		outcomes[i] = outs[j]
	}
	for i := range outcomes {
		if outcomes[i].Status == 0 {
			b.read(requests[i], &outcomes[i])
		}
		b.report(outcomes[i])
	}
	return nil
}

// findDuplicates refuses the second write of one resource in a transaction.
func (b *bundle) findDuplicates(writes []*store.Write, outcomes []Outcome) {
	seen := map[string]string{}
	for i, w := range writes {
		if w == nil {
			continue
		}
		ref := w.Type + "/" + w.ID
		if first, ok := seen[ref]; ok {
			outcomes[i].refuse(http.StatusBadRequest, "duplicate", outcomes[i].Path, fmt.Sprintf("the same resource as %s", first))
		}
		seen[ref] = outcomes[i].Path
	}
}

// readOthers reads what the transaction asks for and does not write: one that is
// not there refuses it. What it writes is read when it is stored.
func (b *bundle) readOthers(requests []request, writes []*store.Write, outcomes []Outcome) {
	written := map[string]*store.Write{}
	for _, w := range writes {
		if w != nil {
			written[w.Type+"/"+w.ID] = w
		}
	}
	for i, r := range requests {
		if writes[i] != nil || outcomes[i].Status != 0 || r.searches {
			continue
		}
		switch w := written[r.typ+"/"+r.id]; {
		case w == nil:
			b.read(r, &outcomes[i])
		case w.Delete:
			outcomes[i].refuse(http.StatusNotFound, "not-found", outcomes[i].Path+".request.url", "another entry deletes this resource")
		}
	}
}

// findConflicts refuses the writes whose ifMatch is not met. The store has
// refused all of them together and does not say which it was.
func (b *bundle) findConflicts(writes []*store.Write, outcomes []Outcome) {
	const detail = "the current version is another"
	var asked []int
	found := false
	for i, w := range writes {
		if w == nil || w.IfVersion == 0 {
			continue
		}
		asked = append(asked, i)
		if r, err := b.in.opt.Store.Get(w.Type, w.ID); err != nil || r.Version != w.IfVersion {
			outcomes[i].refuse(http.StatusPreconditionFailed, "conflict", outcomes[i].Path+".request.ifMatch", detail)
			found = true
		}
	}
	for _, i := range asked { // the version was another for a moment only
		if !found {
			outcomes[i].refuse(http.StatusPreconditionFailed, "conflict", outcomes[i].Path+".request.ifMatch", detail)
		}
	}
}

// abort reports a transaction of which nothing is stored.
func (b *bundle) abort(outcomes []Outcome) {
	b.loaded.Aborted++
	for _, out := range outcomes {
		if out.Status < 400 {
			out.refuse(http.StatusFailedDependency, "transient", out.Path, "nothing of this transaction was stored, because of another entry")
			out.Version, out.Body = 0, nil
		}
		b.report(out)
	}
}
