package aiaas

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// archive is a zip that is read under limits: what comes out of it is counted
// over all its files.
type archive struct {
	name   string
	limits Limits
	out    int64
}

// open is the content of a file of the archive.
func (a *archive) open(f *zip.File) ([]byte, error) {
	name := a.name + "/" + f.Name
	if packed := max(int64(f.CompressedSize64), 1); int64(f.UncompressedSize64) > 1<<20 && int64(f.UncompressedSize64)/packed > a.limits.Ratio {
		return nil, fmt.Errorf("aiaas: %s: grows more than %d times on decompression", name, a.limits.Ratio)
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("aiaas: %s: cannot be opened in the archive", name)
	}
	defer r.Close()
	left := min(a.limits.Bytes-a.out, int64(f.UncompressedSize64))
	content, err := io.ReadAll(&bounded{r: r, left: left, name: name})
	if err != nil {
		return nil, csvError(name, err)
	}
	if a.out += int64(len(content)); a.out > a.limits.Bytes {
		return nil, fmt.Errorf("aiaas: %s: larger than the limit in bytes", a.name)
	}
	return content, nil
}

// ReadZip reads an archive of images. Where there is a CSV file in it, that
// gives the labels: its first column, or that named file, filename, image or
// path, names the image; the schema names the others. Else an image's label is
// the folder that it lies in, under train and test if those are there.
func ReadZip(ctx context.Context, name string, r io.ReaderAt, size int64, s Schema, l Limits) (*Dataset, error) {
	a := &archive{name: name, limits: l.filled()}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("aiaas: %s: not an archive", name)
	}
	var images []*zip.File
	var table *zip.File
	for _, f := range z.File {
		base := path.Base(f.Name)
		switch {
		case strings.HasPrefix(base, ".") || strings.HasPrefix(f.Name, "__MACOSX"):
		case imageName(base):
			images = append(images, f)
		case strings.HasSuffix(strings.ToLower(base), ".csv"):
			if table != nil {
				return nil, fmt.Errorf("aiaas: %s: two tables, %s and %s: which has the labels?", name, table.Name, f.Name)
			}
			table = f
		}
	}
	if len(images) == 0 {
		return nil, fmt.Errorf("aiaas: %s: no image in it", name)
	}
	if len(images) > a.limits.Rows {
		return nil, fmt.Errorf("aiaas: %s: %d images are more than %d", name, len(images), a.limits.Rows)
	}
	slices.SortFunc(images, func(x, y *zip.File) int { return strings.Compare(x.Name, y.Name) })
	d, err := a.labelled(ctx, images, table, s)
	if err != nil {
		return nil, err
	}
	c := Column{Name: "image", Kind: Picture}
	left := a.limits.Pixels
	for _, f := range images {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		content, err := a.open(f)
		if err != nil {
			return nil, err
		}
		m, err := decodeImage(name+"/"+f.Name, content, left)
		if err != nil {
			return nil, err
		}
		left -= int64(m.Width) * int64(m.Height)
		c.Image = append(c.Image, m)
	}
	d.Task = Images
	d.Columns = append([]Column{c}, d.Columns...)
	return d, d.Check()
}

// labelled is the dataset without its images.
func (a *archive) labelled(ctx context.Context, images []*zip.File, table *zip.File, s Schema) (*Dataset, error) {
	if table == nil {
		return a.byFolder(images), nil
	}
	content, err := a.open(table)
	if err != nil {
		return nil, err
	}
	return a.byTable(ctx, images, table.Name, content, s)
}

func (a *archive) byFolder(images []*zip.File) *Dataset {
	d := &Dataset{Name: a.name}
	labels := make([][]string, len(images))
	sides := make([]Side, len(images))
	sided := false
	for i, f := range images {
		parts := strings.Split(path.Dir(f.Name), "/")
		for k, part := range parts {
			switch strings.ToLower(part) {
			case "train", "training", "val", "validation":
				sides[i] = TrainSide
			case "test":
				sides[i] = TestSide
			default:
				continue
			}
			sided = true
			parts[k] = "."
		}
		if last := parts[len(parts)-1]; last != "." {
			labels[i] = []string{last}
		}
		p := Place{File: a.name + "/" + f.Name}
		d.Places, d.Subject = append(d.Places, p), append(d.Subject, p.String())
	}
	if sided {
		d.Side = sides
	}
	d.setClasses(labels)
	return d
}

// byTable reads the table and puts its rows in the order of the images.
func (a *archive) byTable(ctx context.Context, images []*zip.File, name string, content []byte, s Schema) (*Dataset, error) {
	name = a.name + "/" + name
	key := imageColumn(content)
	s.Task, s.Kinds = Images, map[string]string{key: FreeText.String()}
	if s.Label == "" {
		s.Label = "label"
	}
	if len(s.Inputs) > 0 {
		s.Inputs = append(slices.Clone(s.Inputs), key)
	}
	t, err := ReadCSV(ctx, name, bytes.NewReader(content), s, a.limits)
	if err != nil {
		return nil, err
	}
	files := t.Column(key)
	if files == nil {
		return nil, fmt.Errorf("aiaas: %s: no column names the images", name)
	}
	row := make(map[string]int, t.Len())
	for i, f := range files.Text {
		if _, twice := row[f]; twice {
			return nil, fmt.Errorf("aiaas: %s: an image twice", t.Places[i])
		}
		row[f] = i
	}
	order := make([]int, len(images))
	for i, f := range images {
		at, ok := row[f.Name]
		if !ok {
			at, ok = row[path.Base(f.Name)]
		}
		if !ok {
			return nil, fmt.Errorf("aiaas: %s: no row for image %s", name, f.Name)
		}
		order[i] = at
	}
	d := t.Take(order)
	d.Name = a.name
	d.Columns = slices.DeleteFunc(d.Columns, func(c Column) bool { return c.Name == key })
	for i, f := range images {
		d.Places[i] = Place{File: a.name + "/" + f.Name}
		if s.Subject == "" {
			d.Subject[i] = d.Places[i].String()
		}
	}
	return d, nil
}

// imageColumn is the column of a table that names images: by its name, else the
// first.
func imageColumn(content []byte) string {
	content = bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))
	lines := csv.NewReader(bytes.NewReader(content))
	lines.Comma = delimiter(bufio.NewReaderSize(bytes.NewReader(content), 1<<14))
	header, err := lines.Read()
	if err != nil || len(header) == 0 {
		return ""
	}
	for _, h := range header {
		switch strings.ToLower(strings.TrimSpace(h)) {
		case "file", "filename", "image", "path":
			return strings.TrimSpace(h)
		}
	}
	return strings.TrimSpace(header[0])
}
