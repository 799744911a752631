package recommender

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"slices"
	"testing"

	"ember/record"
)

func quick() TrainOptions { return TrainOptions{Seed: 7, BootstrapReps: 200} }

func trained(t testing.TB, w world, opt TrainOptions) *Artifact {
	t.Helper()
	a, err := train(context.Background(), w.seq(), noTerms{}, opt, nil)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestTrainingBeatsTheBaseline(t *testing.T) {
	a := trained(t, world{patients: 400, seed: 1}, quick())
	r := a.Report()
	t.Logf("%+v", r)
	if r.Difference.Low <= 0 {
		t.Errorf("ranker over baseline: %v", r.Difference)
	}
	for _, w := range r.Wants {
		if w.Difference.Value < 0 {
			t.Errorf("%s: below the baseline by %v", w.Want, w.Difference)
		}
	}
}

func TestTrainingDoesNotDependOnTheMachine(t *testing.T) {
	first := trained(t, world{patients: 150, seed: 2}, quick())
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	second := trained(t, world{patients: 150, seed: 2}, quick())
	if first.Version != second.Version {
		t.Errorf("versions %s and %s of the same data and seed", first.Version, second.Version)
	}
}

func TestArtifactReadsWhatItWrote(t *testing.T) {
	a := trained(t, world{patients: 150, seed: 2}, quick())
	var b bytes.Buffer
	n, err := a.WriteTo(&b)
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("wrote %d of %d: %v", n, b.Len(), err)
	}
	back, err := readArtifact(bytes.NewReader(b.Bytes()), noTerms{})
	if err != nil {
		t.Fatal(err)
	}
	if back.Version != a.Version {
		t.Errorf("version %s became %s", a.Version, back.Version)
	}
	for i := 0; i < b.Len(); i += 1 + b.Len()/200 {
		damaged := slices.Clone(b.Bytes())
		damaged[i] ^= 0x40
		if _, err := readArtifact(bytes.NewReader(damaged), noTerms{}); err == nil {
			t.Fatalf("byte %d damaged: no error", i)
		}
	}
	if _, err := readArtifact(bytes.NewReader(b.Bytes()[:b.Len()/2]), noTerms{}); !errors.Is(err, errFormat) {
		t.Errorf("half an artifact: %v", err)
	}
}

func TestOptedOutPatientsLeaveNoTrace(t *testing.T) {
	timelines := world{patients: 150, seed: 3}.timelines()
	secret := record.Code{System: "drug", Value: "marker", Display: "marker"}
	shy := world{patients: 200, seed: 99}.timeline(1)
	shy.Person.OptOut = true
	for i := range shy.Events {
		if shy.Events[i].Kind == record.Medication {
			shy.Events[i].Concept = secret
		}
	}
	with, err := train(context.Background(), slices.Values(append(slices.Clone(timelines), shy)), noTerms{}, quick(), nil)
	if err != nil {
		t.Fatal(err)
	}
	without, err := train(context.Background(), slices.Values(timelines), noTerms{}, quick(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if with.Version != without.Version || with.Knows(record.Medication, secret) {
		t.Error("a patient who refused is in the artifact")
	}
}

func TestTrainingNeedsDecisions(t *testing.T) {
	_, err := train(context.Background(), slices.Values([]record.Timeline{}), noTerms{}, quick(), nil)
	if !errors.Is(err, ErrNoDecisions) {
		t.Errorf("nothing to learn from: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := train(ctx, world{patients: 20, seed: 1}.seq(), noTerms{}, quick(), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// The baseline of the last visit puts what was ordered in the encounter before
// ahead of all else.
func TestCarryOverIsTheLastVisit(t *testing.T) {
	a := shared(t)
	seen := 0
	for i := range 40 {
		line := world{patients: 600, seed: 5}.timeline(i)
		for s := range Samples(line, nil) {
			last := previous(s.Past.Encounters(), s.Visit)
			if last == "" || s.Visit.Stay() {
				continue
			}
			ordered := map[conceptKey]bool{}
			for _, e := range s.Past.Events() {
				if e.Encounter == last {
					ordered[keyOf(e.Kind, e.Concept)] = true
				}
			}
			scoring, err := a.Score(t.Context(), s, Treatments)
			if err != nil {
				t.Fatal(err)
			}
			for k, z := range scoring.Scores[carryOver] {
				kind, c := a.Label(Treatments, scoring.Labels[k])
				if ordered[keyOf(kind, c)] != (z > 5) {
					t.Fatalf("patient %d: %v, ordered in the visit before: %t, has score %g", i, c, ordered[keyOf(kind, c)], z)
				}
				if z > 5 {
					seen++
				}
			}
		}
	}
	if seen == 0 {
		t.Error("nothing was ordered in the visit before")
	}
}
