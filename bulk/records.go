package bulk

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"ember/store"
)

// Mask makes who de-identifies what leaves now from the server at base; nil for the
// mode "".
func (s *Service) Mask(mode, base string) (Mask, error) {
	if mode == "" {
		return nil, nil
	}
	m, err := s.opt.Mask(mode, base, s.opt.Now())
	if err != nil {
		return nil, fmt.Errorf("bulk: the key of de-identification: %w", err)
	}
	return m, nil
}

// Records yields the lines that an export would write of the compartments of patients,
// from one snapshot, without keeping them. A line is valid until the next one.
func (s *Service) Records(ctx context.Context, e Export, patients iter.Seq2[string, error]) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		snap := s.opt.Store.Snapshot()
		defer snap.Close()
		x, err := s.newExporter(ctx, &Job{Export: &e, At: snap.At()})
		if err != nil {
			yield(nil, err)
			return
		}
		for r, err := range snap.Read(ctx, store.Scan{Types: e.Types, Patients: patients}) {
			if errors.Is(err, store.ErrCorrupt) && r != nil {
				continue
			}
			ok := false
			if err == nil {
				ok, err = x.render(r)
			}
			if (ok || err != nil) && (!yield(x.line, err) || err != nil) {
				return
			}
		}
	}
}
