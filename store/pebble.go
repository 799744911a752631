package store

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	defaultCache = 64 << 20
	// Search lists scatter over the order of keys: with half the memory a load spends a
	// sixth more of its processor time on writing tables again.
	memTable  = 96 << 20
	memTables = 3
	// tablesAbove is how many tables lie above the sorted levels before they are merged.
	tablesAbove = 8
)

// openDatabase takes the directory's lock first, so that a second opener gets
// ErrLocked and nothing else happens to it.
func openDatabase(path string, opt Options) (*pebble.DB, *pebble.Lock, error) {
	lock, err := pebble.LockDirectory(path, vfs.Default)
	if err != nil {
		return nil, nil, lockError(err)
	}
	size := opt.CacheBytes
	if size <= 0 {
		size = defaultCache
	}
	cache := pebble.NewCache(size)
	defer cache.Unref()
	db, err := pebble.Open(path, databaseOptions(cache, lock, opt.ReadOnly))
	if err != nil {
		return nil, nil, errors.Join(corruptOr(err), lock.Close())
	}
	return db, lock, nil
}

// databaseOptions: values are packed and sealed, so blocks are not compressed
// again; filters make the look at an absent pointer cheap, which is what a first
// load does for every resource.
func databaseOptions(cache *pebble.Cache, lock *pebble.Lock, readOnly bool) *pebble.Options {
	o := &pebble.Options{
		FS:                          forgetful{vfs.Default},
		Cache:                       cache,
		Lock:                        lock,
		ReadOnly:                    readOnly,
		ErrorIfNotExists:            readOnly,
		FormatMajorVersion:          pebble.FormatNewest,
		Logger:                      quiet{},
		MemTableSize:                memTable,
		MemTableStopWritesThreshold: memTables,
		L0CompactionThreshold:       tablesAbove,
		L0StopWritesThreshold:       24,
		LBaseMaxBytes:               128 << 20,
		MaxOpenFiles:                512,
		BytesPerSync:                1 << 20,
		WALBytesPerSync:             0,
	}
	o.CompactionConcurrencyRange = func() (int, int) { return 1, 2 }
	for i := range o.Levels {
		o.Levels[i] = pebble.LevelOptions{
			BlockSize:    16 << 10,
			FilterPolicy: bloom.FilterPolicy(10),
			FilterType:   pebble.TableFilter,
			Compression:  func() *sstable.CompressionProfile { return sstable.NoCompression },
		}
	}
	o.TargetFileSizes[0] = 8 << 20
	return o
}

func lockError(err error) error {
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EWOULDBLOCK) {
		return ErrLocked
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return err
	}
	return fmt.Errorf("%w (%v)", ErrLocked, err) // the same process already holds it
}

// corruptOr turns the database's word for broken blocks into ours.
func corruptOr(err error) error {
	if pebble.IsCorruptionError(err) {
		return fmt.Errorf("%w: %v", ErrCorrupt, err)
	}
	return err
}

// quiet swallows what the database tells: callers get errors, and the store
// writes no log. What the database declares fatal (its write-ahead log cannot be
// written, so nothing can be promised any more) ends the process, as it must: the
// database does not expect Fatalf to return.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "store: the database cannot go on: "+format+"\n", args...)
	os.Exit(1)
}

// forgetful is the file system without the reuse of log files: a log written
// over an older one keeps the older one's bytes behind its end, and erased bytes
// must not live on there.
type forgetful struct{ vfs.FS }

// ReuseForWrite makes a new file in place of the old one.
func (f forgetful) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.Remove(oldname); err != nil {
		return nil, err
	}
	return f.Create(newname, category)
}
