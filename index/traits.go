package index

import (
	"ember/record"

	"github.com/RoaringBitmap/roaring/v2"
)

// trait is something that patients are asked for by: a sort of trait and its value.
type trait uint32

const (
	traitBorn   trait = iota << 16 // year of birth; 0 = unknown
	traitSex    trait = iota << 16
	traitDead   trait = iota << 16
	traitOptOut trait = iota << 16

	traitSort = ^trait(0xffff)
)

// traits are the patients of a segment by trait. They never change: who has another
// trait is in a later segment.
type traits map[trait]*roaring.Bitmap

func traitsOf(patients *roaring.Bitmap, p people) traits {
	t := traits{}
	put := func(of trait, ord uint32) {
		if t[of] == nil {
			t[of] = roaring.New()
		}
		t[of].Add(ord)
	}
	for it := patients.Iterator(); it.HasNext(); {
		ord := it.Next()
		row := p.at(ord)
		put(traitBorn|trait(uint16(row.Born.Year)), ord)
		put(traitSex|trait(row.Sex), ord)
		if row.Dead {
			put(traitDead, ord)
		}
		if row.OptOut {
			put(traitOptOut, ord)
		}
	}
	return t
}

func mergeTraits(layers []layer) traits {
	out := traits{}
	for _, l := range layers {
		for of, set := range l.traits {
			if l.masked != nil {
				set = roaring.AndNot(set, l.masked)
			}
			if out[of] == nil {
				out[of] = roaring.New()
			}
			out[of].Or(set)
		}
	}
	for of, set := range out {
		if set.IsEmpty() {
			delete(out, of)
		}
	}
	return out
}

// with is the set of the patients who have a trait that is wanted.
func (v View) with(want func(trait) bool) Set {
	var found []*roaring.Bitmap
	for _, l := range v.s.layers {
		for of, set := range l.traits {
			if !want(of) {
				continue
			}
			if l.masked != nil {
				set = roaring.AndNot(set, l.masked)
			}
			found = append(found, set)
		}
	}
	if len(found) == 1 {
		return Set{found[0]}
	}
	return Set{roaring.FastOr(found...)}
}

// Sex is the set of the patients of a sex; 0 = unknown.
func (v View) Sex(s record.Sex) Set {
	return v.with(func(t trait) bool { return t == traitSex|trait(s) })
}

// Dead is the set of the patients who are known to be dead.
func (v View) Dead() Set { return v.with(func(t trait) bool { return t == traitDead }) }

// Born is the set of the patients who were born in the years from first to last.
// Who was born when nobody knows is in none.
func (v View) Born(first, last int) Set {
	return v.with(func(t trait) bool {
		year := int(int16(t))
		return t&traitSort == traitBorn && year != 0 && year >= first && year <= last
	})
}
