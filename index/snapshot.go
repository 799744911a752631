package index

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// snapshotFile is the file of everything but the notes.
const snapshotFile = "index.ember"

// magic opens the file; its last byte is the format's version. A file of
// another version is not read: the index is fed again.
const magic = "EMBERIX\x05"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Flush makes what was applied durable. It merges all layers first, so it costs
// time in the size of the index: about 0.2 s for 100,000 patients of 25 events.
// Without a change since the last it does nothing.
func (x *Index) Flush() error {
	x.write.Lock()
	defer x.write.Unlock()
	if x.closed {
		return ErrClosed
	}
	return x.flush()
}

// flush is Flush for who holds the write lock.
func (x *Index) flush() error {
	if !x.dirty || x.opt.Dir == "" {
		return nil
	}
	x.await()
	s := x.state.Load()
	if len(s.layers) > 1 || len(s.layers) == 1 && s.layers[0].masked != nil {
		x.install(0, s.layers, merge(s.layers))
		s = x.state.Load()
	}
	if err := s.notes.reach(s.position); err != nil {
		return err
	}
	if err := x.save(s); err != nil {
		return err
	}
	x.dirty = false
	return nil
}

// reach moves the position of the notes on when no note changed since.
func (n *notes) reach(position uint64) error {
	if n == nil {
		return nil
	}
	have, _, err := n.stamp()
	if err != nil || have == position {
		return err
	}
	return n.apply(noteChange{}, have, position)
}

// save writes a state of at most one layer beside the file there is, and takes
// its place when it is complete on disk.
func (x *Index) save(s *state) error {
	if x.opt.Dir == "" {
		return nil
	}
	path := filepath.Join(x.opt.Dir, snapshotFile)
	if err := writeFile(path+".new", func(w io.Writer) error { return x.encode(w, s) }); err != nil {
		return fmt.Errorf("index: saving: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("index: saving: %w", err)
	}
	if err := syncDir(x.opt.Dir); err != nil {
		return fmt.Errorf("index: saving: %w", err)
	}
	x.saved.Store(s.position)
	return nil
}

func writeFile(path string, fill func(io.Writer) error) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := crc32.New(castagnoli)
	w := bufio.NewWriterSize(io.MultiWriter(f, sum), 1<<18)
	if err := fill(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	c := sum.Sum32()
	if _, err := f.Write([]byte{byte(c), byte(c >> 8), byte(c >> 16), byte(c >> 24)}); err != nil {
		return err
	}
	return f.Sync()
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// load reads what is in the folder; reason says why it cannot be used.
func (x *Index) load() (s *state, dim int, reason string) {
	data, err := os.ReadFile(filepath.Join(x.opt.Dir, snapshotFile))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, 0, "there is no index yet"
	case err != nil:
		return nil, 0, "the index cannot be read"
	case len(data) < len(magic)+4 || string(data[:len(magic)-1]) != magic[:len(magic)-1]:
		return nil, 0, "the index is damaged: it does not begin as one"
	case data[len(magic)-1] != magic[len(magic)-1]:
		return nil, 0, "the index is of format " + strconv.Itoa(int(data[len(magic)-1])) + ", not " + strconv.Itoa(int(magic[len(magic)-1]))
	}
	body, tail := data[:len(data)-4], data[len(data)-4:]
	if c := crc32.Checksum(body, castagnoli); c != uint32(tail[0])|uint32(tail[1])<<8|uint32(tail[2])<<16|uint32(tail[3])<<24 {
		return nil, 0, "the index is damaged: its checksum is wrong"
	}
	s, head, err := decode(body[len(magic):])
	switch {
	case err != nil:
		return nil, 0, "the index is damaged: " + err.Error()
	case head.fingerprint != x.opt.Fingerprint:
		return nil, 0, "the index was made by another version of terms, mapping or encoder"
	case head.notes != x.opt.Notes:
		return nil, 0, "the index was made with other settings for notes"
	}
	if reason := x.loadNotes(s, head.serial); reason != "" {
		return nil, 0, reason
	}
	return s, head.dim, ""
}

// loadNotes opens the notes that the state names. When they are not of the same
// batch as the state, both are made to agree and the lower position counts.
func (x *Index) loadNotes(s *state, serial uint64) (reason string) {
	if s.notesName == "" {
		return ""
	}
	n, err := openNotes(filepath.Join(x.opt.Dir, s.notesName), false)
	if err != nil {
		return "the notes cannot be opened"
	}
	s.notes = n
	position, have, err := n.stamp()
	n.serial = have
	switch {
	case err != nil:
	case have != serial || position != s.position:
		s.position = min(position, s.position)
		s.people, err = n.reconcile(s.people, s.position)
		x.dirty = true
	default:
		for ord := range s.people.n {
			n.own(ord, s.people.at(ord).notes, nil)
		}
	}
	if err != nil {
		_ = n.close() // it is damaged and will be replaced
		return "the notes are damaged"
	}
	return ""
}

const notesPrefix = "notes-"

// freeNotesName is a folder name for notes that does not exist.
func (x *Index) freeNotesName() string {
	last := 0
	for _, name := range x.noteFolders() {
		if n, err := strconv.Atoi(strings.TrimPrefix(name, notesPrefix)); err == nil {
			last = max(last, n)
		}
	}
	return notesPrefix + strconv.Itoa(last+1)
}

func (x *Index) noteFolders() []string {
	entries, err := os.ReadDir(x.opt.Dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), notesPrefix) {
			names = append(names, e.Name())
		}
	}
	return names
}

// sweep removes folders of notes that no snapshot names any more. What cannot
// be removed now is tried again at the next start.
func (x *Index) sweep(keep string) {
	if x.opt.Dir == "" {
		return
	}
	for _, name := range x.noteFolders() {
		if name != keep {
			_ = os.RemoveAll(filepath.Join(x.opt.Dir, name))
		}
	}
}
