package fhir

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zip"
)

// Walk reads files and folders with [Read]; "-" is standard input. In a folder
// and in a zip file, what others refer to comes first (organisations, locations,
// practitioners, medications, patients), then by name; files that cannot be FHIR
// (by their ending) and hidden ones are left out.
func Walk(ctx context.Context, paths []string, lim Limits, each func(Entry, []Issue) error, end func(Summary) error) error {
	rd := newReader(ctx, lim, each, end)
	for _, path := range paths {
		if path == "-" {
			if err := rd.open(os.Stdin, "stdin", 0); err != nil {
				return err
			}
			continue
		}
		files, err := filesOf(path)
		if err != nil {
			return fmt.Errorf("fhir: walking: %w", err)
		}
		for _, name := range files {
			if err := rd.file(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// filesOf is the file itself, or the FHIR files of a folder in loading order.
func filesOf(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	var files []string
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if hidden := strings.HasPrefix(d.Name(), ".") && p != path; hidden {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.Type().IsRegular() && readable(p) {
			files = append(files, p)
		}
		return nil
	})
	slices.SortFunc(files, loadingOrder)
	return files, err
}

func readable(name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".gz")
	switch filepath.Ext(name) {
	case ".json", ".ndjson", ".jsonl", ".zip":
		return true
	}
	return false
}

func loadingOrder(a, b string) int {
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
}

// rank puts what others refer to first.
func rank(name string) int {
	base := strings.ToLower(filepath.Base(name))
	for i, prefix := range []string{"hospitalinformation", "practitionerinformation", "organization",
		"location", "practitioner.", "practitioner", "medication.", "patient"} {
		if strings.HasPrefix(base, prefix) {
			return i
		}
	}
	return 100
}

func (rd *reader) file(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("fhir: walking: %w", err)
	}
	defer f.Close()
	return rd.open(f, name, 0)
}

// maxNesting is how many compressions may be around each other: a gzip file in
// a zip file, in a gzip file.
const maxNesting = 3

// open looks at the first bytes and undoes compression.
func (rd *reader) open(r io.Reader, name string, nesting int) error {
	counted, ok := r.(*meter)
	if !ok {
		counted = &meter{r: r}
	}
	head := make([]byte, 4)
	n, err := io.ReadFull(counted, head)
	if err != nil && n == 0 && err != io.EOF {
		return fmt.Errorf("fhir: reading %s: %w", name, err)
	}
	head = head[:n]
	whole := io.MultiReader(bytes.NewReader(head), counted)
	gz, zipped := bytes.HasPrefix(head, []byte{0x1f, 0x8b}), bytes.HasPrefix(head, []byte("PK\x03\x04"))
	if (gz || zipped) && nesting >= maxNesting {
		return rd.unreadable(name, "compressed too many times")
	}
	switch {
	case gz:
		z, err := gzip.NewReader(whole)
		if err != nil {
			return rd.unreadable(name, "malformed gzip")
		}
		defer z.Close()
		return rd.open(counted.expand(z, rd.lim.MaxRatio), name, nesting+1)
	case zipped:
		if f, ok := counted.r.(*os.File); ok {
			if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
				return rd.archive(f, info.Size(), name, nesting)
			}
		}
		all, err := io.ReadAll(io.LimitReader(whole, rd.lim.MaxBytes+1))
		if err != nil {
			return rd.failed(name, err)
		}
		if int64(len(all)) > rd.lim.MaxBytes {
			return fmt.Errorf("fhir: reading %s: %w", name, ErrTooLarge)
		}
		return rd.archive(bytes.NewReader(all), int64(len(all)), name, nesting)
	}
	return rd.stream(&decompressed{whole}, name)
}

// unreadable reports a document that cannot be decompressed.
func (rd *reader) unreadable(name, detail string) error {
	d := document{rd: rd, sum: Summary{Document: name}}
	return d.finish(d.fatal("", detail))
}

func (rd *reader) failed(name string, err error) error {
	return fmt.Errorf("fhir: reading %s: %w", name, err)
}

// archive reads the files of a zip file.
func (rd *reader) archive(r io.ReaderAt, size int64, name string, nesting int) error {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return rd.unreadable(name, "malformed zip")
	}
	files := slices.DeleteFunc(slices.Clone(z.File), func(f *zip.File) bool {
		return f.FileInfo().IsDir() || !readable(f.Name) || strings.HasPrefix(filepath.Base(f.Name), ".")
	})
	slices.SortStableFunc(files, func(a, b *zip.File) int { return loadingOrder(a.Name, b.Name) })
	for _, f := range files {
		inner := name + "/" + f.Name
		content, err := f.Open()
		if err != nil {
			if err := rd.unreadable(inner, "malformed zip entry"); err != nil {
				return err
			}
			continue
		}
		m := &meter{r: content, fixed: int64(f.CompressedSize64), ratio: rd.lim.MaxRatio}
		err = rd.open(m, inner, nesting+1)
		content.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
