// Package cohort answers which patients meet a definition, how many they are, and
// why one of them does.
//
// A definition is one model, [Criterion], with three faces: Go, JSON ([Decode],
// [Encode]) and a short text ([Parse], [Print]). [Engine.Match] plans it over the
// postings of an immutable index view: the cheapest criteria first, the rest for the
// patients that are left. [Engine.Why] finds the events behind it in the patient's
// timeline. [Guard] turns sets of patients into numbers that may be shown.
//
// Days are the unit of time: an event counts on the day it began, else on the day it
// became known, in UTC. Its invariant: who refuses use beyond the own care is in no
// cohort; the same definition over the same view gives the same patients; it reads no
// clock.
package cohort

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"ember/index"
	"ember/record"
	"ember/terms"
)

// ErrInvalid is the kind of every [Error].
var ErrInvalid = errors.New("cohort: the definition cannot be used")

// ErrNotFound is returned for a cohort that is not saved and a patient who is not
// there, or refuses.
var ErrNotFound = errors.New("cohort: not found")

// Error says what is wrong with a definition, and where. Its texts hold
// names of fields, units and codes that are known to all, and no word that was asked for.
type Error struct {
	Offset int    // bytes into the text; -1 where there is none
	Path   string // into the JSON, "all[1].event.value"
	Detail string
	Hint   string // what to do, "" = nothing to say
}

// Error is the place and the detail.
func (e *Error) Error() string {
	switch {
	case e.Offset >= 0:
		return fmt.Sprintf("cohort: at %d: %s", e.Offset+1, e.Detail)
	case e.Path != "":
		return "cohort: " + e.Path + ": " + e.Detail
	}
	return "cohort: " + e.Detail
}

// Is makes every Error an [ErrInvalid].
func (e *Error) Is(target error) bool { return target == ErrInvalid }

// place is where a part of a definition was written.
type place struct {
	offset int
	path   string
}

// field is the place of a field of an object of the JSON; in a text it is that of the whole.
func (p place) field(name string) place {
	if p.offset < 0 {
		p.path = under(p.path, name)
	}
	return p
}

func (p place) fail(hint, format string, args ...any) *Error {
	return &Error{Offset: p.offset, Path: p.path, Detail: fmt.Sprintf(format, args...), Hint: hint}
}

// Options are what an engine works on.
type Options struct {
	Index *index.Index
	Terms *terms.Terms
	// Timeline opens a patient's timeline; it returns ErrNotFound for nobody.
	Timeline func(ctx context.Context, patient string) (record.Timeline, error)
	// Saved gives the members of a saved cohort, by patient id. It returns
	// ErrNotFound for a name nothing is saved under. Nil: none are saved.
	Saved func(ctx context.Context, name string) (members []string, err error)
	// Scores are what models said of patients. Nil: none are stored.
	Scores Scorer
	// Epsilon is of the noise that a service adds to each number; 0 = none. Secret is
	// what it is made from.
	Epsilon float64
	Secret  []byte
	// Book carries what was told today over a restart; nil: a restart begins the day anew.
	Book Book
}

// Engine answers definitions. It is safe for concurrent use.
type Engine struct {
	opt  Options
	seed maphash.Seed

	mu     sync.Mutex
	chosen map[uint64]*choice // by hash of what is chosen; see choose
}

// New is an engine.
func New(opt Options) *Engine {
	return &Engine{opt: opt, seed: maphash.MakeSeed(), chosen: map[uint64]*choice{}}
}

// Question is a definition asked at a moment.
type Question struct {
	Criterion Criterion
	Now       time.Time // what ages and "last" count from
	// Named: whoever asks may name patients. Without it a definition that does is
	// refused with [ErrUnnamed].
	Named bool

	// reference makes of a set that others are compared with the one to take; nil
	// takes it as it is.
	reference func(set, everybody index.Set) (index.Set, error)
}

func (e *Engine) plan(ctx context.Context, q Question) *plan {
	return &plan{e: e, ctx: ctx, v: e.opt.Index.View(), now: q.Now, today: index.Day(q.Now), named: q.Named, reference: q.reference}
}

// Warning says what a definition asks for in vain.
type Warning = Error

// Matched is who meets a definition.
type Matched struct {
	Set      index.Set
	View     index.View // that the set is of
	Warnings []Warning
	Meant    []Meaning
}

// Meaning says what a criterion's words were taken for.
type Meaning struct {
	Offset   int
	Path     string
	Asked    string // the criterion's words
	Concepts []record.Code
	Number   int // of concepts, of which at most 20 are named
}

// Match finds who meets the question, by the index as of now. The definition is
// checked first; an *[Error] says where it cannot be used. It ends with the context.
func (e *Engine) Match(ctx context.Context, q Question) (Matched, error) {
	if err := e.Check(q.Criterion); err != nil {
		return Matched{}, err
	}
	p := e.plan(ctx, q)
	set, err := e.matched(p, &q.Criterion)
	if err != nil {
		return Matched{}, err
	}
	return Matched{Set: set, View: p.v, Warnings: p.warnings, Meant: p.meant}, ctx.Err()
}

func (e *Engine) matched(p *plan, c *Criterion) (index.Set, error) {
	root, err := p.node(c)
	if err != nil {
		return index.Set{}, err
	}
	return root.eval(p, p.v.Everybody().AndNot(p.v.OptedOut()))
}
