package cohort

import (
	"errors"
	"sort"
	"sync"

	"ember/index"
)

// ErrBudget is returned when a principal has asked for as many different cohorts as
// may be asked for in a day.
var ErrBudget = errors.New("cohort: the questions of today are used up")

// Count is a number of patients as it may be shown: rounded to a multiple of 5, or,
// from 0 to 10, not at all.
type Count struct {
	Number     int // 0 when suppressed
	Suppressed bool
}

const (
	// nearby is in how many patients two cohorts differ at most to be the same
	// question: both get the answer of the one asked first.
	nearby = 5
	// step is what counts are rounded to.
	step = 5
	// ledgerBytes bounds the sets that are remembered of a principal.
	ledgerBytes = 64 << 20
)

// Guard turns sets of patients into numbers that isolate nobody. Numbers of 0 to 10
// are suppressed, and so is a complement of 1 to 10: the whole is shown in its place.
// All others are rounded. Whoever asks for two cohorts that differ in five patients
// or fewer gets the same answer for both, whatever the questions are and whatever was
// written in between: so a cohort with and without one described person, or before
// and after one insert, cannot be told apart. The same goes for samples of study, see
// [Service.Once]. How many different cohorts and samples a principal
// may ask for in a day is bounded, so that rounding cannot be averaged away.
//
// It is safe for concurrent use. What it remembers ends with the day; a [Book] carries it
// over a restart.
type Guard struct {
	budget int
	noise  noise
	book   Book

	mu     sync.Mutex
	ledger map[string]*ledger
}

// ledger is what a principal was told today, sets by size, samples by kind.
type ledger struct {
	day      int32
	bytes    int
	asked    int // different cohorts and samples
	written  int // entries in the book
	keys     []string
	spent    *spending
	released []*release
	samples  map[string][]*keptSheet
}

// release is a set that was asked for, with what was told.
type release struct {
	size int
	set  index.Set
	told *told
}

// told is the answer for the set that was asked for first, and for all near it.
type told struct {
	number int // of the entry in the book
	set    index.Set
	count  Count
	cells  Cells

	mu     sync.Mutex
	facets *Facets
}

// NewGuard allows each principal so many different cohorts a day. It adds no noise and
// forgets all at its end.
func NewGuard(budget int) *Guard { return &Guard{budget: budget, ledger: map[string]*ledger{}} }

// today is the ledger of a principal's day. The lock is held.
func (g *Guard) today(principal string, day int32) (*ledger, error) {
	l := g.ledger[principal]
	if l != nil && l.day == day {
		return l, nil
	}
	if l != nil && g.book != nil {
		if err := g.book.Drop(l.keys); err != nil {
			return nil, err
		}
	}
	l = newLedger(day)
	g.ledger[principal] = l
	return l, nil
}

func newLedger(day int32) *ledger {
	return &ledger{day: day, spent: &spending{}, samples: map[string][]*keptSheet{}}
}

// tell is the answer for a set, of everybody who may be counted.
func (g *Guard) tell(principal string, today int32, set, everybody index.Set) (*told, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l, err := g.today(principal, today)
	if err != nil {
		return nil, err
	}
	size := set.Len()
	at := sort.Search(len(l.released), func(i int) bool { return l.released[i].size >= size-nearby })
	for ; at < len(l.released) && l.released[at].size <= size+nearby; at++ {
		r := l.released[at]
		if both := r.set.AndLen(set); r.size+size-2*both <= nearby {
			// A set is remembered even so: one cannot walk away in small steps.
			if (r.size != size || both != size) && l.bytes <= ledgerBytes {
				err = g.remember(principal, l, &release{size, set, r.told})
			}
			return r.told, err
		}
	}
	if l.asked >= g.budget || l.bytes > ledgerBytes {
		return nil, ErrBudget
	}
	t := &told{number: -1, set: set, cells: g.noise.cells(l.spent, principal, today, contentOf(set))}
	t.count = t.cells.Of("", size, everybody.Len())
	l.asked++
	return t, g.remember(principal, l, &release{size, set, t})
}

// contentOf is a set as bytes; no bytes when it cannot be written, which does not happen.
func contentOf(set index.Set) func() []byte {
	return func() []byte {
		b, _ := set.Binary()
		return b
	}
}

func (l *ledger) add(r *release) {
	at := sort.Search(len(l.released), func(i int) bool { return l.released[i].size > r.size })
	l.released = append(l.released, nil)
	copy(l.released[at+1:], l.released[at:])
	l.released[at] = r
	l.bytes += r.set.Bytes()
}

// remember adds a release to the ledger, and to the book first.
func (g *Guard) remember(principal string, l *ledger, r *release) error {
	if g.book != nil {
		set, err := r.set.Binary()
		if err != nil {
			return err
		}
		e := entry{Principal: principal, Day: l.day, Set: set, Of: r.told.number, Count: r.told.count}
		if r.told.number < 0 {
			r.told.number = l.written
		}
		if err := g.write(l, e); err != nil {
			return err
		}
	}
	l.add(r)
	return nil
}

// shownOf is a number as it may be shown as a part of a whole.
func shownOf(n, whole int) Count {
	switch {
	case n < minCell:
		return Count{Suppressed: true}
	case whole-n < minCell:
		n = whole
	}
	return Count{Number: rounded(n)}
}

func rounded(n int) int { return (n + step/2) / step * step }

// partition is the parts of a whole as they may be shown. Where the suppressed ones
// have 1 to 10 patients together, the smallest of the others is suppressed too: else
// the whole would give them away.
func partition(parts []int) []Count {
	whole, hidden := 0, 0
	for _, n := range parts {
		whole += n
		if n < minCell {
			hidden += n
		}
	}
	shown := make([]Count, len(parts))
	for i, n := range parts {
		if shown[i].Suppressed = n < minCell; !shown[i].Suppressed {
			shown[i].Number = rounded(n)
		}
	}
	for hidden > 0 && hidden < minCell {
		least := -1
		for i, n := range parts {
			if !shown[i].Suppressed && (least < 0 || n < parts[least]) {
				least = i
			}
		}
		if least < 0 {
			break
		}
		hidden += parts[least]
		shown[least] = Count{Suppressed: true}
	}
	return shown
}
