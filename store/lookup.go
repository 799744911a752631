package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// Lookup finds the resources that were written with this secondary key, in an
// order that is the same each time; none is no error.
func (s *Store) Lookup(key []byte) ([]Ref, error) {
	h := cut(s.hash.of(domainKey, key))
	it, err := s.prefix(key1(nil, tagKey, h))
	if err != nil {
		return nil, fmt.Errorf("store: looking up a key: %w", err)
	}
	defer it.Close()
	var out []Ref
	for ok := it.First(); ok; ok = it.Next() {
		v, err := s.current(hash(it.Key()[17:]))
		if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrNotFound) {
			continue // Get and Patient tell of it
		}
		if err != nil {
			return nil, fmt.Errorf("store: looking up a key: %w", err)
		}
		if !v.deleted && slices.Contains(v.keys, h) {
			out = append(out, Ref{Type: v.typ, ID: v.id})
		}
	}
	if err := it.Error(); err != nil {
		return nil, fmt.Errorf("store: looking up a key: %w", corruptOr(err))
	}
	return out, nil
}

// patientRecord is the patient's last change and id.
func (s *Store) patientRecord(h hash) (seq uint64, id string, found bool, err error) {
	key := key1(nil, tagPatient, h)
	v, found, err := s.get(nil, key)
	if err != nil || !found {
		return 0, "", false, err
	}
	seq, id, err = s.openPatient(key, v)
	return seq, id, true, err
}

func (s *Store) openPatient(key, value []byte) (uint64, string, error) {
	if len(value) < 8 {
		return 0, "", fmt.Errorf("record of a patient: %w", ErrCorrupt)
	}
	id, err := s.seal.open(nil, value[8:], key)
	return binary.BigEndian.Uint64(value), string(id), err
}

// PatientSeq is the sequence number of the patient's last change: a version of
// everything the store holds of the patient. It is 0 if there is nothing.
func (s *Store) PatientSeq(id string) (uint64, error) {
	v, found, err := s.get(nil, key1(nil, tagPatient, s.hash.patient(id)))
	if err == nil && found && len(v) < 8 {
		err = ErrCorrupt
	}
	if err != nil {
		return 0, fmt.Errorf("store: reading a patient's last change: %w", err)
	}
	if !found {
		return 0, nil
	}
	return binary.BigEndian.Uint64(v), nil
}

// Patients yields the id of every patient with whom a resource lies or lay, in
// an order that is the same each time. Erased patients are not among them.
func (s *Store) Patients() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		it, err := s.prefix([]byte{tagPatient})
		if err != nil {
			yield("", fmt.Errorf("store: listing patients: %w", err))
			return
		}
		defer it.Close()
		for ok := it.First(); ok; ok = it.Next() {
			value, err := it.ValueAndErr()
			var id string
			if err == nil {
				_, id, err = s.openPatient(it.Key(), value)
			}
			if err != nil {
				err = fmt.Errorf("store: listing patients: %w", corruptOr(err))
			}
			if !yield(id, err) {
				return
			}
		}
		if err := it.Error(); err != nil {
			yield("", fmt.Errorf("store: listing patients: %w", corruptOr(err)))
		}
	}
}
