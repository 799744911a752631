package store

import (
	"errors"
	"fmt"
	"slices"
)

func (c *commit) write(w *prepared) (Result, error) {
	cur, found, err := c.current(w)
	if err != nil {
		return Result{}, err
	}
	if err := allowed(w.IfVersion, cur.pointer, found); err != nil {
		return Result{}, err
	}
	if found {
		if err := c.drain(); err != nil {
			return Result{}, err
		}
	}
	switch {
	case w.Delete && (!found || cur.deleted()):
		return Result{Version: cur.version}, nil
	case w.Delete:
		return c.remove(w, cur)
	case w.same(cur.pointer, found) && cur.keySum == w.keySum:
		return Result{Version: cur.version}, nil
	case w.same(cur.pointer, found):
		return c.rekey(w, cur)
	}
	return c.put(w, cur, found)
}

// current is the resource before this write: from this batch, from preparation
// if nothing happened since, else from the database.
func (c *commit) current(w *prepared) (pending, bool, error) {
	if p, ok := c.pending[w.ref]; ok {
		return *p, true, nil
	}
	if c.fresh {
		return pending{pointer: w.old}, w.found, nil
	}
	p, found, err := c.s.pointer(w.ref)
	return pending{pointer: p}, found, err
}

func allowed(want uint64, cur pointer, found bool) error {
	absent := !found || cur.deleted()
	switch {
	case want == 0, want == Absent && absent, want != Absent && found && cur.version == want:
		return nil
	}
	return fmt.Errorf("expected version %d, there is %d: %w", want, cur.version, ErrConflict)
}

// put writes a new version and moves the one before it to the history.
func (c *commit) put(w *prepared, cur pending, found bool) (Result, error) {
	next := pointer{patient: w.owner, content: w.content, keySum: w.keySum, version: cur.version + 1}
	if len(w.keys)+len(w.lists) > 0 {
		next.flags |= flagKeyed
	}
	left := ""
	if found {
		if err := c.supersede(w.ref, cur); err != nil {
			return Result{}, err
		}
		next.flags |= cur.flags & flagMoved
		if cur.patient != w.owner {
			next.flags |= flagMoved
			var err error
			if left, err = c.move(w, cur.patient); err != nil {
				return Result{}, err
			}
		}
	}
	if w.packed == nil {
		c.s.pack(w, &c.packer)
	}
	c.seq++
	stamp(w.packed, c.seq, c.now)
	p := &pending{pointer: next, how: w.how, packed: w.packed, keys: w.keys, listed: w.listed}
	if err := c.store(w.ref, p); err != nil {
		return Result{}, err
	}
	created := !found || cur.deleted()
	if created {
		c.counts[w.Type]++
	}
	c.note(w, p, w.Patient)
	return Result{Version: next.version, Created: created, Changed: true, Seq: c.seq, Left: left}, nil
}

// move takes the resource away from a patient, with an entry in the log of its
// own: to whoever follows that patient, it is deleted.
func (c *commit) move(w *prepared, from hash) (patient string, err error) {
	if patient, err = c.patientID(from); err != nil {
		return "", err
	}
	if patient != "" {
		c.seq++
		c.log = append(c.log, Change{Seq: c.seq, Type: w.Type, ID: w.ID, Patient: patient, Deleted: true})
	}
	return patient, c.leave(w.ref, from)
}

// remove writes a tombstone under the patient the resource belongs to.
func (c *commit) remove(w *prepared, cur pending) (Result, error) {
	patient, err := c.patientID(cur.patient)
	if err != nil {
		return Result{}, err
	}
	if err := c.supersede(w.ref, cur); err != nil {
		return Result{}, err
	}
	grave := prepared{Write: &Write{Type: w.Type, ID: w.ID, Patient: patient, Delete: true}, ref: w.ref, owner: cur.patient}
	c.s.pack(&grave, &c.packer)
	c.seq++
	stamp(grave.packed, c.seq, c.now)
	next := pointer{patient: cur.patient, version: cur.version + 1, flags: flagDeleted | cur.flags&flagMoved}
	p := &pending{pointer: next, how: grave.how, packed: grave.packed}
	if err := c.store(w.ref, p); err != nil {
		return Result{}, err
	}
	c.counts[w.Type]--
	c.note(&grave, p, patient)
	return Result{Version: next.version, Changed: true, Seq: c.seq}, nil
}

// rekey replaces the secondary keys of an unchanged version.
func (c *commit) rekey(w *prepared, cur pending) (Result, error) {
	v, err := c.open(w.ref, cur)
	if errors.Is(err, ErrCorrupt) {
		return c.put(w, cur, true) // the bytes at hand are whole again
	}
	if err != nil {
		return Result{}, err
	}
	if err := errors.Join(c.dropKeys(w.ref, v.keys, w.keys), c.delist(w.ref, v.listed)); err != nil {
		return Result{}, err
	}
	c.s.pack(w, &c.packer)
	stamp(w.packed, v.seq, v.updated)
	next := cur.pointer
	next.keySum, next.flags = w.keySum, next.flags&^flagKeyed
	if len(w.keys)+len(w.lists) > 0 {
		next.flags |= flagKeyed
	}
	return Result{Version: cur.version}, c.store(w.ref, &pending{pointer: next, how: w.how, packed: w.packed, keys: w.keys, listed: w.listed})
}

// store puts blob, keys and pointer into the batch; those of a first version
// a little later, see ordered.
func (c *commit) store(ref hash, p *pending) error {
	c.pending[ref] = p
	if p.version == 1 {
		c.s.known.add(ref)
	}
	o := c.held
	c.val = c.s.sealVersion(c.val[:0], p.patient, ref, p.version, p.how, p.packed)
	c.key = key2(c.key, tagBlob, p.patient, ref)
	o.add(&o.blobs, near2(p.patient, ref), c.key, c.val)
	for _, k := range p.keys {
		c.key = key2(c.key, tagKey, k, ref)
		o.add(&o.keys, near1(k), c.key, nil)
	}
	c.enlist(ref, p)
	c.val = p.pointer.append(c.val[:0])
	c.key = key1(c.key, tagPointer, ref)
	o.add(&o.pointers, near1(ref), c.key, c.val)
	if p.version == 1 {
		return nil
	}
	return c.drain()
}

// supersede copies the current version, as it is sealed, to the history, and
// removes its secondary keys. A version that cannot be read any more is passed
// over: what replaces it is good.
func (c *commit) supersede(ref hash, cur pending) error {
	sealed, err := c.sealed(ref, cur)
	if errors.Is(err, ErrCorrupt) {
		return nil
	}
	if err != nil {
		return err
	}
	c.key = historyKey(c.key, cur.patient, ref, cur.version)
	if err := c.b.Set(c.key, sealed, nil); err != nil {
		return err
	}
	if cur.flags&flagKeyed == 0 {
		return nil
	}
	v, err := c.s.openVersion(sealed, cur.patient, ref)
	if err != nil {
		return nil // Lookup passes over keys whose resource does not have them
	}
	return errors.Join(c.dropKeys(ref, v.keys, nil), c.delist(ref, v.listed))
}

// leave notes that older versions stay with the patient the resource leaves.
func (c *commit) leave(ref, patient hash) error {
	c.key = key2(c.key, tagBlob, patient, ref)
	if err := c.b.Delete(c.key, nil); err != nil {
		return err
	}
	c.key = key2(c.key, tagMoved, ref, patient)
	return c.b.Set(c.key, nil, nil)
}

func (c *commit) dropKeys(ref hash, old, keep []hash) error {
	for _, k := range old {
		if slices.Contains(keep, k) {
			continue
		}
		c.key = key2(c.key, tagKey, k, ref)
		if err := c.b.Delete(c.key, nil); err != nil {
			return err
		}
	}
	return nil
}

// sealed is the current version as it lies, or as it will lie, on disk.
func (c *commit) sealed(ref hash, cur pending) ([]byte, error) {
	if cur.packed != nil {
		return c.s.sealVersion(nil, cur.patient, ref, cur.version, cur.how, cur.packed), nil
	}
	c.key = key2(c.key, tagBlob, cur.patient, ref)
	v, found, err := c.s.get(nil, c.key)
	if err == nil && !found {
		err = fmt.Errorf("pointer without bytes: %w", ErrCorrupt)
	}
	return v, err
}

func (c *commit) open(ref hash, cur pending) (version, error) {
	sealed, err := c.sealed(ref, cur)
	if err != nil {
		return version{}, err
	}
	return c.s.openVersion(sealed, cur.patient, ref)
}

func (c *commit) patientID(h hash) (string, error) {
	if h == c.nobody {
		return "", nil
	}
	if p, ok := c.patients[h]; ok {
		return p.id, nil
	}
	_, id, found, err := c.s.patientRecord(h)
	if err == nil && !found {
		err = fmt.Errorf("the resource's patient is not on record: %w", ErrCorrupt)
	}
	return id, err
}
