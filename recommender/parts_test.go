package recommender

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
)

// kept are parts in memory; stop, if set, is called once so many have been put.
type kept struct {
	mu    sync.Mutex
	parts map[string][]byte
	taken int
	after int
	stop  func()
}

func (k *kept) Get(name string) ([]byte, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	b, ok := k.parts[name]
	if ok {
		k.taken++
	}
	return b, ok
}

func (k *kept) Put(name string, part []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.parts[name] = part
	if len(k.parts) == k.after && k.stop != nil {
		k.stop()
	}
	return nil
}

// TestTrainingGoesOn stops a training after each of its parts; what goes on from there
// comes to the same version. Other data, another seed or damage take up nothing.
func TestTrainingGoesOn(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // so that it stops between parts
	w := world{patients: 150, seed: 2}
	whole := trained(t, w, quick())
	run := func(ctx context.Context, w world, opt TrainOptions, k *kept) (*Artifact, error) {
		opt.Parts = k
		return train(ctx, w.seq(), noTerms{}, opt, nil)
	}
	all := &kept{parts: map[string][]byte{}}
	if _, err := run(t.Context(), w, quick(), all); err != nil {
		t.Fatal(err)
	}
	if len(all.parts) < 3 {
		t.Fatalf("%d parts", len(all.parts))
	}
	for after := 1; after < len(all.parts); after++ {
		ctx, cancel := context.WithCancel(t.Context())
		k := &kept{parts: map[string][]byte{}, after: after, stop: cancel}
		if _, err := run(ctx, w, quick(), k); !errors.Is(err, context.Canceled) {
			t.Fatalf("after %d parts: %v", after, err)
		}
		a, err := run(t.Context(), w, quick(), k)
		if err != nil || a.Version != whole.Version || k.taken != after || len(k.parts) != len(all.parts) {
			t.Errorf("after %d parts: %v, %d taken, %d in the end", after, err, k.taken, len(k.parts))
		}
	}
	other := quick()
	other.Seed++
	for name, part := range all.parts {
		all.parts[name] = part[:len(part)-1]
	}
	for what, opt := range map[string]TrainOptions{"damaged": quick(), "another seed": other} {
		all.taken = 0
		a, err := run(t.Context(), w, opt, all)
		if err != nil {
			t.Fatal(err)
		}
		if what == "damaged" && a.Version != whole.Version || what != "damaged" && all.taken != 0 {
			t.Errorf("%s: version %s of %s, %d taken", what, a.Version, whole.Version, all.taken)
		}
	}
}
