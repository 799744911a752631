package store

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"
)

// Resource is one version of a resource, in memory of its own.
type Resource struct {
	Type, ID, Patient string
	Version           uint64
	Seq               uint64    // of the change that made this version
	Updated           time.Time // when this version was committed, UTC
	Deleted           bool      // a tombstone: Raw and Aside are nil
	Raw, Aside        []byte
}

// Ref names a resource.
type Ref struct{ Type, ID string }

// Get reads the current version. A deleted resource gives its tombstone and
// ErrGone, one that never was ErrNotFound, one whose bytes are damaged ErrCorrupt.
func (s *Store) Get(typ, id string) (Resource, error) {
	v, err := s.current(s.hash.ref(typ, id))
	if err == nil && v.deleted {
		err = ErrGone
	}
	return v.resource(), s.readError(err, typ, id)
}

// GetShared is Get for a resource that probably lies with nobody, such as a
// Medication: it looks there first, which is one read instead of two.
func (s *Store) GetShared(typ, id string) (Resource, error) {
	ref, nobody := s.hash.ref(typ, id), s.hash.patient("")
	v, found, err := s.versionAt(key2(nil, tagBlob, nobody, ref), nobody, ref)
	if !found && err == nil {
		return s.Get(typ, id)
	}
	if err == nil && v.deleted {
		err = ErrGone
	}
	return v.resource(), s.readError(err, typ, id)
}

func (s *Store) readError(err error, typ, id string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("store: reading %s/%s: %w", typ, id, err)
}

// current follows the pointer. A writer may move the bytes between the two
// reads; the pointer then leads to the new place.
func (s *Store) current(ref hash) (version, error) {
	var moved pointer
	for {
		p, found, err := s.pointer(ref)
		if err != nil {
			return version{}, err
		}
		if !found {
			return version{}, ErrNotFound
		}
		v, found, err := s.versionAt(key2(nil, tagBlob, p.patient, ref), p.patient, ref)
		if found || err != nil {
			return v, err
		}
		if p == moved {
			return version{}, fmt.Errorf("pointer without bytes: %w", ErrCorrupt)
		}
		moved = p
	}
}

// versionAt opens the sealed version under key.
func (s *Store) versionAt(key []byte, patient, ref hash) (version, bool, error) {
	buf := s.buffer()
	defer s.bufs.Put(buf)
	sealed, found, err := s.get(*buf, key)
	if err != nil || !found {
		return version{}, found, err
	}
	*buf = sealed
	v, err := s.openVersion(sealed, patient, ref)
	return v, true, err
}

// Version reads one version, current or older. A tombstone comes with ErrGone.
func (s *Store) Version(typ, id string, number uint64) (Resource, error) {
	ref := s.hash.ref(typ, id)
	v, err := s.current(ref)
	if err == nil && v.number != number || errors.Is(err, ErrCorrupt) {
		v, err = s.older(ref, number)
	}
	if err == nil && v.deleted {
		err = ErrGone
	}
	if err != nil {
		return v.resource(), fmt.Errorf("store: reading %s/%s version %d: %w", typ, id, number, err)
	}
	return v.resource(), nil
}

func (s *Store) older(ref hash, number uint64) (version, error) {
	homes, err := s.homes(ref)
	if err != nil {
		return version{}, err
	}
	for _, patient := range homes {
		v, found, err := s.versionAt(historyKey(nil, patient, ref, number), patient, ref)
		if found || err != nil {
			return v, err
		}
	}
	return version{}, ErrNotFound
}

// homes are the patients under whom versions of a resource lie.
func (s *Store) homes(ref hash) ([]hash, error) {
	p, found, err := s.pointer(ref)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, ErrNotFound
	}
	homes := []hash{p.patient}
	if p.flags&flagMoved == 0 {
		return homes, nil
	}
	it, err := s.prefix(key1(nil, tagMoved, ref))
	if err != nil {
		return nil, err
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		if h := hash(it.Key()[17:]); h != p.patient {
			homes = append(homes, h)
		}
	}
	return homes, it.Error()
}

// History reads all versions, newest first, tombstones among them. A damaged
// version is left out and named by the error, with the others still returned.
func (s *Store) History(typ, id string) ([]Resource, error) {
	ref := s.hash.ref(typ, id)
	var out []Resource
	v, failed := s.current(ref)
	if errors.Is(failed, ErrNotFound) {
		return nil, s.readError(failed, typ, id)
	}
	if failed == nil {
		out = append(out, v.resource())
	}
	homes, err := s.homes(ref)
	if err != nil {
		return nil, s.readError(err, typ, id)
	}
	for _, patient := range homes {
		for old, err := range s.versions(key2(nil, tagHistory, patient, ref)) {
			if err != nil {
				failed = err
				continue
			}
			out = append(out, old.resource())
		}
	}
	slices.SortFunc(out, func(a, b Resource) int { return int(b.Version) - int(a.Version) })
	return slices.CompactFunc(out, func(a, b Resource) bool { return a.Version == b.Version }), s.readError(failed, typ, id)
}

// Patient yields the current version of everything that lies with the patient,
// tombstones excluded: one range scan, in an order that is the same each time.
// A damaged resource is yielded as an ErrCorrupt that names it, and the scan
// goes on.
func (s *Store) Patient(id string) iter.Seq2[Resource, error] {
	return func(yield func(Resource, error) bool) {
		for v, err := range s.versions(key1(nil, tagBlob, s.hash.patient(id))) {
			if v.deleted && err == nil {
				continue
			}
			if err != nil {
				err = s.readError(err, v.typ, v.id)
			}
			if !yield(v.resource(), err) {
				return
			}
		}
	}
}

// versions yields the sealed versions under a prefix of blob or history keys. An
// error of one version names it and does not end the iteration.
func (s *Store) versions(prefix []byte) iter.Seq2[version, error] {
	return func(yield func(version, error) bool) {
		it, err := s.prefix(prefix)
		if err != nil {
			yield(version{}, err)
			return
		}
		defer it.Close()
		for ok := it.First(); ok; ok = it.Next() {
			k := it.Key()
			patient, ref := hash(k[1:17]), hash(k[17:33])
			sealed, err := it.ValueAndErr()
			var v version
			if err == nil {
				v, err = s.openVersion(sealed, patient, ref)
			}
			if err != nil {
				err = corruptOr(err)
				v.typ, v.id = s.nameOf(ref)
			}
			if !yield(v, err) {
				return
			}
		}
		if err := it.Error(); err != nil {
			yield(version{}, corruptOr(err))
		}
	}
}

// nameOf finds the name of a reference in the change log: slow, and only needed
// when the resource itself cannot say.
func (s *Store) nameOf(ref hash) (typ, id string) {
	for c, err := range s.Changes(0) {
		if err == nil && s.hash.ref(c.Type, c.ID) == ref {
			return c.Type, c.ID
		}
	}
	return "unknown", "unknown"
}
