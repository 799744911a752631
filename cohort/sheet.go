package cohort

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"ember/index"
)

// Sheet stands for a sample: a table of patients with what a study knows of each: who is in it,
// in which group, how long until what. It keeps sums of hashes by which the guard
// tells how many patients two samples differ in, whatever the questions were that led to
// them. The zero Sheet is empty.
type Sheet struct{ sums [sampleCells]uint32 }

// sampleCells is how many sums a sample has. Two that differ in 6 patients pass for
// nearby in one of 70 cases, in 12 in less than one of 10^10.
const sampleCells = 1024

// Add adds a patient once, with the row that is known of him.
func (s *Sheet) Add(ord uint32, row ...uint64) {
	h := mixed(uint64(ord) + 1)
	cell := h % sampleCells
	for _, v := range row {
		h = mixed(h ^ v)
	}
	s.sums[cell] += uint32(mixed(h)>>32) | 1
}

func (s *Sheet) content() []byte {
	b := make([]byte, 0, 4*sampleCells)
	for _, v := range s.sums {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

// mixed spreads the bits of a number (splitmix64).
func mixed(v uint64) uint64 {
	v += 0x9e3779b97f4a7c15
	v = (v ^ v>>30) * 0xbf58476d1ce4e5b9
	v = (v ^ v>>27) * 0x94d049bb133111eb
	return v ^ v>>31
}

// near reports whether two samples differ in so few patients that they are one question.
func (s *Sheet) near(o *Sheet) bool {
	apart := 0
	for i := range s.sums {
		if s.sums[i] != o.sums[i] {
			if apart++; apart > nearby {
				return false
			}
		}
	}
	return true
}

// keptSheet is a sample with the answer that was given.
type keptSheet struct {
	sample *Sheet

	mu     sync.Mutex
	answer []byte // JSON; nil = not made yet
}

// Once gives a principal the answer on a sample: that of the first sample of the kind today
// that differs from this one in five patients or fewer, else a new one that
// make makes, at the price of a question. The answer passes through JSON into into, so
// that it is the same whoever made it. It must hold everything that may be asked of
// the sample in another form, or two forms would be two questions.
func (s *Service) Once(principal string, now time.Time, kind string, sample *Sheet, into any, make func(Cells) (any, error)) error {
	one, cells, err := s.guard.sample(principal, index.Day(now), kind, sample)
	if err != nil {
		return err
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	if one.answer == nil {
		answer, err := make(cells)
		if err != nil {
			return err
		}
		if one.answer, err = json.Marshal(answer); err != nil {
			return fmt.Errorf("cohort: keeping an answer: %w", err)
		}
		if err := s.guard.keep(principal, index.Day(now), kind, one); err != nil {
			return err
		}
	}
	if err := json.Unmarshal(one.answer, into); err != nil {
		return fmt.Errorf("cohort: reading an answer: %w", err)
	}
	return nil
}

// sample finds the sample of a kind that is near, or adds it.
func (g *Guard) sample(principal string, today int32, kind string, sample *Sheet) (one *keptSheet, cells Cells, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l, err := g.today(principal, today)
	if err != nil {
		return nil, cells, err
	}
	for _, had := range l.samples[kind] {
		if had.sample.near(sample) {
			return had, g.noise.cells(l.spent, principal, today, had.sample.content), nil
		}
	}
	if l.asked >= g.budget || l.bytes > ledgerBytes {
		return nil, cells, ErrBudget
	}
	kept := *sample
	one = &keptSheet{sample: &kept}
	cells = g.noise.cells(l.spent, principal, today, kept.content)
	l.asked++
	l.bytes += 4 * sampleCells
	l.samples[kind] = append(l.samples[kind], one)
	return one, cells, nil
}

// keep writes an answer into the book.
func (g *Guard) keep(principal string, today int32, kind string, one *keptSheet) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	l, err := g.today(principal, today)
	if err != nil {
		return err
	}
	l.bytes += len(one.answer)
	if g.book == nil {
		return nil
	}
	return g.write(l, entry{Principal: principal, Day: today, Kind: kind, Sums: one.sample.sums[:], Answer: one.answer})
}
