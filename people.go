package ember

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
)

// people are the patients a version has learned from, by ordinal: keyed hashes of
// their ids, as the store's tombstones are.
type people [][16]byte

// WriteTo implements io.WriterTo: the hashes, one behind the other.
func (p people) WriteTo(w io.Writer) (n int64, err error) {
	for i := range p {
		m, err := w.Write(p[i][:])
		n += int64(m)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// readPeople reads them from a version's folder.
func readPeople(dir string) (p people, err error) {
	err = readFile(filepath.Join(dir, peopleFile), func(r io.Reader) error {
		for {
			var h [16]byte
			_, err := io.ReadFull(r, h[:])
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			p = append(p, h)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("ember: reading whom a version has learned from: %w", err)
	}
	return p, nil
}
