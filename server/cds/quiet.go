package cds

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"ember/record"
)

// instanceLife is how long the cards of a hook instance are counted.
const instanceLife = time.Hour

// key is a key of the memory that tells nothing of what it was made of.
func (s *Service) key(parts ...string) string {
	h := hmac.New(sha256.New, s.opt.Secret)
	h.Write([]byte(strings.Join(parts, "\x00")))
	return "cds/" + hex.EncodeToString(h.Sum(nil)[:16])
}

// within keeps to the budget of the hook instance and the patient. Cards of the safety
// rules are not counted and never left out; a service that asks again for the same
// instance keeps its place.
func (s *Service) within(ctx context.Context, r *Request, cards []shown) []shown {
	if r.Service == Safety || len(cards) == 0 {
		return cards
	}
	key := s.key("instance", r.Instance, r.Patient)
	held, _, _ := s.deps.Memory.Get(ctx, key) // what is lost is counted anew
	var services []string
	if len(held) > 0 {
		services = strings.Split(string(held), ",")
	}
	if slices.Contains(services, r.Service) {
		return cards
	}
	free := max(0, s.opt.Cards-len(services))
	cards = cards[:min(len(cards), free)]
	for range cards {
		services = append(services, r.Service)
	}
	_ = s.deps.Memory.Set(ctx, key, []byte(strings.Join(services, ",")), instanceLife)
	return cards
}

// quiet remembers what was decided about, so that it is not suggested again for a while.
func (s *Service) quiet(ctx context.Context, outcomes []Outcome) {
	if s.opt.Quiet < 0 {
		return
	}
	for i := range outcomes {
		if o := &outcomes[i]; o.Want != "safety" {
			_ = s.deps.Memory.Set(ctx, s.key("decided", o.Patient, o.Service, o.Concept.Key()), []byte{1}, s.opt.Quiet)
		}
	}
}

// dismissed reports whether a suggestion was decided about lately.
func (s *Service) dismissed(ctx context.Context, r *Request, c record.Code) bool {
	if s.opt.Quiet < 0 {
		return false
	}
	_, found, _ := s.deps.Memory.Get(ctx, s.key("decided", r.Patient, r.Service, c.Key()))
	return found
}
