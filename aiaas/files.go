package aiaas

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// Content is the bytes of a file that can be read at any place.
type Content interface {
	io.ReaderAt
	Size() int64
}

// Named is a file with its name, which tells its form.
type Named struct {
	Name    string
	Content Content
}

func (n Named) reader() io.Reader { return io.NewSectionReader(n.Content, 0, n.Content.Size()) }

// form is the file's name without its folder and .gz, in lower case, and the
// ending of that.
func (n Named) form() (base, ending string) {
	base = strings.TrimSuffix(strings.ToLower(path.Base(n.Name)), ".gz")
	return base, path.Ext(base)
}

// plain is the file's reader, through gzip where the name says so.
func (n Named) plain() (io.Reader, error) {
	if !strings.HasSuffix(strings.ToLower(n.Name), ".gz") {
		return n.reader(), nil
	}
	r, err := gzip.NewReader(n.reader())
	if err != nil {
		return nil, fmt.Errorf("aiaas: %s: no gzip: %w", n.Name, ErrInvalid)
	}
	return r, nil
}

// ReadFiles reads a dataset from files, told apart by their names: one .csv,
// .tsv, .ndjson or .jsonl (also .gz), .zip, .npz, image; the two of IDX; or the
// .hea, .dat and .atr of a WFDB record.
func ReadFiles(ctx context.Context, name string, files []Named, s Schema, l Limits) (*Dataset, error) {
	if len(files) == 0 {
		return nil, fmt.Errorf("aiaas: %s: no file: %w", name, ErrInvalid)
	}
	if len(files) == 1 {
		return readOne(ctx, files[0], s, l)
	}
	if d, ok, err := readIDXFiles(ctx, name, files, l); ok {
		return d, err
	}
	if d, ok, err := readWFDBFiles(ctx, name, files, s, l); ok {
		return d, err
	}
	return nil, fmt.Errorf("aiaas: %s: these %d files are neither IDX (images and labels) nor WFDB (.hea, .dat, .atr); pack others into one .zip: %w", name, len(files), ErrInvalid)
}

func readOne(ctx context.Context, f Named, s Schema, l Limits) (*Dataset, error) {
	base, ending := f.form()
	switch ending {
	case ".csv", ".tsv", ".txt", ".ndjson", ".jsonl":
		r, err := f.plain()
		if err != nil {
			return nil, err
		}
		if ending == ".ndjson" || ending == ".jsonl" {
			return ReadNDJSON(ctx, f.Name, r, s, l)
		}
		return ReadCSV(ctx, f.Name, r, s, l)
	case ".zip":
		return ReadZip(ctx, f.Name, f.Content, f.Content.Size(), s, l)
	case ".npz":
		return readNPZ(f, s, l)
	}
	if isIDX(base) {
		return ReadIDX(ctx, f.Name, f.reader(), nil, l)
	}
	if imageName(base) {
		return readImageFile(f, l)
	}
	return nil, fmt.Errorf("aiaas: %s: the name tells no form that is read here: .csv, .tsv, .ndjson, .zip, .npz, IDX, WFDB, PNG, JPEG or DICOM: %w", f.Name, ErrInvalid)
}

func isIDX(base string) bool {
	return strings.HasSuffix(base, "-ubyte") || strings.HasSuffix(base, ".idx") || strings.Contains(base, ".idx3") || strings.Contains(base, ".idx1")
}

// readIDXFiles takes two IDX files; the labels are those whose name says so, or
// the smaller.
func readIDXFiles(ctx context.Context, name string, files []Named, l Limits) (d *Dataset, ok bool, err error) {
	if len(files) != 2 {
		return nil, false, nil
	}
	for _, f := range files {
		if base, _ := f.form(); !isIDX(base) {
			return nil, false, nil
		}
	}
	images, labels := files[0], files[1]
	saysLabels := func(f Named) bool {
		base, _ := f.form()
		return strings.Contains(base, "label") || strings.Contains(base, "idx1")
	}
	if saysLabels(images) || !saysLabels(labels) && labels.Content.Size() > images.Content.Size() {
		images, labels = labels, images
	}
	d, err = ReadIDX(ctx, name, images.reader(), labels.reader(), l)
	return d, true, err
}

func readWFDBFiles(ctx context.Context, name string, files []Named, s Schema, l Limits) (d *Dataset, ok bool, err error) {
	find := func(ending string) (io.Reader, bool) {
		i := slices.IndexFunc(files, func(f Named) bool { _, e := f.form(); return e == ending })
		if i < 0 {
			return nil, false
		}
		return files[i].reader(), true
	}
	header, has := find(".hea")
	if !has {
		return nil, false, nil
	}
	signals, has := find(".dat")
	annotations, annotated := find(".atr")
	if !has || !annotated {
		return nil, true, fmt.Errorf("aiaas: %s: a WFDB record needs its .hea, .dat and .atr: %w", name, ErrInvalid)
	}
	d, err = ReadWFDB(ctx, name, header, signals, annotations, WFDB{Subject: s.Subject}, l)
	return d, true, err
}

// readNPZ takes the array "x" (or "images", "data", "features") and "y" (or
// "labels", "target").
func readNPZ(f Named, s Schema, l Limits) (*Dataset, error) {
	arrays, err := ReadNPZ(f.Name, f.Content, f.Content.Size(), l)
	if err != nil {
		return nil, err
	}
	pick := func(names ...string) *Array {
		for _, n := range names {
			if a := arrays[n]; a != nil {
				return a
			}
		}
		return nil
	}
	x := pick("x", "X", "images", "data", "features", "signals")
	if x == nil {
		return nil, fmt.Errorf("aiaas: %s: it has no array named x, images, data, features or signals: %w", f.Name, ErrInvalid)
	}
	var y *Array
	if s.Label != "" && arrays[s.Label] != nil {
		y = arrays[s.Label]
	} else {
		y = pick("y", "labels", "label", "target")
	}
	task := s.Task
	if task == 0 {
		task = Tabular
		if len(x.Shape) > 2 {
			task = Images
		}
	}
	return FromArrays(f.Name, task, x, y)
}

// readImageFile is a dataset of one image without a label.
func readImageFile(f Named, l Limits) (*Dataset, error) {
	m, err := ReadImage(f.Name, f.reader(), l)
	if err != nil {
		return nil, err
	}
	return &Dataset{Name: f.Name, Task: Images, Columns: []Column{{Name: "image", Kind: Picture, Image: []Image{m}}},
		Subject: []string{f.Name}, Places: []Place{{File: f.Name}}}, nil
}

// memory is content that lies in memory.
type memory []byte

// ReadAt implements io.ReaderAt.
func (m memory) ReadAt(p []byte, at int64) (int, error) {
	if at >= int64(len(m)) {
		return 0, io.EOF
	}
	n := copy(p, m[at:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Size implements Content.
func (m memory) Size() int64 { return int64(len(m)) }

// readAll is a whole body of at most so many bytes.
func readAll(name string, r io.Reader, limit int64) (memory, error) {
	b, err := io.ReadAll(&bounded{r: r, left: limit, name: name})
	return b, err
}
