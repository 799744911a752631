package store

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// Vault seals whole files: uploads that are too large for key-values. A file is a
// head with 16 random bytes, then pieces of vaultPiece plain bytes, each sealed
// and bound to the head, to its number and to whether it is the last, so that
// nothing can be cut off, swapped or mixed. It is safe for concurrent use.
type Vault struct {
	key  []byte
	seal *sealer
}

const (
	vaultMagic = "EMBRVLT1"
	vaultHead  = len(vaultMagic) + 16
	vaultPiece = 64 << 10
)

// Vault is the vault under the store's own key.
func (s *Store) Vault() *Vault { return s.vault }

// OpenVault is the vault of a key that Vault.Key gave: for a child process.
func OpenVault(key []byte) (*Vault, error) {
	seal, err := newSealer(key)
	if err != nil {
		return nil, fmt.Errorf("store: opening a vault: %w", err)
	}
	return &Vault{key: key, seal: seal}, nil
}

// Key opens what is in the vault. Hand it to nobody but a child process, and not
// by a file, an argument or the environment.
func (v *Vault) Key() []byte { return v.key }

// bound is what piece n of a file is bound to.
func bound(head []byte, n uint64, last bool) []byte {
	b := binary.BigEndian.AppendUint64(append(make([]byte, 0, len(head)+9), head...), n)
	if last {
		return append(b, 1)
	}
	return append(b, 0)
}

// Create makes a file, which must not be there, and seals what is written to it.
// The file is whole and on disk once Close has returned nil.
func (v *Vault) Create(path string) (io.WriteCloser, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store: sealing a file: %w", err)
	}
	w := &vaultWriter{v: v, f: f, head: append(make([]byte, 0, vaultHead), vaultMagic...), plain: make([]byte, 0, vaultPiece)}
	w.head = w.head[:vaultHead]
	rand.Read(w.head[len(vaultMagic):]) // never fails: crypto/rand ends the program instead
	if _, err := f.Write(w.head); err != nil {
		return nil, errors.Join(fmt.Errorf("store: sealing a file: %w", err), f.Close())
	}
	return w, nil
}

type vaultWriter struct {
	v      *Vault
	f      *os.File
	head   []byte
	plain  []byte // of the piece in the making
	sealed []byte
	n      uint64
	err    error
}

// Write keeps back a full piece until more follows: the last one is marked.
func (w *vaultWriter) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 && w.err == nil {
		if len(w.plain) == vaultPiece {
			w.flush(false)
		}
		k := min(vaultPiece-len(w.plain), len(p))
		w.plain, p, written = append(w.plain, p[:k]...), p[k:], written+k
	}
	return written, w.err
}

func (w *vaultWriter) flush(last bool) {
	w.sealed = w.v.seal.seal(w.sealed[:0], w.plain, bound(w.head, w.n, last))
	if _, err := w.f.Write(w.sealed); err != nil {
		w.err = fmt.Errorf("store: sealing a file: %w", err)
	}
	w.n++
	w.plain = w.plain[:0]
}

func (w *vaultWriter) Close() error {
	if w.err == nil {
		w.flush(true)
	}
	if w.err == nil {
		w.err = w.f.Sync()
	}
	err := errors.Join(w.err, w.f.Close())
	w.err = os.ErrClosed
	return err
}

// Sealed is an open file of a vault. It is safe for concurrent use.
type Sealed struct {
	v    *Vault
	f    *os.File
	head []byte
	size int64 // plain
	last uint64
}

// Open opens a file. What was cut off at the end, or is none of the vault's, is
// ErrCorrupt here; what is damaged elsewhere is when it is read.
func (v *Vault) Open(path string) (*Sealed, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("store: opening a sealed file: %w", err)
	}
	s := &Sealed{v: v, f: f, head: make([]byte, vaultHead)}
	if err := s.begin(); err != nil {
		return nil, errors.Join(fmt.Errorf("store: opening a sealed file: %w", err), f.Close())
	}
	return s, nil
}

func (s *Sealed) begin() error {
	info, err := s.f.Stat()
	if err != nil {
		return err
	}
	const piece = vaultPiece + sealOver
	body := info.Size() - int64(vaultHead)
	if body < sealOver {
		return ErrCorrupt
	}
	if _, err := s.f.ReadAt(s.head, 0); err != nil || string(s.head[:len(vaultMagic)]) != vaultMagic {
		return errors.Join(err, ErrCorrupt)
	}
	pieces := (body + piece - 1) / piece
	rest := body - (pieces-1)*piece
	if rest < sealOver {
		return ErrCorrupt
	}
	s.last = uint64(pieces - 1)
	s.size = (pieces-1)*vaultPiece + rest - sealOver
	_, err = s.piece(s.last, nil)
	return err
}

// Size is the number of plain bytes.
func (s *Sealed) Size() int64 { return s.size }

// piece appends the plain bytes of piece n to dst.
func (s *Sealed) piece(n uint64, dst []byte) ([]byte, error) {
	const piece = vaultPiece + sealOver
	size := int64(piece)
	if n == s.last {
		size = s.size - int64(n)*vaultPiece + sealOver
	}
	sealed := make([]byte, size)
	if _, err := s.f.ReadAt(sealed, int64(vaultHead)+int64(n)*piece); err != nil {
		return dst, err
	}
	return s.v.seal.open(dst, sealed, bound(s.head, n, n == s.last))
}

// ReadAt implements io.ReaderAt.
func (s *Sealed) ReadAt(p []byte, at int64) (read int, err error) {
	if at < 0 {
		return 0, errors.New("store: reading a sealed file: negative offset")
	}
	for len(p) > 0 {
		if at >= s.size {
			return read, io.EOF
		}
		plain, err := s.piece(uint64(at/vaultPiece), nil)
		if err != nil {
			return read, fmt.Errorf("store: reading a sealed file: %w", err)
		}
		k := copy(p, plain[at%vaultPiece:])
		p, at, read = p[k:], at+int64(k), read+k
	}
	return read, nil
}

// Close releases the file.
func (s *Sealed) Close() error { return s.f.Close() }
