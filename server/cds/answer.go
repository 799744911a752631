package cds

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// How an answer came about, for metrics.
const (
	Answered   = "cards"      // there are cards
	Empty      = "empty"      // there is nothing to say
	Late       = "deadline"   // there was no time left
	Incomplete = "incomplete" // there are cards, based on incomplete data
	Untrained  = "untrained"  // there is no model yet
)

// Answer is what a client gets, and what metrics hear of it.
type Answer struct {
	Response  Response
	How       string
	Resources int // sent and used
	Bytes     int // of the request
}

// sending is the part of the deadline that is left for encoding, recording and sending.
const sending = .1

// Begin starts the time for an answer: its context ends a little before the deadline.
func (s *Service) Begin(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, time.Duration((1-sending)*float64(s.opt.Deadline)))
}

// Answer answers a request under a context of Begin, and returns when it ends: with an
// empty answer when there was no time. The error is a [*Problem], or that of a room.
func (s *Service) Answer(ctx context.Context, r *Request) (Answer, error) {
	type result struct {
		answer Answer
		err    error
	}
	done := make(chan result, 1)
	go func() {
		var res result
		defer func() {
			if cause := recover(); cause != nil { // what it says may name the patient
				res = result{err: fmt.Errorf("cds: an answer failed by %T", cause)}
			}
			done <- res
		}()
		res.answer, res.err = s.answer(ctx, r)
	}()
	var res result
	select {
	case res = <-done:
	case <-ctx.Done():
		res.err = ctx.Err()
	}
	if res.err != nil && (errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(res.err, errNoTime)) {
		return Answer{Response: Unchecked(r.Service, s.id(r, Late)), How: Late, Bytes: r.bytes}, nil
	}
	return res.answer, res.err
}

// Unchecked is the answer of a service that found no time. That orders were not checked has
// to be said, because silence would be taken for having found nothing; of the others there is nothing to say.
func Unchecked(service, id string) Response {
	if service != Safety {
		return Response{Cards: []Card{}}
	}
	topic := topics[Safety]
	return Response{Cards: []Card{{UUID: id, Indicator: warning, Summary: "These orders were not checked: there was no time",
		Detail:          "The safety rules could not be applied before the answer was due. That there is no other card does not mean that nothing was found.",
		Source:          Source{Label: "Ember: safety rules", Topic: &topic},
		OverrideReasons: safetyReasons}}}
}

// turn is a place among the answers that are computed at once. It is given back while
// an answer waits for others.
type turn struct {
	places chan struct{}
	held   bool
	s      *Service
}

// errNoTime: an answer would not be ready by its deadline. To begin it all the same would
// take the place of one that would.
var errNoTime = errors.New("cds: no time is left")

// usualShare bounds how much of the deadline an answer is taken to need, so that one that
// comes to an empty house always begins.
const usualShare = .6

// took notes how long an answer took, of which the next ones are judged by.
func (s *Service) took(d time.Duration) {
	d = min(max(0, d), time.Duration(usualShare*float64(s.opt.Deadline)))
	s.pace.Store((7*s.pace.Load() + int64(d)) / 8)
}

func (t *turn) enter(ctx context.Context) error {
	select {
	case t.places <- struct{}{}:
		t.held = true
		if due, ok := ctx.Deadline(); ok && due.Sub(t.s.deps.Now()) < time.Duration(t.s.pace.Load()) {
			t.leave()
			return errNoTime
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *turn) leave() {
	if t.held {
		t.held = false
		<-t.places
	}
}

func (s *Service) answer(ctx context.Context, r *Request) (Answer, error) {
	turn := &turn{places: s.running, s: s}
	if err := turn.enter(ctx); err != nil {
		return Answer{}, err
	}
	defer turn.leave()
	begun := s.deps.Now()
	defer func() { s.took(s.deps.Now().Sub(begun)) }()
	sit, err := new(situation), error(nil)
	if r.Service != Risk { // which rests on the record here alone
		if sit, err = s.situation(ctx, r, turn); err != nil {
			return Answer{}, err
		}
	}
	a := Answer{How: Empty, Resources: sit.resources, Bytes: r.bytes}
	var cards []shown
	switch r.Service {
	case Safety:
		cards, err = s.safety(r, sit)
	case Risk:
		cards, err = s.risk(ctx, r)
	default:
		cards, err = s.recommend(ctx, r, sit)
	}
	if errors.Is(err, ErrNoModel) {
		a.How, err, cards = Untrained, nil, nil
	}
	if err != nil {
		return Answer{}, err
	}
	cards = s.within(ctx, r, cards)
	if err := s.remember(ctx, r, cards); err != nil {
		return Answer{}, err
	}
	a.Response.Cards = make([]Card, len(cards))
	for i := range cards {
		a.Response.Cards[i] = cards[i].card
	}
	switch {
	case len(cards) > 0 && len(sit.notes) > 0:
		a.How = Incomplete
	case len(cards) > 0:
		a.How = Answered
	}
	return a, nil
}
