package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Options say where a store lies and who may read it.
type Options struct {
	Dir string // made if absent
	// Key is the master key, 32 bytes. Nil: the key in KeyFile, which is made
	// (0600) when the store is. KeyFile "" is the file "key" in Dir.
	Key     []byte
	KeyFile string
	// Now stamps Resource.Updated. Needed unless ReadOnly; asked by one writer at
	// a time.
	Now func() time.Time
	// CacheBytes bounds the block cache; 0 is 64 MiB. Write buffers take up to
	// 144 MiB beside it.
	CacheBytes int64
	// ReadOnly opens a checkpoint or a store nobody else has open; writes
	// answer ErrReadOnly.
	ReadOnly bool
}

// Store keeps sealed bytes in a directory. All methods are safe for concurrent
// use; Close must be the last.
type Store struct {
	db       *pebble.DB
	lock     *pebble.Lock
	dir      string
	now      func() time.Time
	readOnly bool

	hash  *hasher
	seal  *sealer
	mask  mask
	codec *codec
	vault *Vault
	bufs  sync.Pool // *[]byte: scratch for sealed and packed bytes

	mu     sync.Mutex       // one writer at a time from reading pointers to applying the batch
	seq    uint64           // last sequence number given out
	floor  time.Time        // no commit is stamped earlier
	epoch  atomic.Uint64    // batches applied: tells a prepared write whether its pointer is still current
	counts map[string]int64 // resources by type, tombstones excluded
	held   ordered          // scratch of the batch in the making
	closed bool

	files sync.Mutex // a checkpoint and the emptying of logs exclude each other

	durable atomic.Uint64 // last sequence number known to be synced

	known      known
	learning   atomic.Bool
	background sync.WaitGroup
}

// Open opens the store in opt.Dir, making it if there is none and upgrading it
// if it is of an older format. ErrLocked, ErrKey and ErrFormat say why not.
func Open(opt Options) (*Store, error) {
	s, err := open(opt)
	if err != nil {
		return nil, fmt.Errorf("store: opening %s: %w", opt.Dir, err)
	}
	return s, nil
}

func open(opt Options) (*Store, error) {
	if opt.Now == nil && !opt.ReadOnly {
		return nil, errors.New("Options.Now is missing")
	}
	dir, err := filepath.Abs(opt.Dir) // one name per directory: the lock goes by it
	if err != nil {
		return nil, err
	}
	path := databaseDir(dir)
	if !opt.ReadOnly {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, err
		}
	}
	db, lock, err := openDatabase(path, opt)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, lock: lock, dir: dir, now: opt.Now, readOnly: opt.ReadOnly, codec: newCodec(), counts: map[string]int64{}}
	s.bufs.New = func() any { b := make([]byte, 0, 8<<10); return &b }
	if err := s.begin(opt); err != nil {
		return nil, errors.Join(err, db.Close(), lock.Close())
	}
	return s, nil
}

func databaseDir(dir string) string { return filepath.Join(dir, "db") }

// begin reads or writes the format record and takes up where the log ends.
func (s *Store) begin(opt Options) error {
	f, found, err := readFormat(s.db)
	if err != nil {
		return err
	}
	if !found && opt.ReadOnly {
		return fmt.Errorf("there is no store here: %w", ErrNotFound)
	}
	master, err := masterKey(opt, !found)
	if err != nil {
		return err
	}
	var data []byte
	if found {
		data, err = f.unlock(master)
	} else {
		f, data, err = s.create(master)
	}
	if err != nil {
		return err
	}
	s.hash = newHasher(derive(data, "hash"))
	if s.seal, err = newSealer(derive(data, "seal")); err != nil {
		return err
	}
	if s.mask, err = newMask(derive(data, "lists")); err != nil {
		return err
	}
	if s.vault, err = OpenVault(derive(data, "vault")); err != nil {
		return err
	}
	if err := s.upgrade(f); err != nil {
		return err
	}
	if s.seq, err = s.lastSeq(); err != nil {
		return err
	}
	s.durable.Store(s.seq)
	s.known.complete.Store(s.seq == 0)
	return s.loadCounts()
}

func (s *Store) create(master []byte) (format, []byte, error) {
	f, data, err := newFormat(master)
	if err != nil {
		return f, nil, err
	}
	b := s.db.NewBatch()
	defer b.Close()
	if err := f.write(b); err != nil {
		return f, nil, err
	}
	return f, data, b.Commit(pebble.Sync)
}

// lastSeq is the key of the last chunk of the change log.
func (s *Store) lastSeq() (uint64, error) {
	it, err := s.prefix([]byte{tagChange})
	if err != nil {
		return 0, err
	}
	defer it.Close()
	if !it.Last() {
		return 0, it.Error()
	}
	return binary.BigEndian.Uint64(it.Key()[1:]), nil
}

// Close waits for work in the background and releases the directory. Closing again does
// nothing; any other use afterwards is a mistake and panics.
func (s *Store) Close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	s.background.Wait()
	if again {
		return nil
	}
	err := errors.Join(s.db.Close(), s.lock.Close())
	if err != nil {
		return fmt.Errorf("store: closing: %w", err)
	}
	return nil
}

// prefix iterates over the keys that begin so, as they are now.
func (s *Store) prefix(prefix []byte) (*pebble.Iterator, error) {
	return s.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
}

// get copies the value out; found is false where there is none.
func (s *Store) get(dst, key []byte) (value []byte, found bool, err error) {
	v, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, corruptOr(err)
	}
	defer closer.Close()
	return append(dst[:0], v...), true, nil
}

func (s *Store) pointer(ref hash) (p pointer, found bool, err error) {
	if !s.known.mayHave(ref) {
		return p, false, nil
	}
	var room [pointerSize]byte
	var key [17]byte
	v, found, err := s.get(room[:0], key1(key[:0], tagPointer, ref))
	if err != nil || !found {
		return p, found, err
	}
	p, err = parsePointer(v)
	return p, true, err
}

// buffer lends scratch memory; give it back with s.bufs.Put.
func (s *Store) buffer() *[]byte {
	b := s.bufs.Get().(*[]byte)
	*b = (*b)[:0]
	return b
}

func (s *Store) writable() error {
	if s.readOnly {
		return ErrReadOnly
	}
	return nil
}

func clone(b []byte) []byte { return bytes.Clone(b) }
