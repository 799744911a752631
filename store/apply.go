package store

import (
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"
)

// note records what a write changed, for the log and the patient.
func (c *commit) note(w *prepared, p *pending, patient string) {
	c.log = append(c.log, Change{Seq: c.seq, Type: w.Type, ID: w.ID, Patient: patient, Deleted: p.deleted()})
	if patient != "" {
		c.patients[p.patient] = &patientChange{id: patient, seq: c.seq}
	}
}

// apply completes the batch and makes it visible, without waiting for the disk.
func (c *commit) apply() error {
	if err := c.drain(); err != nil {
		return err
	}
	if c.b.Empty() {
		return nil
	}
	if err := c.finish(); err != nil {
		return err
	}
	if err := c.s.db.ApplyNoSyncWait(c.b, pebble.Sync); err != nil {
		return err
	}
	c.applied, c.s.seq = true, c.seq
	c.s.epoch.Add(1)
	for typ, n := range c.counts {
		c.s.counts[typ] += n
	}
	return nil
}

func (c *commit) finish() error {
	for at := 0; at < len(c.log); at += chunkChanges {
		part := c.log[at:min(at+chunkChanges, len(c.log))]
		last := part[len(part)-1].Seq
		if err := c.b.Set(changeKey(nil, last), c.s.sealChunk(part, last), nil); err != nil {
			return err
		}
	}
	for h, p := range c.patients {
		c.key = key1(c.key, tagPatient, h)
		c.val = binary.BigEndian.AppendUint64(c.val[:0], p.seq)
		c.val = c.s.seal.seal(c.val, []byte(p.id), c.key)
		if err := c.b.Set(c.key, c.val, nil); err != nil {
			return err
		}
	}
	return c.writeCounts()
}
