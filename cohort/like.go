package cohort

import (
	"context"
	"errors"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ember/index"
)

// Like asks for those of whoever meets the rest of a definition that are most like a
// patient, or most like the members of a saved cohort, by the vectors of the index:
// the direction of the members' vectors stands for a cohort. Whom they are compared
// with is not among them. One of Patient and Cohort is set.
//
// It stands alone or beside other criteria that all hold, once: "most like" is said of
// whom the others leave.
type Like struct {
	Patient string `json:"patient,omitempty"` // "123" or "Patient/123"
	Cohort  string `json:"cohort,omitempty"`  // name of a saved cohort
	Top     int    `json:"top,omitempty"`     // how many, 1 to 10,000; 0 = 200
}

// ErrUnnamed is returned for a definition that names a patient where whoever asks may
// not; see [Question].
var ErrUnnamed = errors.New("cohort: the definition names a patient")

// patientID is FHIR's rule for ids.
var patientID = regexp.MustCompile(`^[A-Za-z0-9.\-]{1,64}$`)

const (
	defaultTop = 200
	mostTop    = 10_000
)

func (l *Like) id() string { return strings.TrimPrefix(l.Patient, "Patient/") }

func (l *Like) top() int {
	if l.Top == 0 {
		return defaultTop
	}
	return l.Top
}

// Named are the ids of the patients that a definition names.
func Named(c Criterion) []string {
	var ids []string
	walkCriteria(&c, func(c *Criterion) {
		if c.Like != nil && c.Like.Patient != "" {
			ids = append(ids, c.Like.id())
		}
	})
	return ids
}

func walkCriteria(c *Criterion, visit func(*Criterion)) {
	visit(c)
	for _, list := range [][]Criterion{c.All, c.Any} {
		for i := range list {
			walkCriteria(&list[i], visit)
		}
	}
	if c.Not != nil {
		walkCriteria(c.Not, visit)
	}
}

// likes checks that what asks for the most similar stands where it can be answered.
func (k *checker) likes(root *Criterion) {
	n := 0
	walkCriteria(root, func(c *Criterion) {
		if c.Like == nil {
			return
		}
		if n++; n > 1 {
			k.fail(c.at, "save one as a cohort and ask for it with cohort:NAME", "likeness is asked for twice")
		}
		if c != root && !slices.ContainsFunc(root.All, func(o Criterion) bool { return o.Like == c.Like }) {
			k.fail(c.at, "put it beside the other criteria, without not, or and parentheses", "likeness is said of whom all other criteria leave")
		}
	})
}

func (k *checker) like(c *Criterion) {
	l := c.Like
	switch {
	case (l.Patient == "") == (l.Cohort == ""):
		k.fail(c.at, "write like:Patient/123 or like:@cohort", "likeness is to a patient or to a saved cohort")
	case l.Patient != "" && !patientID.MatchString(l.id()):
		k.fail(c.at, "write like:Patient/123", "this is no patient's id")
	case l.Top < 0 || l.Top > mostTop:
		k.fail(c.at, "write top 1 to top "+strconv.Itoa(mostTop), "so many cannot be asked for")
	case l.Cohort != "" && k.e.opt.Saved == nil:
		k.fail(c.at, "", "no cohorts are saved here")
	}
}

// likeNode keeps the nearest of whom it is given. Its cost puts it behind all others.
type likeNode struct {
	whom index.Set // not among them
	vec  []float32
	top  int
}

func (n likeNode) cost() float64 { return math.MaxFloat64 }

func (n likeNode) eval(p *plan, within index.Set) (index.Set, error) {
	within = within.AndNot(n.whom)
	near := p.v.Nearest(n.vec, n.top, &within)
	ords := make([]uint32, len(near))
	for i := range near {
		ords[i] = near[i].Patient
	}
	return index.NewSet(ords...), p.ctx.Err()
}

// likeNode finds whom others are compared with.
func (p *plan) likeNode(c *Criterion) (likeNode, error) {
	n := likeNode{top: c.Like.top()}
	var err error
	if c.Like.Patient != "" {
		n.whom, err = p.onePatient(c)
	} else {
		n.whom, err = p.likeCohort(c)
	}
	if err != nil {
		return n, err
	}
	if n.vec, _ = p.v.Mean(n.whom); n.vec == nil {
		return n, c.at.fail("ember train makes the vectors that patients are compared by", "nothing is known by which others could be compared")
	}
	return n, nil
}

func (p *plan) onePatient(c *Criterion) (index.Set, error) {
	if !p.named {
		return index.Set{}, ErrUnnamed
	}
	ord, ok := p.v.Ordinal(c.Like.id())
	if !ok || p.v.Patient(ord).OptOut {
		return index.Set{}, c.at.fail("", "this patient is not there, or refuses use beyond the own care")
	}
	return index.NewSet(ord), nil
}

// likeCohort is who is in a saved cohort. To those who may not name patients it has
// eleven members or more, and goes by the guard, so that cohorts that differ by a
// described person have the same most similar.
func (p *plan) likeCohort(c *Criterion) (index.Set, error) {
	saved, err := p.savedNode(&Criterion{Cohort: c.Like.Cohort, at: c.at})
	if err != nil {
		return index.Set{}, err
	}
	set := saved.(setNode).set.AndNot(p.v.OptedOut())
	if p.named {
		return set, nil
	}
	if p.reference != nil {
		if set, err = p.reference(set, p.v.Everybody().AndNot(p.v.OptedOut())); err != nil {
			return index.Set{}, err
		}
	}
	if set.Len() < minCell {
		return index.Set{}, c.at.fail("save a larger one", "the cohort has 10 patients or fewer")
	}
	return set, nil
}

// maxShared is how many shared concepts are named.
const maxShared = 20

// like says whether the patient is among the most similar, how similar, and which of
// what is on record is shared. A concept weighs as much as it is rare: the natural
// logarithm of how many patients there are for each who has it, times the share of
// those compared with who have it.
func (w *witness) like(c *Criterion, r *Reason) error {
	n, err := w.p.likeNode(c)
	if err != nil {
		return err
	}
	ord, ok := w.p.v.Ordinal(w.t.Person.ID)
	if !ok {
		return nil
	}
	set, err := w.p.e.matched(w.p, w.root)
	if err != nil {
		return err
	}
	r.Holds = set.Contains(ord)
	if vec := w.p.v.Vector(ord); vec != nil {
		score := 0.0
		for i, x := range vec {
			score += float64(x) * float64(n.vec[i])
		}
		r.Evidence = append(r.Evidence, Evidence{Source: "Patient/" + w.t.Person.ID, Kind: "likeness", Value: &score})
	}
	r.Evidence = append(r.Evidence, w.shared(n.whom)...)
	return nil
}

// shared are the latest events of the concepts that those of a set have too, the
// heaviest first.
func (w *witness) shared(whom index.Set) []Evidence {
	everybody := w.p.v.Everybody().Len()
	var all []Evidence
	seen := map[index.ConceptKey]bool{}
	for i := len(w.facts) - 1; i >= 0; i-- {
		f := &w.facts[i]
		key := index.ConceptKey{Kind: f.form.Kind, System: f.form.Concept.System, Value: f.form.Concept.Value}
		if f.event == nil || seen[key] {
			continue
		}
		seen[key] = true
		have := w.p.v.Patients(f.form.Kind, f.form.Concept)
		both := have.AndLen(whom)
		if both == 0 {
			continue
		}
		weight := float64(both) / float64(whom.Len()) * math.Log(float64(everybody)/float64(have.Len()))
		e := f.evidence("")
		e.Weight = &weight
		all = append(all, e)
	}
	slices.SortStableFunc(all, func(a, b Evidence) int {
		switch {
		case *a.Weight > *b.Weight:
			return -1
		case *a.Weight < *b.Weight:
			return 1
		}
		return strings.Compare(a.Source, b.Source)
	})
	return all[:min(len(all), maxShared)]
}

// match is [Engine.Match] for a principal: what others are compared with goes by the
// guard as cohorts do.
func (s *Service) match(ctx context.Context, principal string, q Question) (Matched, error) {
	today := index.Day(q.Now)
	q.reference = func(set, everybody index.Set) (index.Set, error) {
		t, err := s.guard.tell(principal, today, set, everybody)
		if err != nil {
			return index.Set{}, err
		}
		return t.set, nil
	}
	return s.engine.Match(ctx, q)
}

// MatchFor is [Engine.Match] for a principal. Who it finds must be told by the guard alone.
func (s *Service) MatchFor(ctx context.Context, principal string, q Question) (Matched, error) {
	return s.match(ctx, principal, q)
}

// Veiled is what may be known of a saved cohort by those who may not name patients:
// the definition says that there is one, and not who.
func (s Saved) Veiled() (Saved, error) {
	c, err := Decode(s.Definition)
	if err != nil || len(Named(c)) == 0 {
		return s, err
	}
	c = veiled(c)
	s.Text = Print(c)
	s.Definition, err = Encode(c)
	return s, err
}

func veiled(c Criterion) Criterion {
	if c.Like != nil && c.Like.Patient != "" {
		like := *c.Like
		like.Patient = "Patient/…"
		c.Like = &like
	}
	c.All = slices.Clone(c.All)
	for i := range c.All {
		c.All[i] = veiled(c.All[i])
	}
	return c
}
