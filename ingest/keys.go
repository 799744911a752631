package ingest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"ember/fhir"
	"ember/search"
	"ember/store"
)

// extractors are reused from resource to resource.
var extractors = sync.Pool{New: func() any { return new(fhir.Extractor) }}

// keysFor is where a resource is found by searches; body is as answers show it.
func keysFor(typ, patient string, body []byte) store.Index {
	x := extractors.Get().(*fhir.Extractor)
	defer extractors.Put(x)
	k := x.Keys(typ, patient, body)
	return store.Index{Lists: k.Lists, Place: k.Place, Marks: k.Marks}
}

// keyedSpace names the space of the store that says by which version of the keys
// everything in it can be found.
const keyedSpace = "search keys"

var keyedVersion = []byte("version")

// Searchable reports whether everything stored can be found by search: not while
// a store of an older version is keyed anew.
func (in *Ingest) Searchable() bool { return in.searchable.Load() }

// checkKeys finds out whether what is stored has the keys of this version.
func (in *Ingest) checkKeys() (current bool, err error) {
	space := in.opt.Store.Space(keyedSpace)
	b, found, err := space.Get(keyedVersion)
	if err != nil {
		return false, fmt.Errorf("ingest: reading the version of the search keys: %w", err)
	}
	if v, n := binary.Uvarint(b); found && n > 0 && v == fhir.KeysVersion {
		return true, nil
	}
	if in.opt.Store.Head() > 0 {
		return false, nil
	}
	return true, in.noteKeys()
}

func (in *Ingest) noteKeys() error {
	pair := store.Pair{Key: keyedVersion, Value: binary.AppendUvarint(nil, fhir.KeysVersion)}
	if err := in.opt.Store.Space(keyedSpace).Put([]store.Pair{pair}, true); err != nil {
		return fmt.Errorf("ingest: noting the version of the search keys: %w", err)
	}
	return nil
}

// keyAnew keys what an older version has stored.
func (in *Ingest) keyAnew(ctx context.Context) {
	defer close(in.rekeyed)
	if in.Searchable() {
		return
	}
	if err := in.rekey(ctx); err != nil && ctx.Err() == nil {
		in.mu.Lock()
		in.failure = fmt.Errorf("ingest: keying what is stored for search: %w", err)
		in.mu.Unlock()
	}
}

// rekey gives everything stored the keys of this version, without new versions of
// the resources. What has them already costs a look; a crash begins again.
func (in *Ingest) rekey(ctx context.Context) error {
	err := in.rekeyPatient(ctx, "")
	if err != nil {
		return err
	}
	for p, err := range in.opt.Store.Patients() {
		if err == nil {
			err = in.rekeyPatient(ctx, p)
		}
		if err != nil {
			return err
		}
	}
	if err := in.noteKeys(); err != nil {
		return err
	}
	in.searchable.Store(true)
	return nil
}

func (in *Ingest) rekeyPatient(ctx context.Context, patient string) error {
	var batch []store.Write
	for r, err := range in.opt.Store.Patient(patient) {
		if errors.Is(err, store.ErrCorrupt) {
			continue // the check of the store tells of it
		}
		if err != nil {
			return err
		}
		batch = append(batch, in.again(r))
		if len(batch) >= settleSize {
			if err := in.commitKeys(ctx, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return in.commitKeys(ctx, batch)
}

// commitKeys stores again; what was written meanwhile has its keys already.
func (in *Ingest) commitKeys(ctx context.Context, batch []store.Write) error {
	if err := ctx.Err(); err != nil || len(batch) == 0 {
		return err
	}
	_, err := in.opt.Store.Commit(ctx, batch)
	if !isConflict(err) {
		return err
	}
	if len(batch) == 1 {
		return nil
	}
	for i := range batch {
		if err := in.commitKeys(ctx, batch[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// match finds what meets a condition, an URL's query over resources of a type: none,
// one, or more than one. It refuses in out what cannot be answered.
func (in *Ingest) match(ctx context.Context, typ, condition, path string, out *Outcome) (refs []store.Ref, ok bool) {
	refuse := func(status int, code, detail string) ([]store.Ref, bool) {
		out.refuse(status, code, path, detail)
		return nil, false
	}
	if in.opt.Search == nil || !in.Searchable() {
		return refuse(503, "transient", "what is stored cannot be searched yet")
	}
	q, err := search.Parse(typ, condition)
	var fault *search.Error
	switch {
	case errors.As(err, &fault):
		return refuse(400, fault.Code, "a parameter of the condition: "+fault.Detail)
	case err != nil:
		return refuse(400, "value", "the condition cannot be read")
	case len(q.Ignored) > 0:
		return refuse(400, "not-supported", "the condition has a parameter that is not known for "+typ)
	case !q.Selective():
		return refuse(403, "forbidden", "the condition holds of every "+typ)
	}
	if refs, err = in.opt.Search.Find(ctx, q, conditionScope(search.GuardOf(ctx)), 2); err != nil {
		return refuse(500, "exception", "the condition cannot be looked up")
	}
	return refs, true
}
