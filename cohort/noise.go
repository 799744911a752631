package cohort

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"sync"
)

// noise adds Laplace's noise to numbers that are told, as much as hides one patient by a
// factor of exp(epsilon) in what may be concluded (Dwork and others, TCC 2006). It is a function
// of a secret, the principal, the day, the question and the number's name, so that
// asking again gives the same. Zero: none is added.
type noise struct {
	epsilon float64
	secret  []byte
}

// spending counts the numbers that were told with noise.
type spending struct {
	mu      sync.Mutex
	numbers map[string]bool
}

// Cells are how the numbers of one answer are told: with noise where the site wants it,
// suppressed and rounded.
type Cells struct {
	noise noise
	spent *spending
	key   string
}

// cells are those of a question, which stands for itself by content: the same patients
// on the same day get the same noise.
func (n noise) cells(spent *spending, principal string, day int32, content func() []byte) Cells {
	if n.epsilon == 0 {
		return Cells{}
	}
	return Cells{n, spent, fmt.Sprintf("%d\x00%s\x00%x", day, principal, sha256.Sum256(content()))}
}

// Of is a number as it may be shown as a part of a whole. Label names it within the
// answer. With noise, it is what keeps the rest of the whole apart.
func (c Cells) Of(label string, n, whole int) Count {
	if c.noise.epsilon > 0 {
		return shownOf(c.noised(label, n), math.MaxInt32)
	}
	return shownOf(n, whole)
}

// Parts are the parts of a whole as they may be shown: where those that are suppressed
// have 1 to 10 patients together, the smallest of the others is suppressed too.
func (c Cells) Parts(label string, parts []int) []Count {
	shown := partition(parts)
	if c.noise.epsilon == 0 {
		return shown
	}
	for i := range shown {
		if !shown[i].Suppressed {
			shown[i] = shownOf(c.noised(fmt.Sprintf("%s\x00%d", label, i), parts[i]), math.MaxInt32)
		}
	}
	return shown
}

func (c Cells) noised(label string, n int) int {
	if c.noise.epsilon == 0 {
		return n
	}
	c.spent.on(c.key + "\x00" + label)
	h := hmac.New(sha256.New, c.noise.secret)
	_, _ = h.Write([]byte(c.key + "\x00" + label)) // it never fails
	// A number in (-1/2, 1/2) from 53 bits, and Laplace's distribution by its inverse.
	u := (float64(binary.LittleEndian.Uint64(h.Sum(nil))>>11)+.5)/(1<<53) - .5
	return max(0, n+int(math.Round(-math.Copysign(math.Log(1-2*math.Abs(u)), u)/c.noise.epsilon)))
}

func (s *spending) on(label string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.numbers == nil {
		s.numbers = map[string]bool{}
	}
	s.numbers[label] = true
}

func (s *spending) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.numbers)
}

// Noise says what was added to the numbers of an answer.
type Noise struct {
	Epsilon float64 // of each number
	Spent   float64 // of all different numbers that this principal was told today since the last start, at most
}

// of is what is said of the noise; nil where none is added.
func (n noise) of(spent *spending) *Noise {
	if n.epsilon == 0 {
		return nil
	}
	return &Noise{n.epsilon, n.epsilon * float64(spent.count())}
}
