package ingest

import (
	"errors"
	"fmt"
	"time"

	"ember/store"
)

// retryTime is how long the follower rests before it tries patients again whose
// timelines could not be rebuilt.
const retryTime = time.Minute

// failedSpace names the space of the store that holds these patients: the saved
// position moves past them.
const failedSpace = "failed"

// errPanic stands for a panic. Its value is not told: it may be a patient's.
var errPanic = errors.New("ingest: a panic while rebuilding a timeline")

func recovered(err *error) {
	if recover() != nil {
		*err = errPanic
	}
}

// setAside notes which of the patients just rebuilt failed, and which fail no
// longer. One bad record must not keep the follower from everybody else's.
func (in *Ingest) setAside(patients []string, bad []bool) error {
	space := in.opt.Store.Space(failedSpace)
	var put []store.Pair
	var gone [][]byte
	var failed, mended []string
	for i, p := range patients {
		switch {
		case bad[i]:
			failed = append(failed, p)
			put = append(put, store.Pair{Key: []byte(p), Patient: p})
		case in.dirty.hasFailed(p):
			mended = append(mended, p)
			gone = append(gone, []byte(p))
		}
	}
	if len(put) > 0 {
		if err := space.Put(put, false); err != nil {
			return fmt.Errorf("ingest: noting failed timelines: %w", err)
		}
	}
	if len(gone) > 0 {
		if err := space.Delete(gone, false); err != nil {
			return fmt.Errorf("ingest: noting mended timelines: %w", err)
		}
	}
	in.dirty.fail(failed, mended)
	return nil
}

// markFailed marks whom the last process could not rebuild.
func (in *Ingest) markFailed() error {
	for p, err := range in.opt.Store.Space(failedSpace).All() {
		if err != nil {
			return fmt.Errorf("ingest: reading which timelines failed: %w", err)
		}
		in.dirty.fail([]string{string(p.Key)}, nil)
		in.dirty.mark(string(p.Key))
	}
	return nil
}

// failing says how many timelines cannot be rebuilt, nil for none.
func (in *Ingest) failing() error {
	if n := len(in.dirty.failures()); n > 0 {
		return fmt.Errorf("ingest: %d patients cannot be followed: their resources cannot be read or mapped", n)
	}
	return nil
}

func (d *dirty) fail(failed, mended []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range failed {
		if d.failed == nil {
			d.failed = map[string]struct{}{}
		}
		d.failed[p] = struct{}{}
	}
	for _, p := range mended {
		delete(d.failed, p)
	}
}

func (d *dirty) hasFailed(patient string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, failed := d.failed[patient]
	return failed
}

// failures are the patients whose timelines could not be rebuilt.
func (d *dirty) failures() (patients []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p := range d.failed {
		patients = append(patients, p)
	}
	return patients
}
