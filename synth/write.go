package synth

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"

	"compress/gzip"
)

// Stats is what [Write] made.
type Stats struct {
	Patients  int            // as asked for
	Resources int            // FHIR resources, shared ones included
	Bytes     int64          // of JSON with line ends, before compression
	Types     map[string]int // resources by type
	Files     []string       // names in the folder, sorted
	Oracle    int            // lines of .oracle.ndjson
}

// Write makes the hospital as one NDJSON file per type in dir, which is made if
// absent, and .oracle.ndjson beside them when Options.Oracle is set. The files
// appear under their names only when all are whole; files of an earlier run
// that this one does not make are removed. progress, if not nil, is called now
// and then and at the end with the number of patients made.
func Write(ctx context.Context, dir string, opt Options, progress func(done, total int)) (Stats, error) {
	if err := opt.Validate(); err != nil {
		return Stats{}, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Stats{}, fmt.Errorf("synth: making folder: %w", err)
	}
	w := &folder{dir: dir, gzip: opt.Gzip, files: map[string]*typeFile{}}
	stats := Stats{Patients: opt.Patients, Types: map[string]int{}}
	people := 0
	err := Generate(ctx, opt, func(r Resource) error {
		if r.Type == OracleType {
			stats.Oracle++
		} else {
			stats.Resources++
			stats.Types[r.Type]++
			stats.Bytes += int64(len(r.JSON)) + 1
		}
		if r.Type == "Patient" {
			if people++; progress != nil && people%500 == 0 {
				progress(min(people, opt.Patients), opt.Patients)
			}
		}
		return w.put(r)
	})
	if err = errors.Join(err, w.close(err == nil)); err != nil {
		return Stats{}, fmt.Errorf("synth: writing: %w", err)
	}
	for kind := range w.files {
		stats.Files = append(stats.Files, w.name(kind))
	}
	sort.Strings(stats.Files)
	if progress != nil {
		progress(opt.Patients, opt.Patients)
	}
	return stats, nil
}

// folder is the open files of a run, under temporary names until close.
type folder struct {
	dir   string
	gzip  bool
	files map[string]*typeFile
}

type typeFile struct {
	file *os.File
	zip  *gzip.Writer
	buf  *bufio.Writer
}

func (f *folder) name(kind string) string {
	if f.gzip {
		return stem(kind) + ".ndjson.gz"
	}
	return stem(kind) + ".ndjson"
}

// stem is a file's name without its endings. The oracle's is hidden, so that
// who loads the folder does not take it for resources.
func stem(kind string) string {
	if kind == OracleType {
		return ".oracle"
	}
	return kind
}

func (f *folder) put(r Resource) error {
	t := f.files[r.Type]
	if t == nil {
		file, err := os.CreateTemp(f.dir, ".synth-*")
		if err != nil {
			return err
		}
		t = &typeFile{file: file}
		var to io.Writer = file
		if f.gzip {
			t.zip = gzip.NewWriter(file)
			to = t.zip
		}
		t.buf = bufio.NewWriterSize(to, 1<<16)
		f.files[r.Type] = t
	}
	if _, err := t.buf.Write(r.JSON); err != nil {
		return err
	}
	return t.buf.WriteByte('\n')
}

// close finishes the files: under their names when keep, else not at all.
func (f *folder) close(keep bool) error {
	var all error
	for _, t := range f.files {
		err := t.buf.Flush()
		if t.zip != nil {
			err = errors.Join(err, t.zip.Close())
		}
		all = errors.Join(all, err, t.file.Chmod(0o644), t.file.Close())
	}
	if !keep || all != nil {
		for _, t := range f.files {
			all = errors.Join(all, os.Remove(t.file.Name()))
		}
		return all
	}
	for _, kind := range fileTypes {
		for _, name := range []string{stem(kind) + ".ndjson", stem(kind) + ".ndjson.gz"} {
			if err := os.Remove(filepath.Join(f.dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
				all = errors.Join(all, err)
			}
		}
	}
	for kind, t := range f.files {
		all = errors.Join(all, os.Rename(t.file.Name(), filepath.Join(f.dir, f.name(kind))))
	}
	return all
}

// fileTypes are all types a run may write.
var fileTypes = []string{"Organization", "Location", "Practitioner", "Medication", "Patient", "Encounter", "Condition", "Observation", "MedicationRequest", "MedicationStatement", "Procedure", "DiagnosticReport", "ServiceRequest",
	"Immunization", "AllergyIntolerance", "DocumentReference", "CarePlan", "FamilyMemberHistory", "Consent", "ImagingStudy", OracleType}
