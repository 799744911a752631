package aiaas

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// kept is what lies beside a dataset's files.
type kept struct {
	Info    DatasetInfo `json:"info"`
	Version string      `json:"version"` // hash of content and schema
	Report  *Report     `json:"report"`
}

const (
	infoFile  = "info"
	newUpload = ".new-"
)

func (s *Service) datasetDir(name string) string { return filepath.Join(s.o.Dir, "datasets", name) }

// clearUploads removes what uploads left that did not come to their end.
func (s *Service) clearUploads() error {
	left, err := filepath.Glob(s.datasetDir(newUpload + "*"))
	for _, path := range left {
		err = errors.Join(err, os.RemoveAll(path))
	}
	if err != nil {
		return fmt.Errorf("aiaas: clearing away uploads: %w", err)
	}
	return nil
}

// mostFiles bounds the files of one dataset.
const mostFiles = 16

// PutDataset seals the files that next gives, until io.EOF, reads them once, and
// says what is wrong with them. It is there whole or not at all. The name must be
// free: what a model was made of does not change.
func (s *Service) PutDataset(ctx context.Context, name string, schema Schema, next func() (File, error)) (DatasetInfo, *Report, error) {
	return s.PutDrawn(ctx, name, schema, nil, next)
}

// PutDrawn is [Service.PutDataset] of samples that were drawn from a cohort, with how.
func (s *Service) PutDrawn(ctx context.Context, name string, schema Schema, origin json.RawMessage, next func() (File, error)) (DatasetInfo, *Report, error) {
	if err := checkName("dataset", name); err != nil {
		return DatasetInfo{}, nil, err
	}
	if _, err := os.Stat(s.datasetDir(name)); err == nil {
		return DatasetInfo{}, nil, fmt.Errorf("aiaas: dataset %s: %w", name, ErrExists)
	}
	tmp, err := os.MkdirTemp(s.datasetDir(""), newUpload)
	if err != nil {
		return DatasetInfo{}, nil, fmt.Errorf("aiaas: dataset %s: %w", name, err)
	}
	defer os.RemoveAll(tmp)
	k, err := s.receive(tmp, name, schema, next)
	k.Info.Origin = origin
	if err == nil {
		err = s.look(ctx, tmp, &k)
	}
	if err == nil {
		err = s.putSealed(filepath.Join(tmp, infoFile), k)
	}
	if err != nil {
		return DatasetInfo{}, nil, fmt.Errorf("aiaas: dataset %s: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := os.Stat(s.datasetDir(name)); err == nil {
		return DatasetInfo{}, nil, fmt.Errorf("aiaas: dataset %s: %w", name, ErrExists)
	}
	if err := os.Rename(tmp, s.datasetDir(name)); err != nil {
		return DatasetInfo{}, nil, fmt.Errorf("aiaas: dataset %s: %w", name, err)
	}
	return k.Info, k.Report, nil
}

// receive seals the files as they come.
func (s *Service) receive(dir, name string, schema Schema, next func() (File, error)) (kept, error) {
	k := kept{Info: DatasetInfo{Name: name, Created: s.o.Now().UTC(), Schema: schema}}
	hash := sha256.New()
	fmt.Fprintf(hash, "%+v\n", schema)
	for {
		f, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return k, err
		}
		if len(k.Info.Files) == mostFiles {
			return k, fmt.Errorf("more than %d files: %w", mostFiles, ErrInvalid)
		}
		n, err := s.sealTo(filepath.Join(dir, strconv.Itoa(len(k.Info.Files))), io.TeeReader(f.Body, hash))
		if err != nil {
			return k, err
		}
		k.Info.Files = append(k.Info.Files, filepath.Base(strings.ReplaceAll(f.Name, "\\", "/")))
		k.Info.Bytes += n
	}
	k.Version = hex.EncodeToString(hash.Sum(nil)[:6])
	return k, nil
}

func (s *Service) sealTo(path string, r io.Reader) (int64, error) {
	w, err := s.o.Vault.Create(path)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(w, r)
	return n, errors.Join(err, w.Close())
}

// look reads what was received and inspects it.
func (s *Service) look(ctx context.Context, dir string, k *kept) error {
	d, err := s.readDataset(ctx, dir, k)
	if err != nil {
		return err
	}
	if k.Report, err = Inspect(ctx, d); err != nil {
		return err
	}
	r := k.Report
	k.Info.Task, k.Info.Samples, k.Info.Subjects = r.Task, r.Samples, r.Subjects
	k.Info.Classes, k.Info.Columns, k.Info.Findings = r.Classes, r.Columns, len(r.Findings)
	return nil
}

func (s *Service) readDataset(ctx context.Context, dir string, k *kept) (*Dataset, error) {
	return readSealed(ctx, s.o.Vault, dir, k.Info)
}

// readSealed reads a dataset from the files in a vault.
func readSealed(ctx context.Context, v Vault, dir string, info DatasetInfo) (*Dataset, error) {
	var files []Named
	for i, name := range info.Files {
		f, err := v.Open(filepath.Join(dir, strconv.Itoa(i)))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		files = append(files, Named{Name: name, Content: f})
	}
	d, err := ReadFiles(ctx, info.Name, files, info.Schema, Limits{})
	if err != nil && ctx.Err() == nil && !errors.Is(err, ErrInvalid) {
		err = fmt.Errorf("%w (%w)", err, ErrInvalid)
	}
	return d, err
}

func (s *Service) kept(name string) (kept, error) {
	var k kept
	if err := checkName("dataset", name); err != nil {
		return k, err
	}
	if err := s.getSealed(filepath.Join(s.datasetDir(name), infoFile), &k); err != nil {
		return k, fmt.Errorf("aiaas: dataset %s: %w", name, err)
	}
	return k, nil
}

// Datasets lists what was uploaded, newest first.
func (s *Service) Datasets() ([]DatasetInfo, error) {
	entries, err := os.ReadDir(s.datasetDir(""))
	if err != nil {
		return nil, fmt.Errorf("aiaas: listing datasets: %w", err)
	}
	all := []DatasetInfo{}
	for _, e := range entries {
		if !e.IsDir() || !safeName.MatchString(e.Name()) {
			continue
		}
		k, err := s.kept(e.Name())
		if errors.Is(err, ErrNotFound) {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		all = append(all, k.Info)
	}
	slices.SortFunc(all, func(a, b DatasetInfo) int { return b.Created.Compare(a.Created) })
	return all, nil
}

// Dataset is what is known of one.
func (s *Service) Dataset(name string) (DatasetInfo, error) {
	k, err := s.kept(name)
	return k.Info, err
}

// Report is what is wrong with a dataset, found when it was uploaded.
func (s *Service) Report(_ context.Context, name string) (*Report, error) {
	k, err := s.kept(name)
	return k.Report, err
}

// DropSubjects removes every dataset that was drawn from a cohort and has a sample of
// one of the subjects, and says which: who is erased is in none. One that cannot be read is removed too, and
// jobs that read one fail.
func (s *Service) DropSubjects(ctx context.Context, subjects ...string) (dropped []string, err error) {
	all, err := s.Datasets()
	if err != nil {
		return nil, err
	}
	for _, info := range all {
		if info.Origin == nil {
			continue
		}
		k, err := s.kept(info.Name)
		if err != nil {
			return dropped, err
		}
		d, err := s.readDataset(ctx, s.datasetDir(info.Name), &k)
		if ctx.Err() != nil {
			return dropped, ctx.Err()
		}
		if err == nil && !slices.ContainsFunc(subjects, func(one string) bool { return slices.Contains(d.Subject, one) }) {
			continue
		}
		if err := s.clear(info.Name); err != nil {
			return dropped, err
		}
		dropped = append(dropped, info.Name)
	}
	return dropped, nil
}

// DeleteDataset removes a dataset that no job waits for. Models made of it stay.
func (s *Service) DeleteDataset(name string) error {
	if _, err := s.kept(name); errors.Is(err, ErrNotFound) || errors.Is(err, ErrInvalid) {
		return err // a damaged one can be removed
	}
	for _, j := range s.jobs.list() {
		if j.Request.Dataset == name && !j.State.Final() {
			return fmt.Errorf("aiaas: dataset %s: job %s uses it: %w", name, j.ID, ErrBusy)
		}
	}
	return s.clear(name)
}

func (s *Service) clear(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	tmp := s.datasetDir(newUpload + "gone-" + strconv.FormatInt(s.o.Now().UnixNano(), 36))
	if err := os.Rename(s.datasetDir(name), tmp); err != nil {
		return fmt.Errorf("aiaas: dataset %s: %w", name, err)
	}
	if err := os.RemoveAll(tmp); err != nil {
		return fmt.Errorf("aiaas: dataset %s: %w", name, err)
	}
	return nil
}
