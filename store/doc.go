// Package store keeps resource bytes, sealed, by reference, version and patient.
//
// A [Store] is one directory owned by one process. [Store.Commit] writes a batch
// of [Write] values atomically and returns when it is synced; [Store.Get],
// [Store.Version], [Store.History] and [Store.Patient] read them back byte for
// byte; [Store.Changes] replays what happened in order, for those who derive
// something from it; [Store.Space] keeps sealed key-values for the other rooms.
//
// Invariants: what Commit acknowledged survives the death of the process; no
// reader of the change log sees a change that could still be lost; the store
// never looks into the bytes it is handed; ids of patients, references and
// secondary keys never appear in the clear, neither in keys nor in values.
//
// # What lies on the disk
//
// Keys of the underlying Pebble database are one letter and keyed hashes
// (HMAC-SHA-256 cut to 16 bytes, written H here), so that a copy of the disk
// tells neither who nor what:
//
//	b H(patient) H(type/id)            the current version, sealed: one patient is one range
//	h H(patient) H(type/id) version    older versions, sealed
//	r H(type/id)                       pointer: patient, version, keyed content hash, flags
//	m H(type/id) H(patient)            the resource has older versions under this patient
//	k H(secondary key) H(type/id)      secondary keys
//	l H(list) place H(type/id)         entry of an ordered list: time and marks, masked
//	c sequence                         change log: sealed chunks, by their last sequence number
//	p H(patient)                       the patient's last change, and the sealed id
//	e H(patient)                       tombstone of an erased patient
//	n type                             how many resources of this type there are
//	s H(space) H(key)                  sealed key-values of the spaces
//	o H(patient) H(space) H(key)       which of them belong to a patient
//	f                                  format record: version, key ids, wrapped data key
//
// Values are compressed (S2 with a dictionary that is part of the format) and
// then sealed with AES-256-GCM; the associated data binds a value to its key and
// version, so that values cannot be exchanged unnoticed. The data key is wrapped
// by a master key that lies in a file of mode 0600 or is handed in. Neither
// checkpoints nor backups contain the master key: without it they are noise, so
// keep a copy of it elsewhere.
package store
