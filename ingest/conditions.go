package ingest

import (
	"hash/maphash"
	"slices"
	"strings"
	"sync"
)

// conditions serialises creates on the same condition: from asking whether it is
// met until what meets it is stored. Different ones may share a lock.
type conditions struct {
	seed  maphash.Seed
	locks [64]sync.Mutex
}

// hold waits for the conditions and returns what lets them go.
func (c *conditions) hold(texts ...string) (release func()) {
	var at []int
	for _, t := range texts {
		if t != "" {
			at = append(at, int(maphash.String(c.seed, t)%uint64(len(c.locks))))
		}
	}
	slices.Sort(at) // one order for all: nobody waits in a circle
	at = slices.Compact(at)
	for _, i := range at {
		c.locks[i].Lock()
	}
	return func() {
		for _, i := range at {
			c.locks[i].Unlock()
		}
	}
}

// conditions of a Bundle's entries.
func (b *bundle) conditions() (texts []string) {
	for i := range b.entries {
		e := &b.entries[i]
		if e.IfNoneExist != "" {
			texts = append(texts, e.typ+"?"+e.IfNoneExist)
		}
		if e.Method == "PUT" && strings.Contains(e.URL, "?") {
			texts = append(texts, e.URL)
		}
	}
	return texts
}
