package store

import "errors"

// What callers tell apart with errors.Is. Texts that wrap them name the
// reference or path concerned, never a value of a patient.
var (
	// ErrNotFound: there is and was nothing under this reference or version.
	ErrNotFound = errors.New("not found")
	// ErrGone: the resource was deleted; its history can still be read.
	ErrGone = errors.New("deleted")
	// ErrConflict: Write.IfVersion did not hold; nothing of the batch was written.
	ErrConflict = errors.New("version conflict")
	// ErrCorrupt: bytes on disk are not what was written. Other reads go on.
	ErrCorrupt = errors.New("corrupt")
	// ErrKey: the master key is missing, malformed, or not the one the store was made with.
	ErrKey = errors.New("wrong or missing key")
	// ErrLocked: another process (or another Store of this one) has the directory open.
	ErrLocked = errors.New("directory is in use by another process")
	// ErrFormat: the directory was written by a newer version of the program.
	ErrFormat = errors.New("unsupported format")
	// ErrReadOnly: a write was asked of a store opened read-only.
	ErrReadOnly = errors.New("opened read-only")
	// ErrNotEmpty: Restore or Checkpoint was pointed at a directory with something in it.
	ErrNotEmpty = errors.New("directory is not empty")
)
