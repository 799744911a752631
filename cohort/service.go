package cohort

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"

	"ember/index"
	"ember/record"
	"ember/terms"
)

// Keeper keeps what is saved, sealed: a head of any form and the members, each of
// which goes when the patient is erased. It returns [ErrNotFound] for a name nothing
// is kept under.
type Keeper interface {
	Save(name string, head []byte, members []string) error
	Head(name string) ([]byte, error)
	Members(ctx context.Context, name string) ([]string, error)
}

// Shelf is what else a keeper does.
type Shelf interface {
	Names() ([]string, error)
	Delete(name string) error
}

// Service answers principals: numbers by its guard, and saved cohorts. It is safe for
// concurrent use.
type Service struct {
	engine *Engine
	guard  *Guard
	keeper Keeper
	shelf  Shelf
}

// NewService answers by an engine within so many questions per principal and day. The
// engine's saved cohorts are those of the keeper. It reads the book, where there is one.
func NewService(opt Options, budget int, keeper Keeper, shelf Shelf) (*Service, error) {
	opt.Saved = keeper.Members
	g := NewGuard(budget)
	g.noise = noise{opt.Epsilon, opt.Secret}
	if opt.Book != nil {
		if err := g.recall(opt.Book); err != nil {
			return nil, err
		}
	}
	return &Service{New(opt), g, keeper, shelf}, nil
}

// Answer is what may be told of a cohort.
type Answer struct {
	Text     string // the definition
	Count    Count
	Position uint64 // of the index that answered
	Meant    []Meaning
	Warnings []Warning
	Facets   *Facets // nil when not asked for
	Noise    *Noise  // nil = none was added
}

// Count tells a principal how many patients meet a definition.
func (s *Service) Count(ctx context.Context, principal string, q Question) (Answer, error) {
	a, _, _, err := s.answer(ctx, principal, q)
	return a, err
}

// Group is a cohort as a principal is told of it.
type Group struct {
	Answer Answer
	View   index.View
	// Set are the patients that all further numbers are made of: of those who are
	// there and do not refuse, the members of the cohort that was asked for first
	// among those that are this question to the guard.
	Set   index.Set
	Cells Cells
}

// Group is Count with the patients: they must be told in numbers of [Service.Once] or of
// the group's Cells alone.
func (s *Service) Group(ctx context.Context, principal string, q Question) (Group, error) {
	a, m, r, err := s.answer(ctx, principal, q)
	if err != nil {
		return Group{}, err
	}
	return Group{a, m.View, r.set.And(m.View.Everybody().AndNot(m.View.OptedOut())), r.cells}, nil
}

// Terms are what the engine knows of codes.
func (e *Engine) Terms() *terms.Terms { return e.opt.Terms }

func (s *Service) answer(ctx context.Context, principal string, q Question) (Answer, Matched, *told, error) {
	m, err := s.match(ctx, principal, q)
	if err != nil {
		return Answer{}, m, nil, err
	}
	r, err := s.guard.tell(principal, index.Day(q.Now), m.Set, m.View.Everybody().AndNot(m.View.OptedOut()))
	if err != nil {
		return Answer{}, m, nil, err
	}
	a := Answer{Text: Print(q.Criterion), Count: r.count, Position: m.View.Position(), Meant: m.Meant, Warnings: m.Warnings, Noise: s.guard.noise.of(r.cells.spent)}
	return a, m, r, nil
}

// Facets is Count with the parts of the cohort. Cohorts that are the same question to
// the guard have the same parts.
func (s *Service) Facets(ctx context.Context, principal string, q Question) (Answer, error) {
	a, m, r, err := s.answer(ctx, principal, q)
	if err != nil {
		return a, err
	}
	if a.Count.Suppressed {
		a.Facets = &Facets{}
		return a, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.facets == nil {
		of := m
		of.Set = r.set.And(m.View.Everybody().AndNot(m.View.OptedOut()))
		if r.facets, err = s.engine.facets(ctx, of, r.cells, q.Now); err != nil {
			r.facets = nil
			return a, err
		}
	}
	a.Facets = r.facets
	return a, nil
}

// Saved is what is known of a saved cohort.
type Saved struct {
	Name       string          `json:"name"`
	Text       string          `json:"text"`
	Definition json.RawMessage `json:"definition"`
	Made       time.Time       `json:"made"`
	By         string          `json:"by"`
	Position   uint64          `json:"position"` // of the index that it was made of
	Count      Count           `json:"count"`
	// Origin says where the members come from, where it is not the definition alone.
	Origin string `json:"origin,omitempty"`
}

var savedName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// reserved are names that stand for something else where cohorts are.
var reserved = []string{"count", "facets", "names", "why", "export", "compare", "survival", "table", "match", "periods", "attrition", "values", "aligned"}

// Save keeps the members of a cohort under a name, in the place of what was there.
func (s *Service) Save(ctx context.Context, principal, name string, q Question) (Saved, error) {
	if err := s.CheckName(name); err != nil {
		return Saved{}, err
	}
	a, m, _, err := s.answer(ctx, principal, q)
	if err != nil {
		return Saved{}, err
	}
	return s.save(principal, name, q, a, m.View, m.Set, "")
}

// CheckName reports whether a cohort may have a name; the error is an *[Error].
func (s *Service) CheckName(name string) error {
	if !savedName.MatchString(name) || slices.Contains(reserved, name) {
		return place{-1, "name"}.fail("use up to 64 of a-z, 0-9, dot, hyphen and underscore; not "+fmt.Sprint(reserved), "this is no name for a cohort")
	}
	return nil
}

// SaveSet keeps patients of a view under a name, who were chosen among those who meet a
// definition as origin says.
func (s *Service) SaveSet(_ context.Context, principal, name string, q Question, v index.View, set index.Set, origin string) (Saved, error) {
	if err := s.CheckName(name); err != nil {
		return Saved{}, err
	}
	everybody := v.Everybody().AndNot(v.OptedOut())
	set = set.And(everybody)
	r, err := s.guard.tell(principal, index.Day(q.Now), set, everybody)
	if err != nil {
		return Saved{}, err
	}
	return s.save(principal, name, q, Answer{Text: Print(q.Criterion), Count: r.count, Position: v.Position()}, v, set, origin)
}

func (s *Service) save(principal, name string, q Question, a Answer, v index.View, set index.Set, origin string) (Saved, error) {
	definition, err := Encode(q.Criterion)
	if err != nil {
		return Saved{}, err
	}
	saved := Saved{Name: name, Text: a.Text, Definition: definition, Made: q.Now.UTC(), By: principal, Position: a.Position, Count: a.Count, Origin: origin}
	head, err := json.Marshal(saved)
	if err != nil {
		return Saved{}, fmt.Errorf("cohort: saving: %w", err)
	}
	members := make([]string, 0, set.Len())
	for ord := range set.All() {
		members = append(members, v.Patient(ord).ID)
	}
	slices.Sort(members)
	if err := s.keeper.Save(name, head, members); err != nil {
		return Saved{}, err
	}
	return saved, nil
}

// Show is a saved cohort.
func (s *Service) Show(name string) (Saved, error) {
	head, err := s.keeper.Head(name)
	if err != nil {
		return Saved{}, err
	}
	var saved Saved
	if err := json.Unmarshal(head, &saved); err != nil {
		return Saved{}, fmt.Errorf("cohort: reading a saved cohort: %w", err)
	}
	return saved, nil
}

// List is what is saved, by name.
func (s *Service) List() ([]Saved, error) {
	names, err := s.shelf.Names()
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	all := make([]Saved, 0, len(names))
	for _, name := range names {
		saved, err := s.Show(name)
		if err != nil {
			return nil, err
		}
		all = append(all, saved)
	}
	return all, nil
}

// Delete forgets a saved cohort.
func (s *Service) Delete(name string) error {
	if _, err := s.keeper.Head(name); err != nil {
		return err
	}
	return s.shelf.Delete(name)
}

// Change says how a cohort differs today from what was saved. Every number is one of
// the guard's: what entered and left is shown from 11 on.
type Change struct {
	Saved    Saved
	Now      Answer
	Entered  Count
	Left     Count
	Standing Count // saved and still there
}

// Rerun asks a saved cohort's definition again.
// One that names a patient is answered only to whom named says may.
func (s *Service) Rerun(ctx context.Context, principal, name string, now time.Time, named bool) (Change, error) {
	saved, err := s.Show(name)
	if err != nil {
		return Change{}, err
	}
	if saved.Origin != "" {
		return Change{}, Bad("rerun", "match again, and compare the two", "the members of this cohort do not follow from its definition alone")
	}
	c, err := Decode(saved.Definition)
	if err != nil {
		return Change{}, err
	}
	a, m, _, err := s.answer(ctx, principal, Question{Criterion: c, Now: now, Named: named})
	if err != nil {
		return Change{}, err
	}
	had, err := s.standing(ctx, m.View, name)
	if err != nil {
		return Change{}, err
	}
	out := Change{Saved: saved, Now: a}
	everybody := m.View.Everybody().AndNot(m.View.OptedOut())
	for _, part := range []struct { // each is a number like any other, and guarded like it
		set  index.Set
		into *Count
	}{{had, &out.Standing}, {m.Set.AndNot(had), &out.Entered}, {had.AndNot(m.Set), &out.Left}} {
		r, err := s.guard.tell(principal, index.Day(now), part.set, everybody)
		if err != nil {
			return Change{}, err
		}
		*part.into = r.count
	}
	return out, nil
}

// standing are the members of a saved cohort who are there and do not refuse.
func (s *Service) standing(ctx context.Context, v index.View, name string) (index.Set, error) {
	ids, err := s.keeper.Members(ctx, name)
	if err != nil {
		return index.Set{}, err
	}
	ords := make([]uint32, 0, len(ids))
	for _, id := range ids {
		if ord, ok := v.Ordinal(id); ok {
			ords = append(ords, ord)
		}
	}
	return index.NewSet(ords...).AndNot(v.OptedOut()), nil
}

// Members are up to limit ids of a saved cohort after one, in order: those who are
// still there and do not refuse. They name patients: ask for the right first.
func (s *Service) Members(ctx context.Context, name, after string, limit int) (ids []string, more bool, err error) {
	if _, err := s.keeper.Head(name); err != nil {
		return nil, false, err
	}
	v := s.engine.opt.Index.View()
	all, err := s.keeper.Members(ctx, name)
	if err != nil {
		return nil, false, err
	}
	slices.Sort(all)
	from, found := slices.BinarySearch(all, after)
	if found {
		from++
	}
	for _, id := range all[from:] {
		ord, ok := v.Ordinal(id)
		if !ok || v.Patient(ord).OptOut {
			continue
		}
		if len(ids) == limit {
			return ids, true, nil
		}
		ids = append(ids, id)
	}
	return ids, false, nil
}

// Why says which events make a patient meet a definition. It tells of one patient:
// ask for the right first.
func (s *Service) Why(ctx context.Context, q Question, patient string) (Why, error) {
	return s.engine.Why(ctx, q, patient)
}

// Name is something that criteria can ask for.
type Name struct {
	Field string // "drug.class"
	Value string
	Label string
}

// Names are what a beginning may be completed to: classes, value sets, and concepts
// that 11 patients or more have.
func (s *Service) Names(prefix string, limit int) []Name {
	tt := s.engine.opt.Terms
	var all []Name
	for _, c := range tt.Classes() {
		label, _ := tt.ClassText(c)
		all = append(all, Name{"drug.class", c, label})
	}
	for _, set := range tt.ValueSets() {
		all = append(all, Name{"any.set", set, set})
	}
	all = append(all, s.engine.scoreNames()...)
	begins := func(n Name) bool { return prefix == "" || hasWord(n.Value, prefix) || hasWord(n.Label, prefix) }
	all = slices.DeleteFunc(all, func(n Name) bool { return !begins(n) })
	if prefix != "" && len(all) < limit {
		all = append(all, s.concepts(prefix, limit-len(all))...)
	}
	return all[:min(len(all), limit)]
}

func (s *Service) concepts(prefix string, limit int) []Name {
	var found []Name
	for _, h := range s.engine.opt.Index.View().Suggest(prefix, nil, 4*limit) {
		if h.Patients < minCell || len(found) == limit {
			continue
		}
		name := cmp.Or(printedKind[h.Kind.String()], h.Kind.String())
		found = append(found, Name{name + ".code", shortSystem(h.Code) + h.Code.Value, h.Display})
	}
	return found
}

func shortSystem(c record.Code) string {
	for _, name := range systemNames() {
		if systems[name] == c.System {
			return name + "|"
		}
	}
	return c.System + "|"
}
