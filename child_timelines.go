package ember

import (
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"ember/record"
	"ember/store"
	"ember/timelines"
)

// all are the timelines in the checkpoint by patient's id, so that what is learned
// does not depend on the key by which the store puts them in order. A damaged one
// is left out and noted; any other error ends them and is kept as the failure.
func (c *child) all() iter.Seq[record.Timeline] {
	return func(yield func(record.Timeline) bool) {
		if c.patients == nil && !c.list() {
			return
		}
		for i, id := range c.patients {
			chart, err := c.timelines.Get(id)
			switch {
			case damaged(err):
				c.leaveOut(id, i)
			case err != nil:
				c.fail(err)
				return
			default:
				if !yield(chart.Timeline) {
					return
				}
			}
		}
	}
}

// list finds the patients; ok is false when they cannot be read.
func (c *child) list() (ok bool) {
	patients, place := []string{}, 0
	for t, err := range c.timelines.All() {
		place++
		switch {
		case damaged(err):
			c.leaveOut(t.Person.ID, place)
		case err != nil:
			c.fail(err)
			return false
		default:
			patients = append(patients, t.Person.ID)
		}
	}
	slices.Sort(patients)
	c.patients = patients
	return true
}

func damaged(err error) bool {
	return errors.Is(err, timelines.ErrFormat) || errors.Is(err, store.ErrCorrupt)
}

func (c *child) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failure = err
}

// leaveOut notes a damaged timeline, once however often it is met: by a keyed
// hash of the patient's id, or, where even that cannot be read, by its place.
func (c *child) leaveOut(patient string, place int) {
	name := fmt.Sprintf("unreadable-%d", place)
	if patient != "" {
		name = hex.EncodeToString(c.store.HMAC([]byte(patient))[:8])
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.damaged == nil {
		c.damaged = map[string]struct{}{}
	}
	c.damaged[name] = struct{}{}
}

func (c *child) leftOut() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.damaged))
}

func (c *child) err(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure != nil {
		return c.failure
	}
	return err
}

// damagedText says in words which timelines were left out, "" for none.
func damagedText(keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	const most = 10
	more := ""
	if len(keys) > most {
		more = fmt.Sprintf(" and %d more", len(keys)-most)
	}
	return fmt.Sprintf("left out, because their timelines are damaged: %d patients (%s%s)\n", len(keys), strings.Join(keys[:min(len(keys), most)], ", "), more)
}
