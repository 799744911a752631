package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ember/fhir"
	"ember/store"
)

// settleWaiting gives the references that waited for an identifier their target,
// now that resources with identifiers have been committed. Both sides look: who
// brings the identifier for those who wait, and who waits for an identifier that
// came while the write was under way.
func (in *Ingest) settleWaiting(ctx context.Context, writes []store.Write, keyed []int) error {
	again := map[store.Ref]struct{}{}
	for _, i := range keyed {
		for _, key := range writes[i].Keys {
			other, ok := counterpart(key)
			if !ok {
				continue
			}
			refs, err := in.opt.Store.Lookup(other)
			if err != nil {
				return fmt.Errorf("ingest: looking for waiting references: %w", err)
			}
			if key[0] == 'w' && len(refs) > 0 {
				refs = []store.Ref{{Type: writes[i].Type, ID: writes[i].ID}}
			}
			for _, r := range refs {
				again[r] = struct{}{}
			}
		}
	}
	for r := range again {
		if err := in.resettle(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// counterpart is the key of those who wait for an identifier, or of who has the
// one that is waited for.
func counterpart(key []byte) ([]byte, bool) {
	switch {
	case bytes.HasPrefix(key, []byte("i|")):
		return append([]byte("w"), key[1:]...), true
	case bytes.HasPrefix(key, []byte("w|")):
		return append([]byte("i"), key[1:]...), true
	}
	return nil, false
}

// resettle resolves the references of a stored resource again.
func (in *Ingest) resettle(ctx context.Context, ref store.Ref) error {
	r, err := in.opt.Store.Get(ref.Type, ref.ID)
	if errors.Is(err, store.ErrGone) || errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ingest: %s/%s: %w", ref.Type, ref.ID, err)
	}
	var h fhir.Header
	var issues []fhir.Issue
	fhir.Scan(r.Raw, &h)
	w := in.write(&h, r.Raw, r.ID, in.kept(r), &issues)
	w.IfVersion = r.Version
	flight := in.dirty.begin(in.opt.Store.Head())
	_, err = in.opt.Store.Commit(ctx, []store.Write{w})
	in.dirty.land(flight, r.Patient, w.Patient)
	if isConflict(err) {
		return nil // a newer version has come, and was resolved on its own way in
	}
	return err
}

// kept are the references that the resource's own splices resolved within its
// Bundle: they hold on.
func (in *Ingest) kept(r store.Resource) *links {
	l := &links{refs: map[string]string{}}
	splices, err := fhir.DecodeSplices(r.Aside)
	if err != nil {
		return l
	}
	for _, s := range splices {
		if s.Start >= s.End || s.End > len(r.Raw) {
			continue
		}
		from, to := unquote(r.Raw[s.Start:s.End]), unquote([]byte(s.With))
		if fhir.ParseReference(to).Kind == fhir.Relative {
			l.refs[from] = to
		}
	}
	return l
}

// unquote reads the inside of a JSON string.
func unquote(b []byte) string {
	var s string
	quoted := append(append([]byte{'"'}, b...), '"')
	if json.Unmarshal(quoted, &s) != nil {
		return string(b)
	}
	return s
}

// touchedByShared are the patients whose timelines read one of the written
// resources though it lies elsewhere: a Medication, a record that was replaced.
func (in *Ingest) touchedByShared(writes []store.Write, changed []int) []string {
	var patients []string
	for _, i := range changed {
		w := &writes[i]
		if w.Type == "Medication" || w.Type == "Patient" {
			patients = append(patients, in.affected(w.Type, w.ID, w.Patient)...)
		}
	}
	return patients
}

// affected are the patients whose timeline a change of this resource changes.
func (in *Ingest) affected(typ, id, patient string) []string {
	patients := []string{patient}
	switch typ {
	case "Medication":
		refs, err := in.opt.Store.Lookup(medicationKey("Medication/" + id))
		if err != nil {
			return patients
		}
		for _, r := range refs {
			if res, err := in.opt.Store.Get(r.Type, r.ID); err == nil {
				patients = append(patients, res.Patient)
			}
		}
	case "Patient":
		versions, err := in.opt.Store.History(typ, id) // a merge may have been taken back
		if err != nil {
			return patients
		}
		for _, r := range versions {
			patients = append(patients, in.successors(r)...)
		}
	}
	return patients
}

// successors are the ids of the records that replace this Patient resource.
func (in *Ingest) successors(r store.Resource) (ids []string) {
	raw, err := current(r)
	if err != nil {
		return nil
	}
	for _, key := range replacedBy(raw) {
		ids = append(ids, strings.TrimPrefix(string(key), "r|"))
	}
	return ids
}

// replaced are the ids of the records that this patient's record replaces, also
// by way of others.
func (in *Ingest) replaced(patient string) []string {
	ids := []string{patient}
	for i := 0; i < len(ids); i++ {
		refs, err := in.opt.Store.Lookup(replacedKey(ids[i]))
		if err != nil {
			continue
		}
		for _, r := range refs {
			if r.Type == "Patient" && !slices.Contains(ids, r.ID) {
				ids = append(ids, r.ID)
			}
		}
	}
	return ids[1:]
}

// replacedBy are the keys of a Patient resource that another one replaces.
func replacedBy(raw []byte) [][]byte {
	if !bytes.Contains(raw, []byte("replaced-by")) {
		return nil
	}
	var p struct {
		Link []struct {
			Type  string
			Other struct{ Reference string }
		}
	}
	if json.Unmarshal(raw, &p) != nil {
		return nil // the mapper reports what is wrong with it
	}
	var keys [][]byte
	for _, l := range p.Link {
		if ref := fhir.ParseReference(l.Other.Reference); l.Type == "replaced-by" && ref.Type == "Patient" {
			keys = append(keys, replacedKey(ref.ID))
		}
	}
	return keys
}
