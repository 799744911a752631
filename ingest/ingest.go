// Package ingest is the one way in: bytes become stored resources, and the
// derived forms follow.
//
// [Ingest.Load] reads FHIR from a stream, gives every resource an identity,
// resolves its references as far as their targets are known, and commits the
// bytes as they came with a list of splices beside them. When it has returned,
// what it reports is durable. A follower then rebuilds the timelines of changed
// patients and feeds the index; it remembers how far it came in the change log
// and takes up there after a crash.
//
// Its invariant: [Ingest.Chart] contains every write that was acknowledged
// before it was called, however far the follower is.
package ingest

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"ember/fhir"
	"ember/index"
	"ember/record"
	"ember/search"
	"ember/store"
	"ember/timelines"
)

// Encoder gives a timeline's vector for similarity, nil for none. It must be
// safe for concurrent use.
type Encoder func(record.Timeline) []float32

// Options are the rooms that ingest feeds.
type Options struct {
	Store     *store.Store
	Mapper    *fhir.Mapper
	Timelines *timelines.Timelines
	Index     *index.Index
	Limits    fhir.Limits
	Search    *search.Engine // finds what meets conditions; nil: only identifiers do
	Quiet     time.Duration  // how long a patient must be left alone before the follower takes him up; default 250 ms
	Patience  time.Duration  // how long the follower waits for quiet at most; default 20 s
	Now       func() time.Time
	Workers   int // goroutines that rebuild timelines; default 2
	// Bases are the FHIR base addresses, without a slash at the end, of servers whose ids are
	// this one's: its own and the EHR's. What is said of a patient of any other is in nobody's
	// record.
	Bases []string
	// Refused, if any, hears of patients whose timeline says that they refuse use
	// beyond their own care, each time it was made anew.
	Refused func(patients []string)
	// Changed, if any, hears of patients before the follower says that it has seen them, so
	// that who remembers them there misses nobody; an error lets the round be repeated.
	// Followed is called when timelines and index have them.
	Changed  func(patients []string) error
	Followed func()
}

// Ingest is safe for concurrent use.
type Ingest struct {
	opt        Options
	conditions conditions
	encoder    atomic.Pointer[Encoder]
	dirty      dirty
	wake       chan struct{}
	urgent     chan struct{}
	stop       context.CancelFunc
	done       chan struct{}
	rekeyed    chan struct{} // closed when no keying is under way
	searchable atomic.Bool

	resume, opened uint64 // changes between these the follower settles first

	mu        sync.Mutex
	failure   error         // of the last round, nil after a good one
	round     chan struct{} // closed and replaced after every round
	caught    uint64        // the change log is followed up to here
	started   int           // rounds begun
	ended     int           // rounds ended well
	unsettled []keyed       // arrived, but whether somebody waits for them could not be dealt with
	vectors   *vectors      // on their way into the index, nil = none
	erased    bool          // words of erased patients may still be in the index's files
}

// Open starts the follower where it had come to. Close it.
func Open(ctx context.Context, opt Options) (*Ingest, error) {
	if opt.Quiet == 0 {
		opt.Quiet = 250 * time.Millisecond
	}
	if opt.Patience == 0 {
		opt.Patience = 20 * time.Second
	}
	opt.Workers = max(opt.Workers, 2)
	ctx, stop := context.WithCancel(ctx)
	in := &Ingest{
		opt: opt, stop: stop, done: make(chan struct{}), rekeyed: make(chan struct{}), round: make(chan struct{}),
		wake: make(chan struct{}, 1), urgent: make(chan struct{}, 1),
		dirty: dirty{now: opt.Now}, conditions: conditions{seed: maphash.MakeSeed()},
	}
	if err := in.catchUp(); err != nil {
		stop()
		return nil, err
	}
	current, err := in.checkKeys()
	if err != nil {
		stop()
		return nil, err
	}
	in.searchable.Store(current)
	go in.follow(ctx)
	go in.keyAnew(ctx)
	return in, nil
}

// catchUp marks what the derived forms have not seen yet.
func (in *Ingest) catchUp() error {
	position, err := in.opt.Timelines.Position()
	if err != nil {
		return fmt.Errorf("ingest: position of the timelines: %w", err)
	}
	if head := in.opt.Store.Head(); in.opt.Index.Position() > head || position > head {
		// The store is an older one, put back in the place of the one they followed.
		if err := in.opt.Index.Reset(); err != nil {
			return fmt.Errorf("ingest: emptying the index: %w", err)
		}
	}
	if err := in.markFailed(); err != nil {
		return err
	}
	in.opened = in.opt.Store.Head()
	in.resume = min(position, in.opened)
	in.caught = min(position, in.opt.Index.Position())
	graves := map[[16]byte]bool{}
	for c, err := range in.opt.Store.Changes(in.caught) {
		if err != nil {
			return fmt.Errorf("ingest: reading the change log: %w", err)
		}
		if c.Erased {
			graves[c.Tombstone] = true
			continue
		}
		in.dirty.mark(in.affected(c.Type, c.ID, c.Patient)...)
	}
	in.bury(graves)
	return nil
}

// bury marks the patients in the index whom the store has erased. Their ids are
// nowhere else any more.
func (in *Ingest) bury(graves map[[16]byte]bool) {
	if len(graves) == 0 {
		return
	}
	in.erased = true
	view := in.opt.Index.View()
	for ordinal := range view.Everybody().All() {
		if id := view.Patient(ordinal).ID; graves[in.opt.Store.Tombstone(id)] {
			in.dirty.mark(id)
		}
	}
}

// purge takes the words of erased patients out of the index's files. It comes
// before anything that moves the saved position, so that a crash repeats it.
func (in *Ingest) purge(ctx context.Context) error {
	in.mu.Lock()
	erased := in.erased
	in.erased = false
	in.mu.Unlock()
	if !erased {
		return nil
	}
	err := in.opt.Store.Sync()
	if err == nil {
		err = in.opt.Index.Purge(ctx)
	}
	if err != nil {
		in.mu.Lock()
		in.erased = true
		in.mu.Unlock()
		return fmt.Errorf("ingest: erasing from the index: %w", err)
	}
	return nil
}

// SetEncoder makes vectors of later updates with e. Call [Ingest.Revector] to
// give every patient a new one.
func (in *Ingest) SetEncoder(e Encoder) { in.encoder.Store(&e) }

// Refresh has every timeline and the index rebuilt from the store, in the
// background. It returns how many patients there are.
func (in *Ingest) Refresh() (patients int, err error) {
	for p, err := range in.opt.Store.Patients() {
		if err != nil {
			return patients, fmt.Errorf("ingest: listing patients: %w", err)
		}
		in.dirty.mark(p)
		patients++
	}
	in.hurry()
	return patients, nil
}

// Lag is the number of changes that the derived forms have not followed yet,
// and the error that keeps them from it, if any.
func (in *Ingest) Lag() (changes uint64, failure error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.failure != nil {
		return in.opt.Store.Head() - in.caught, in.failure
	}
	return in.opt.Store.Head() - in.caught, in.failing()
}

// Wait returns when everything committed before the call has been followed.
func (in *Ingest) Wait(ctx context.Context) error { return in.WaitFor(ctx, nil) }

// WaitFor is Wait with progress over the patients that were to be rebuilt.
func (in *Ingest) WaitFor(ctx context.Context, progress func(done, total int)) error {
	target, total := in.opt.Store.Head(), in.dirty.size()
	in.mu.Lock()
	goal := in.started
	if in.dirty.anyWaiting() || in.caught < target {
		goal++ // a round that has not begun yet
	}
	in.mu.Unlock()
	for {
		in.mu.Lock()
		followed := in.ended >= goal && in.caught >= target
		done, failure, round := followed && in.vectors == nil, in.failure, in.round
		in.mu.Unlock()
		if progress != nil && total > 0 {
			progress(max(0, total-in.dirty.size()), total)
		}
		if done {
			return nil
		}
		if failure != nil {
			return fmt.Errorf("ingest: waiting for the index: %w", failure)
		}
		if !followed {
			in.hurry()
		}
		select {
		case <-round:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Close stops the follower after the round at hand and flushes the index.
func (in *Ingest) Close() error {
	in.stop()
	<-in.done
	<-in.rekeyed
	return in.flush()
}

func (in *Ingest) hurry() {
	select {
	case in.urgent <- struct{}{}:
	default:
	}
}
