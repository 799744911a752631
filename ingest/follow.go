package ingest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"ember/fhir"
	"ember/index"
	"ember/record"
	"ember/timelines"
)

// roundSize is how many patients are rebuilt before their timelines are put.
const roundSize = 512

// patienceFactor is how many times as long as the last round the follower waits
// for quiet at least: during a long load at most a fifth of the work is spent on
// patients of whom more is to come.
const patienceFactor = 4

// settleTime is how long nothing must happen before the index is flushed.
const settleTime = 2 * time.Second

// follow keeps timelines and index up with the store until ctx ends.
func (in *Ingest) follow(ctx context.Context) {
	defer close(in.done)
	unflushed := false
	var took time.Duration // the last round
	for {
		wait, waiting := in.dirty.due(in.opt.Quiet, max(in.opt.Patience, patienceFactor*took))
		idle := !waiting && in.caughtUp()
		if idle {
			wait = time.Hour
			if unflushed {
				wait = settleTime
			} else if in.dirty.failures() != nil {
				wait = retryTime
			}
		}
		making := in.revectoring()
		if making != nil && wait > vectorRest {
			wait = vectorRest
		} else {
			making = nil // patients first
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-in.wake:
			timer.Stop()
			continue
		case <-in.urgent:
			idle, making = false, nil
		case <-timer.C:
		}
		timer.Stop()
		switch {
		case making != nil:
			in.settle(in.encodePart(making))
			unflushed = true
		case !idle:
			began := in.opt.Now()
			in.settle(in.work(ctx))
			took = in.opt.Now().Sub(began)
			unflushed = true
		case unflushed:
			in.settle(in.flush())
			unflushed = false
		default:
			in.dirty.mark(in.dirty.failures()...)
		}
	}
}

// flush saves the index, which must not outlive what it was made from.
func (in *Ingest) flush() error {
	if err := in.opt.Store.Sync(); err != nil {
		return fmt.Errorf("ingest: saving the index: %w", err)
	}
	if err := in.opt.Index.Flush(); err != nil {
		return fmt.Errorf("ingest: saving the index: %w", err)
	}
	return nil
}

func (in *Ingest) caughtUp() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.unsettled) == 0 && in.caught >= in.dirty.reach(in.opt.Store.Head())
}

// settle publishes the end of a round. After a failure the next one waits a
// little, so that a full disk does not burn a processor.
func (in *Ingest) settle(err error) {
	if err != nil {
		time.Sleep(200 * time.Millisecond)
	}
	in.mu.Lock()
	in.failure = err
	in.mu.Unlock()
	in.tick()
}

// work rebuilds all patients that are dirty now.
func (in *Ingest) work(ctx context.Context) error {
	if err := in.settleLeft(ctx); err != nil {
		return err
	}
	head := in.opt.Store.Head()
	in.mu.Lock()
	in.started++
	patients, upTo := in.dirty.take(head)
	in.mu.Unlock()
	patients = in.withSuccessors(patients)
	err := in.rebuild(ctx, patients, upTo)
	if err == nil {
		err = in.purge(ctx)
	}
	in.dirty.done(err != nil)
	in.mu.Lock()
	defer in.mu.Unlock()
	if err != nil {
		in.started = in.ended // a waiter's goal is the next round
		return err
	}
	in.ended = in.started
	in.caught = max(in.caught, upTo)
	return nil
}

// withSuccessors adds the patients whose records replace one of these, also by way
// of others, in order: what becomes known of an old record is known of the one
// that stays.
func (in *Ingest) withSuccessors(patients []string) []string {
	given := len(patients)
	patients = in.successorsOf(patients)
	in.dirty.join(patients[given:])
	slices.Sort(patients)
	return patients
}

// successorsOf adds to the patients, behind them, whoever replaces one of them.
func (in *Ingest) successorsOf(patients []string) []string {
	seen := make(map[string]bool, len(patients))
	for _, p := range patients {
		seen[p] = true
	}
	for i := 0; i < len(patients); i++ {
		r, err := in.opt.Store.Get("Patient", patients[i])
		if err != nil {
			continue
		}
		for _, s := range in.successors(r) {
			if !seen[s] {
				seen[s] = true
				patients = append(patients, s)
			}
		}
	}
	return patients
}

// rebuild makes the timelines of patients anew and puts them. Only the last
// part moves the position, so that a crash in between repeats the round.
func (in *Ingest) rebuild(ctx context.Context, patients []string, upTo uint64) error {
	in.mu.Lock()
	before := in.caught
	in.mu.Unlock()
	for {
		n := min(roundSize, len(patients))
		position := before
		if n == len(patients) {
			position = upTo
		}
		if err := in.rebuildPart(ctx, patients[:n], position); err != nil {
			return err
		}
		if patients = patients[n:]; len(patients) == 0 {
			return nil
		}
	}
}

func (in *Ingest) rebuildPart(ctx context.Context, patients []string, position uint64) error {
	docs := make([]index.Document, len(patients))
	found, bad := make([]bool, len(patients)), make([]bool, len(patients))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(in.opt.Workers)
	for i, p := range patients {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			doc, ok, err := in.document(p)
			docs[i], found[i], bad[i] = doc, ok, err != nil
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := in.setAside(patients, bad); err != nil {
		return err
	}
	var kept []index.Document
	var puts []record.Timeline
	var removed, refused []string
	for i, doc := range docs {
		if bad[i] {
			continue
		}
		if !found[i] {
			removed = append(removed, patients[i])
			continue
		}
		kept = append(kept, doc)
		puts = append(puts, doc.Timeline)
		if doc.Timeline.Person.OptOut {
			refused = append(refused, patients[i])
		}
	}
	if len(refused) > 0 && in.opt.Refused != nil {
		in.opt.Refused(refused) // before the position says that they were seen
	}
	if in.opt.Changed != nil {
		if err := in.opt.Changed(patientsOf(puts)); err != nil {
			return fmt.Errorf("ingest: following: %w", err)
		}
	}
	if err := in.opt.Timelines.Put(puts, removed, position); err != nil {
		return fmt.Errorf("ingest: following: %w", err)
	}
	position = max(position, in.opt.Index.Position()) // the index may have been saved when the timelines were not
	if err := in.opt.Index.Apply(kept, removed, position); err != nil {
		return fmt.Errorf("ingest: following: %w", err)
	}
	in.overtaken(patients)
	in.dirty.settled(patients)
	in.tick()
	if in.opt.Followed != nil {
		in.opt.Followed()
	}
	return nil
}

func patientsOf(all []record.Timeline) []string {
	ids := make([]string, len(all))
	for i := range all {
		ids[i] = all[i].Person.ID
	}
	return ids
}

// tick lets those who wait look again.
func (in *Ingest) tick() {
	in.mu.Lock()
	defer in.mu.Unlock()
	close(in.round)
	in.round = make(chan struct{})
}

// document is what the index gets of a patient; ok is false when nothing of him
// is stored.
func (in *Ingest) document(patient string) (doc index.Document, ok bool, err error) {
	defer recovered(&err)
	doc.Timeline, doc.Notes, ok, err = in.timeline(patient)
	if err != nil || !ok {
		return doc, ok, err
	}
	if encode := in.encoder.Load(); encode != nil && *encode != nil {
		doc.Vector = (*encode)(doc.Timeline)
	}
	return doc, true, nil
}

// Chart is the timeline of a patient with every acknowledged write in it, or
// [timelines.ErrNotFound].
func (in *Ingest) Chart(patient string) (timelines.Chart, error) {
	clean := in.dirty.none() || !in.dirty.has(patient) && !slices.ContainsFunc(in.replaced(patient), in.dirty.has)
	if clean {
		c, err := in.opt.Timelines.Get(patient)
		if !errors.Is(err, timelines.ErrFormat) {
			return c, err
		}
		in.dirty.mark(patient) // damaged, or of another version of the program
		in.notify()
	}
	t, _, ok, err := in.timeline(patient)
	if err != nil {
		return timelines.Chart{}, err
	}
	if !ok {
		return timelines.Chart{}, timelines.ErrNotFound
	}
	return timelines.ChartOf(t), nil
}

// Settled reports whether the index knows all of a patient.
func (in *Ingest) Settled(patient string) bool {
	return in.dirty.none() || !in.dirty.has(patient)
}

// timeline maps the stored resources of a patient, and of the records that this
// one replaces.
func (in *Ingest) timeline(patient string) (t record.Timeline, notes []record.Note, ok bool, err error) {
	defer recovered(&err)
	var failure error
	resources := func(yield func(fhir.Resource) bool) {
		for _, id := range append([]string{patient}, in.replaced(patient)...) {
			for r, err := range in.resources(id, id == patient) {
				if err != nil {
					failure = err
					return
				}
				ok = true
				if !yield(r) {
					return
				}
			}
		}
	}
	t, notes, _ = in.opt.Mapper.Timeline(patient, resources, in.lookup)
	if failure != nil {
		return t, nil, false, fmt.Errorf("ingest: rebuilding a timeline: %w", failure)
	}
	return t, notes, ok, nil
}

// resources are a patient's resources as they are now; without self, the
// Patient resource itself is left out.
func (in *Ingest) resources(patient string, self bool) iter.Seq2[fhir.Resource, error] {
	return func(yield func(fhir.Resource, error) bool) {
		for r, err := range in.opt.Store.Patient(patient) {
			if err != nil {
				yield(fhir.Resource{}, err)
				return
			}
			if r.Deleted || !self && r.Type == "Patient" {
				continue
			}
			raw, err := current(r)
			if !yield(fhir.Resource{Ref: r.Type + "/" + r.ID, Raw: raw}, err) {
				return
			}
		}
	}
}

// lookup finds a resource that belongs to no patient, such as a Medication.
func (in *Ingest) lookup(ref string) ([]byte, bool) {
	typ, id, ok := splitRef(ref)
	if !ok {
		return nil, false
	}
	r, err := in.opt.Store.GetShared(typ, id)
	if err != nil {
		return nil, false
	}
	raw, err := current(r)
	return raw, err == nil
}
