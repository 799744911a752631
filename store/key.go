package store

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// keySize is the size of every key: AES-256.
const keySize = 32

// masterKey finds the key that wraps the data key: the one handed in, else the
// one in the key file. With make it writes a new file where there is none.
func masterKey(opt Options, create bool) ([]byte, error) {
	if opt.Key != nil {
		if len(opt.Key) != keySize {
			return nil, fmt.Errorf("a key has %d bytes, this one %d: %w", keySize, len(opt.Key), ErrKey)
		}
		return bytes.Clone(opt.Key), nil
	}
	path := opt.keyFile()
	key, err := ReadKeyFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if !create {
		return nil, fmt.Errorf("key file %s does not exist, and what is stored cannot be read without it: %w", path, ErrKey)
	}
	return NewKeyFile(path)
}

func (o Options) keyFile() string {
	if o.KeyFile != "" {
		return o.KeyFile
	}
	return filepath.Join(o.Dir, "key")
}

// ReadKeyFile reads a master key as NewKeyFile writes it. A file that others
// than its owner may read is refused with ErrKey.
func ReadKeyFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("key file %s has mode %04o; others may read it; make it 0600: %w", path, info.Mode().Perm(), ErrKey)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("key file %s does not hold %d hexadecimal digits: %w", path, 2*keySize, ErrKey)
	}
	return key, nil
}

// NewKeyFile makes a random master key and writes it to path, mode 0600, synced,
// as one line of hexadecimal digits. It never overwrites: an existing file is an
// error.
func NewKeyFile(path string) ([]byte, error) {
	key := make([]byte, keySize)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	err = errors.Join(err, f.Sync(), f.Close(), syncDir(filepath.Dir(path)))
	return key, err
}

// keyID names a key without telling it.
func keyID(key []byte) string {
	sum := sha256.Sum256(append([]byte("ember key id\x00"), key...))
	return hex.EncodeToString(sum[:6])
}

// wrap seals a data key under the master key; unwrap undoes it or says ErrKey.
func wrap(master, data []byte) ([]byte, error) {
	s, err := newSealer(master)
	if err != nil {
		return nil, err
	}
	return s.seal(nil, data, []byte("ember data key "+keyID(data))), nil
}

func unwrap(master, wrapped []byte, id string) ([]byte, error) {
	s, err := newSealer(master)
	if err != nil {
		return nil, err
	}
	key, err := s.open(nil, wrapped, []byte("ember data key "+id))
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("data key %s cannot be unwrapped: %w", id, ErrKey)
	}
	return key, nil
}

// derive makes a key of its own for each use from the data key.
func derive(data []byte, use string) []byte {
	full := newHasher(data).of('d', []byte(use))
	return full[:]
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
