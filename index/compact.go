package index

import (
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

const (
	// inlineMerge is the size up to which layers are merged within Apply.
	inlineMerge = 16384
	// maxLayers is the number of layers above which Apply waits for the
	// background.
	maxLayers = 32
)

// plan is from which layer on the newest layers should become one: as long as
// the next older one is less than twice as large as those after it, or where a
// third of a layer's patients are masked. Each row is thus merged about log n
// times.
func plan(layers []layer, locked int) (from int, ok bool) {
	if len(layers) <= locked {
		return 0, false
	}
	from = len(layers) - 1
	total := layers[from].size()
	for from > locked && layers[from-1].size() < 2*total {
		from--
		total += layers[from].size()
	}
	for i := locked; i < from; i++ {
		if worn(layers[i]) {
			return i, true
		}
	}
	return from, from < len(layers)-1 || worn(layers[from])
}

func worn(l layer) bool {
	return l.masked != nil && 3*l.masked.GetCardinality() > l.patients.GetCardinality()
}

// tidy merges small layers at once and leaves large ones to the background. The
// caller holds the write lock.
func (x *Index) tidy() {
	layers := x.state.Load().layers
	from, ok := plan(layers, x.merging)
	if !ok {
		return
	}
	size := 0
	for _, l := range layers[from:] {
		size += l.size()
	}
	switch {
	case size <= inlineMerge:
		x.install(from, layers[from:], merge(layers[from:]))
	case x.merging == 0:
		x.merging = len(layers)
		x.tasks.Add(1)
		go x.background(from, layers)
	}
}

// background merges until nothing is left to merge, then ends. Close waits for it.
func (x *Index) background(from int, layers []layer) {
	defer x.tasks.Done()
	for {
		merged := merge(layers[from:])
		x.write.Lock()
		x.install(from, layers[from:], merged)
		layers = x.state.Load().layers
		var ok bool
		if from, ok = plan(layers, 0); !ok || x.closed {
			x.merging = 0
			x.settled.Broadcast()
			x.write.Unlock()
			return
		}
		x.merging = len(layers)
		x.settled.Broadcast()
		x.write.Unlock()
	}
}

// await returns when nothing runs in the background. The caller holds the write
// lock.
func (x *Index) await() {
	for x.merging > 0 {
		x.settled.Wait()
	}
}

// install puts the merged segment in the place of the layers it was made from.
// Patients masked in them since are masked in it.
func (x *Index) install(from int, run []layer, merged *segment) {
	s := x.state.Load()
	since := roaring.New()
	for i, was := range run {
		now := s.layers[from+i]
		switch {
		case now.masked == nil:
		case was.masked == nil:
			since.Or(now.masked)
		default:
			since.Or(roaring.AndNot(now.masked, was.masked))
		}
	}
	var with []layer
	if since.And(merged.patients); since.IsEmpty() {
		since = nil
	}
	if !merged.patients.IsEmpty() {
		with = append(with, layer{merged, since})
	}
	layers := slices.Replace(slices.Clone(s.layers), from, from+len(run), with...)
	x.state.Store(s.next(layers, s.people, s.position))
}
