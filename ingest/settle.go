package ingest

import (
	"context"
	"errors"
	"fmt"

	"ember/fhir"
	"ember/store"
)

// settleSize is how many waiting resources are resolved in one commit.
const settleSize = 500

// keyed is a stored resource under one of its keys.
type keyed struct {
	store.Ref
	key []byte
}

// keysOf appends the keys of a write that may end somebody's waiting.
func keysOf(found []keyed, w *store.Write) []keyed {
	for _, key := range w.Keys {
		if _, ok := counterpart(key); ok {
			found = append(found, keyed{store.Ref{Type: w.Type, ID: w.ID}, key})
		}
	}
	return found
}

// settleWaiting gives the references that waited for an identifier their target,
// now that resources with identifiers have been committed. Both sides look: who
// brings the identifier for those who wait, and who waits for an identifier that
// came while the write was under way. What fails is left to the follower: what
// was written is written.
func (in *Ingest) settleWaiting(ctx context.Context, arrived []keyed) {
	if len(arrived) == 0 {
		return
	}
	if err := in.trySettling(context.WithoutCancel(ctx), arrived); err != nil {
		in.mu.Lock()
		in.unsettled = append(in.unsettled, arrived...)
		in.mu.Unlock()
	}
}

// settleLeft takes up what settling failed for, and what a crash left unsettled.
func (in *Ingest) settleLeft(ctx context.Context) error {
	if err := in.settleLogged(ctx); err != nil {
		return err
	}
	in.mu.Lock()
	left := in.unsettled
	in.unsettled = nil
	in.mu.Unlock()
	if len(left) == 0 {
		return nil
	}
	if err := in.trySettling(ctx, left); err != nil {
		in.mu.Lock()
		in.unsettled = append(in.unsettled, left...)
		in.mu.Unlock()
		return err
	}
	return nil
}

// settleLogged settles the changes that were in the log when it was opened and
// that the timelines had not seen: who wrote them may have died before settling.
func (in *Ingest) settleLogged(ctx context.Context) error {
	var found []keyed
	for c, err := range in.opt.Store.Changes(in.resume) {
		if err != nil {
			return fmt.Errorf("ingest: reading the change log: %w", err)
		}
		if c.Seq > in.opened {
			break
		}
		if r, err := in.opt.Store.Get(c.Type, c.ID); err == nil && !c.Deleted {
			w := in.again(r)
			found = keysOf(found, &w)
		}
		if len(found) >= batchSize {
			if err := in.trySettling(ctx, found); err != nil {
				return err
			}
			found, in.resume = found[:0], c.Seq
		}
	}
	if err := in.trySettling(ctx, found); err != nil {
		return err
	}
	in.resume = in.opened
	return nil
}

func (in *Ingest) trySettling(ctx context.Context, arrived []keyed) error {
	seen := map[store.Ref]bool{}
	var waiting []store.Ref
	for _, a := range arrived {
		other, _ := counterpart(a.key)
		refs, err := in.opt.Store.Lookup(other)
		if err != nil {
			return fmt.Errorf("ingest: looking for waiting references: %w", err)
		}
		if a.key[0] == 'w' && len(refs) > 0 {
			refs = []store.Ref{a.Ref}
		}
		for _, r := range refs {
			if !seen[r] {
				seen[r] = true
				waiting = append(waiting, r)
			}
		}
	}
	for len(waiting) > 0 {
		n := min(settleSize, len(waiting))
		if err := in.resettle(ctx, waiting[:n]); err != nil {
			return err
		}
		waiting = waiting[n:]
	}
	return nil
}

// again is the write of a stored resource with its references resolved anew.
func (in *Ingest) again(r store.Resource) store.Write {
	var h fhir.Header
	var issues []fhir.Issue
	fhir.Scan(r.Raw, &h)
	w := in.write(&h, r.Raw, r.ID, in.kept(r, &h), &issues)
	w.IfVersion = r.Version
	return w
}

// resettle resolves the references of stored resources again.
func (in *Ingest) resettle(ctx context.Context, refs []store.Ref) error {
	flight := in.dirty.begin(in.opt.Store.Head())
	var writes []store.Write
	var touched []string
	for _, ref := range refs {
		r, err := in.opt.Store.Get(ref.Type, ref.ID)
		if err != nil {
			continue // deleted, or damaged: its own patient's timeline tells of it
		}
		w := in.again(r)
		writes = append(writes, w)
		touched = append(touched, r.Patient, w.Patient)
	}
	_, err := in.opt.Store.Commit(ctx, writes)
	if isConflict(err) && len(refs) == 1 {
		err = nil // a newer version has come, and was resolved on its own way in
	}
	in.dirty.land(flight, touched...)
	if !isConflict(err) {
		return wrapSettling(err)
	}
	var errs []error
	for i := range refs {
		errs = append(errs, in.resettle(ctx, refs[i:i+1]))
	}
	return errors.Join(errs...)
}

func wrapSettling(err error) error {
	if err != nil {
		return fmt.Errorf("ingest: resolving waiting references: %w", err)
	}
	return nil
}
