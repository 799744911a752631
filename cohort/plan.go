package cohort

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ember/index"
	"ember/record"
)

// plan is the work on one question over one view.
type plan struct {
	e        *Engine
	ctx      context.Context //nolint // a plan lives as long as the call it serves
	v        index.View
	now      time.Time
	today    int32
	warnings []Warning
	meant    []Meaning

	// What was made ready is kept where one definition is asked of many timelines;
	// nil: it is not.
	made      map[*Event]*madeLeaf
	sequences map[*Criterion]*sequence

	named     bool
	reference func(set, everybody index.Set) (index.Set, error)
}

// node is a criterion that is ready to be evaluated.
type node interface {
	// eval gives the patients of within who meet it.
	eval(p *plan, within index.Set) (index.Set, error)
	// cost is about what eval costs, in postings.
	cost() float64
}

func (p *plan) node(c *Criterion) (node, error) {
	switch {
	case c.All != nil:
		list, err := p.nodes(c.All)
		if err != nil {
			return nil, err
		}
		slices.SortStableFunc(list, func(a, b node) int { return cmp.Compare(a.cost(), b.cost()) })
		return allNode(list), nil
	case c.Any != nil:
		list, err := p.nodes(c.Any)
		return anyNode(list), err
	case c.Not != nil:
		inner, err := p.node(c.Not)
		return notNode{inner}, err
	case c.Event != nil:
		return p.leaf(c.Event)
	case c.Sequence != nil:
		return p.sequenceNode(c)
	case c.Age != nil:
		return ageNode{*c.Age}, nil
	case c.Sex != "":
		return setNode{p.sexes(c.Sex), false}, nil
	case c.Life != "":
		return setNode{p.v.Dead(), c.Life == "alive"}, nil
	case c.Note != nil:
		return noteNode{c.Note}, nil
	case c.Like != nil:
		return p.likeNode(c)
	case c.Score != nil:
		return p.scoreNode(c)
	}
	return p.savedNode(c)
}

func (p *plan) nodes(list []Criterion) ([]node, error) {
	out := make([]node, len(list))
	for i := range list {
		var err error
		if out[i], err = p.node(&list[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (p *plan) sexes(name string) index.Set {
	for _, s := range [...]record.Sex{0, record.Female, record.Male, record.Other} {
		if s.String() == name {
			return p.v.Sex(s)
		}
	}
	return index.Set{}
}

// allNode has its cheapest first.
type allNode []node

func (n allNode) cost() float64 { return n[0].cost() }

func (n allNode) eval(p *plan, within index.Set) (index.Set, error) {
	for _, one := range n {
		if within.Empty() {
			return within, p.ctx.Err()
		}
		var err error
		if within, err = one.eval(p, within); err != nil {
			return index.Set{}, err
		}
	}
	return within, nil
}

type anyNode []node

func (n anyNode) cost() (sum float64) {
	for _, one := range n {
		sum += one.cost()
	}
	return sum
}

func (n anyNode) eval(p *plan, within index.Set) (index.Set, error) {
	found := index.Set{}
	for _, one := range n {
		set, err := one.eval(p, within.AndNot(found))
		if err != nil {
			return index.Set{}, err
		}
		found = found.Or(set)
	}
	return found, nil
}

type notNode struct{ of node }

// cost puts what takes away behind what leaves few.
func (n notNode) cost() float64 { return 1.5 * n.of.cost() }

func (n notNode) eval(p *plan, within index.Set) (index.Set, error) {
	set, err := n.of.eval(p, within)
	return within.AndNot(set), err
}

// setNode is a set that is there already, or who is not in it.
type setNode struct {
	set index.Set
	not bool
}

func (n setNode) cost() float64 { return float64(n.set.Len()) / 64 }

func (n setNode) eval(p *plan, within index.Set) (index.Set, error) {
	if n.not {
		return within.AndNot(n.set), p.ctx.Err()
	}
	return within.And(n.set), p.ctx.Err()
}

type ageNode struct{ r Range }

func (n ageNode) cost() float64 { return 20_000 }

// oldest is above all ages.
const oldest = 200

func (n ageNode) eval(p *plan, within index.Set) (index.Set, error) {
	low, high := 0, oldest
	for low <= oldest && !n.r.holds(float64(low)) {
		low++
	}
	for high >= 0 && !n.r.holds(float64(high)) {
		high--
	}
	if within.Len() <= fewPeople {
		return p.aged(within, low, high), p.ctx.Err()
	}
	dead := within.And(p.v.Dead())
	living := within.AndNot(dead)
	year := p.now.UTC().Year()
	first := year - high
	if high == oldest {
		first = 1
	}
	sure := living.And(p.v.Born(first, year-low-1))
	unsure := index.Union(living.And(p.v.Born(year-low, year-low)), living.And(p.v.Born(year-high-1, year-high-1)), dead)
	return sure.Or(p.aged(unsure, low, high)), p.ctx.Err()
}

// fewPeople is up to how many people are looked at one by one.
const fewPeople = 50_000

// aged are the patients of a set who are from low to high years old.
func (p *plan) aged(set index.Set, low, high int) index.Set {
	today := p.now.UTC()
	born := func(years int) index.Birth {
		year := max(today.Year()-years, 1)
		return index.BirthOn(record.Date{Year: int16(year), Month: uint8(today.Month()), Day: uint8(today.Day())})
	}
	after, until := born(high+1), born(low)
	kept := set.Slice()
	n := 0
	for _, ord := range kept {
		b := p.v.Birth(ord)
		ok := b > after && b <= until
		if b.Dead() {
			age, known := ageNow(p.v.Patient(ord), p.now)
			ok = known && age >= low && age <= high
		}
		if ok {
			kept[n] = ord
			n++
		}
	}
	return index.NewSet(kept[:n]...)
}

// ageNow is the age in completed years, of the dead at death where that is known.
func ageNow(who index.Patient, now time.Time) (int, bool) {
	if who.Dead && who.Died != index.NoDay {
		now = timeOf(who.Died)
	}
	return who.Born.AgeAt(now)
}

func timeOf(day int32) time.Time { return time.Unix(int64(day)*86400, 0).UTC() }

type noteNode struct{ note *Note }

func (n noteNode) cost() float64 { return 1e9 }

func (n noteNode) eval(p *plan, within index.Set) (index.Set, error) {
	said, denied, err := p.v.Says(p.ctx, n.note.Phrase, within)
	if err != nil {
		return index.Set{}, fmt.Errorf("cohort: reading notes: %w", err)
	}
	if n.note.Denied {
		return denied, nil
	}
	return said, nil
}

// savedNode is the set of the members of a saved cohort who are still there.
func (p *plan) savedNode(c *Criterion) (node, error) {
	ids, err := p.e.opt.Saved(p.ctx, c.Cohort)
	if errors.Is(err, ErrNotFound) {
		return nil, c.at.fail("GET /v1/cohorts lists what is saved", "no cohort is saved under this name")
	}
	if err != nil {
		return nil, err
	}
	ords := make([]uint32, 0, len(ids))
	for _, id := range ids {
		if ord, ok := p.v.Ordinal(id); ok {
			ords = append(ords, ord)
		}
	}
	return setNode{index.NewSet(ords...), false}, nil
}
