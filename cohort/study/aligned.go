package study

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"ember/cohort"
	"ember/index"
	"ember/record"
)

// AlignedQuestion asks what happens to the patients of a cohort before and after an event.
type AlignedQuestion struct {
	Who   cohort.Criterion
	Index cohort.Criterion
	After string // a day that the index event is not before; "" = any
	Kinds []record.Kind
	Top   int // how many concepts are named; 0 = 20
	Now   time.Time
	Named bool // as of a design
}

// Aligned is the answer.
type Aligned struct {
	Told
	Windows []Window
	Rows    []AlignedRow
}

// Window is a time around the index day, in days from it, both ends in.
type Window struct {
	From, To int32
	// Observed are on record over the whole window.
	Observed cohort.Count
}

// AlignedRow is a concept, those first whose share changes most from the 90 days before the
// index day to the 90 days after it.
type AlignedRow struct {
	Kind  record.Kind
	Code  record.Code
	Cells []AlignedCell // by window
}

// AlignedCell is how many of those observed had the concept within the window.
type AlignedCell struct {
	Count cohort.Count
	Share *float64 // of those observed, by numbers as they are told
}

// windows are the same in all answers: others would be other questions of the same people.
var windows = [...][2]int32{{-365, -181}, {-180, -91}, {-90, -31}, {-30, -1}, {0, 0}, {1, 30}, {31, 90}, {91, 180}, {181, 365}}

// around is what the guard keeps.
type around struct {
	Observed [len(windows)]int
	Concepts []aroundOf
}

type aroundOf struct {
	Kind          record.Kind
	System, Value string
	N             [len(windows)]int
}

// Aligned answers a principal.
func (s *Service) Aligned(ctx context.Context, principal string, q AlignedQuestion) (Aligned, error) {
	d := Design{Groups: []Group{{Who: q.Who}}, Index: &q.Index, After: q.After, Now: q.Now, Named: q.Named}
	arms, err := s.arms(ctx, principal, d, true, inAll)
	if err != nil {
		return Aligned{}, within("who", err)
	}
	a := arms[0]
	if err := s.settle(principal, q.Now, a); err != nil {
		return Aligned{}, err
	}
	out := Aligned{Told: a.told}
	var whole around
	if err := s.cohorts.Once(principal, d.Now, "aligned", a.sample(), &whole, func(cohort.Cells) (any, error) { return a.around(ctx, d) }); err != nil {
		return Aligned{}, err
	}
	s.align(&out, &whole, a, q)
	return out, nil
}

// observed are the windows that a patient is on record for, as bits.
func (a *arm) observed(d Design) []uint16 {
	bits := make([]uint16, a.group.View.Ordinals())
	today := index.Day(d.Now)
	for _, ord := range a.ords {
		who, day := a.group.View.Patient(ord), a.index[ord]
		last := min(who.Last, today)
		if died, dead := cohort.Died(who, d.Now); dead {
			last = min(max(last, died), died)
		}
		for i, w := range windows {
			if who.First <= day+w[0] && last >= day+w[1] {
				bits[ord] |= 1 << i
			}
		}
	}
	return bits
}

func (a *arm) around(ctx context.Context, d Design) (around, error) {
	bits := a.observed(d)
	var out around
	for _, ord := range a.ords {
		for i := range windows {
			out.Observed[i] += int(bits[ord] >> i & 1)
		}
	}
	v := a.group.View
	seen := map[index.ConceptKey]bool{}
	var all []aroundOf
	for _, f := range v.Forms() {
		key := index.ConceptKey{Kind: f.Kind, System: f.Concept.System, Value: f.Concept.Value}
		if f.Kind != index.Visit && !seen[key] {
			seen[key] = true
			all = append(all, aroundOf{Kind: f.Kind, System: f.Concept.System, Value: f.Concept.Value})
		}
	}
	err := parallel(ctx, len(all), func(i int) {
		code := record.Code{System: all[i].System, Value: all[i].Value}
		if v.Patients(all[i].Kind, code).AndLen(a.set) >= least {
			a.count(&all[i], code, bits)
		}
	})
	out.Concepts = slices.DeleteFunc(all, func(c aroundOf) bool { return slices.Max(c.N[:]) < least })
	return out, err
}

// count counts the patients with a concept in each window that they are on record for.
func (a *arm) count(c *aroundOf, code record.Code, bits []uint16) {
	for _, run := range a.group.View.Runs(c.Kind, code) {
		run.Within(a.set, 0, 1<<32-1, func(ord uint32, rows []index.Posting) bool {
			had := uint16(0)
			for i := range rows {
				gap := int64(rows[i].Day) - int64(a.index[ord])
				for k, w := range windows {
					if gap >= int64(w[0]) && gap <= int64(w[1]) {
						had |= 1 << k
					}
				}
			}
			had &= bits[ord]
			for k := range windows {
				c.N[k] += int(had >> k & 1)
			}
			return true
		})
	}
}

// defaultTop is how many concepts are named where nobody says.
const defaultTop = 20

func (s *Service) align(out *Aligned, whole *around, a *arm, q AlignedQuestion) {
	for i, w := range windows {
		out.Windows = append(out.Windows, Window{w[0], w[1], a.counted(fmt.Sprint("observed\x00", i), whole.Observed[i])})
	}
	change := map[int]float64{}
	for i := range whole.Concepts {
		c := &whole.Concepts[i]
		if len(q.Kinds) > 0 && !slices.Contains(q.Kinds, c.Kind) {
			continue
		}
		row := AlignedRow{Kind: c.Kind, Code: record.Code{System: c.System, Value: c.Value}}
		var shares [len(windows)]float64
		for k, n := range c.N {
			cell := AlignedCell{Count: a.group.Cells.Of(cohort.ConceptLabel(c.Kind, row.Code)+fmt.Sprint("\x00around\x00", k), n, whole.Observed[k])}
			if of := out.Windows[k].Observed; !cell.Count.Suppressed && !of.Suppressed && of.Number > 0 {
				share := decimals(min(1, float64(cell.Count.Number)/float64(of.Number)), 3)
				cell.Share, shares[k] = &share, share
			}
			row.Cells = append(row.Cells, cell)
		}
		change[len(out.Rows)] = max(shares[5], shares[6]) - max(shares[2], shares[3])
		out.Rows = append(out.Rows, row)
	}
	order := make([]int, len(out.Rows))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(max(change[y], -change[y]), max(change[x], -change[x])) })
	rows := make([]AlignedRow, 0, len(order))
	for _, i := range order[:min(len(order), cmp.Or(q.Top, defaultTop))] {
		rows = append(rows, out.Rows[i])
	}
	names := map[index.ConceptKey]*record.Code{}
	for i := range rows {
		c := &rows[i].Code
		names[index.ConceptKey{Kind: rows[i].Kind, System: c.System, Value: c.Value}] = c
	}
	s.named(a.group.View, names)
	out.Rows = rows
}
