package ingest

import (
	"context"
	"fmt"
	"slices"

	"ember/store"
)

// Erase removes everything of a patient, all versions, from the store, the
// timelines and the index, and returns when no word of the notes is on disk.
// Records that were replaced by this one, or that replace it, are other patients
// to the store: they stay, rebuilt without what was erased. The error is
// store.ErrNotFound for an id under which nothing ever lay.
func (in *Ingest) Erase(ctx context.Context, patient string) error {
	if err := in.known(patient); err != nil {
		return fmt.Errorf("ingest: erasing: %w", err)
	}
	related := append(in.affected("Patient", patient, patient), in.replaced(patient)...)
	related = slices.DeleteFunc(in.successorsOf(related), func(p string) bool { return p == "" || p == patient })
	if err := in.noteRelated(related); err != nil {
		return err
	}
	if err := in.opt.Store.Erase(ctx, patient); err != nil {
		in.dirty.mark(append(related, patient)...)
		return fmt.Errorf("ingest: erasing: %w", err)
	}
	in.mu.Lock()
	in.erased = true
	in.mu.Unlock()
	in.dirty.mark(append(related, patient)...)
	in.hurry()
	if err := in.Wait(ctx); err != nil {
		return err
	}
	return in.forgetRelated(related)
}

// noteRelated keeps, before an erasure, whose timelines must be made anew after
// it: nothing in the log will say so. They are noted where the next process looks
// for patients it has to take up.
func (in *Ingest) noteRelated(patients []string) error {
	var notes []store.Pair
	for _, p := range patients {
		notes = append(notes, store.Pair{Key: []byte(p), Patient: p})
	}
	if len(notes) == 0 {
		return nil
	}
	if err := in.opt.Store.Space(failedSpace).Put(notes, true); err != nil {
		return fmt.Errorf("ingest: erasing: noting who is related: %w", err)
	}
	return nil
}

// forgetRelated removes the notes on who has been made anew.
func (in *Ingest) forgetRelated(patients []string) error {
	var keys [][]byte
	for _, p := range patients {
		if !in.dirty.hasFailed(p) {
			keys = append(keys, []byte(p))
		}
	}
	if len(keys) == 0 {
		return nil
	}
	if err := in.opt.Store.Space(failedSpace).Delete(keys, false); err != nil {
		return fmt.Errorf("ingest: erasing: %w", err)
	}
	return nil
}

// known is store.ErrNotFound where nothing of the patient lies or ever lay. One
// who was erased is known: erasing again ends what was interrupted.
func (in *Ingest) known(patient string) error {
	seq, err := in.opt.Store.PatientSeq(patient)
	if err != nil || seq > 0 {
		return err
	}
	erased, err := in.opt.Store.Erased(patient)
	if err == nil && !erased {
		err = store.ErrNotFound
	}
	return err
}
