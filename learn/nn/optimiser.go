package nn

import (
	"fmt"
	"math"
	"strings"
)

// Optimizer is how gradients change parameters. Its zero value is Adam with rate
// .001.
type Optimizer struct {
	Name     string  `json:"name,omitempty"`          // adam (the default), adamw or sgd
	Rate     float64 `json:"learning_rate,omitempty"` // 0 = .001, of sgd .01
	Beta1    float64 `json:"beta_1,omitempty"`        // 0 = .9
	Beta2    float64 `json:"beta_2,omitempty"`        // 0 = .999
	Epsilon  float64 `json:"epsilon,omitempty"`       // 0 = 1e-8
	Decay    float64 `json:"weight_decay,omitempty"`  // adamw: apart from the gradient; sgd: added to it
	Momentum float64 `json:"momentum,omitempty"`
	Nesterov bool    `json:"nesterov,omitempty"`
}

func (o *Optimizer) check() error {
	switch o.Name {
	case "", "adam":
		if o.Decay != 0 {
			return fmt.Errorf("optimizer adam has no weight_decay: adamw has")
		}
	case "adamw", "sgd":
	default:
		names := []string{"adam", "adamw", "sgd"}
		return fmt.Errorf("unknown optimizer %q%s; there are: %s", o.Name, meant(o.Name, names), strings.Join(names, ", "))
	}
	if o.Name != "sgd" && (o.Momentum != 0 || o.Nesterov) {
		return fmt.Errorf("momentum belongs to optimizer sgd")
	}
	for _, v := range []float64{o.Rate, o.Beta1, o.Beta2, o.Epsilon, o.Decay, o.Momentum} {
		if !(v >= 0) || math.IsInf(v, 0) {
			return fmt.Errorf("optimizer: %g is not a number from 0 on", v)
		}
	}
	if o.Beta1 >= 1 || o.Beta2 >= 1 || o.Momentum >= 1 {
		return fmt.Errorf("optimizer: beta_1, beta_2 and momentum are below 1")
	}
	return nil
}

func (o *Optimizer) rate() float64 {
	switch {
	case o.Rate > 0:
		return o.Rate
	case o.Name == "sgd":
		return .01
	}
	return .001
}

// updater is an optimiser with its memory: for each parameter two moments, or
// the velocity.
type updater struct {
	Optimizer
	steps int
	m, v  [][]float32
	c     adamConstants
	lr    float32
	scale float32
}

func newUpdater(o Optimizer, params []*Param) *updater {
	u := &updater{Optimizer: o}
	for _, p := range params {
		u.m = append(u.m, make([]float32, len(p.Value)))
		if o.Name != "sgd" {
			u.v = append(u.v, make([]float32, len(p.Value)))
		}
	}
	return u
}

// prepare begins a step: gradients are to be multiplied by scale.
func (u *updater) prepare(rate, scale float64) {
	u.steps++
	u.lr, u.scale = float32(rate), float32(scale)
	a := Adam{Rate: rate, Beta1: u.Beta1, Beta2: u.Beta2, Epsilon: u.Epsilon, Decay: u.Decay, steps: u.steps}
	u.c = a.constants(0)
	u.c[4] = u.scale
}

// apply changes elements lo:hi of parameter i.
func (u *updater) apply(p *Param, i, lo, hi int) {
	if u.Name == "sgd" {
		u.sgd(p.Value[lo:hi], p.Grad[lo:hi], u.m[i][lo:hi])
		return
	}
	for ; lo < hi; lo += longest {
		to := min(hi, lo+longest)
		active.adam(p.Value[lo:to], p.Grad[lo:to], u.m[i][lo:to], u.v[i][lo:to], &u.c)
	}
}

func (u *updater) sgd(value, grad, velocity []float32) {
	momentum, decay := float32(u.Momentum), float32(u.Decay)
	for j, g := range grad {
		g = g*u.scale + decay*value[j]
		velocity[j] = momentum*velocity[j] + g
		if u.Nesterov {
			value[j] -= u.lr * (g + momentum*velocity[j])
		} else {
			value[j] -= u.lr * velocity[j]
		}
	}
}

// Schedule is how the learning rate changes with the steps. Its zero value keeps
// it.
type Schedule struct {
	Name   string  `json:"name,omitempty"`         // constant (the default), cosine or step
	Warmup int     `json:"warmup_steps,omitempty"` // steps over which the rate rises evenly from 0
	Every  int     `json:"every_epochs,omitempty"` // of step: after how many epochs the rate falls
	Factor float64 `json:"factor,omitempty"`       // of step: what it is multiplied by, 0 = .1
	Final  float64 `json:"final,omitempty"`        // of cosine: the share of the rate it ends with
}

func (s *Schedule) check() error {
	switch s.Name {
	case "", "constant", "cosine":
	case "step":
		if s.Every <= 0 {
			return fmt.Errorf("schedule step needs every_epochs")
		}
	default:
		names := []string{"constant", "cosine", "step"}
		return fmt.Errorf("unknown schedule %q%s; there are: %s", s.Name, meant(s.Name, names), strings.Join(names, ", "))
	}
	if s.Warmup < 0 || !(s.Factor >= 0 && s.Factor <= 1) || !(s.Final >= 0 && s.Final <= 1) {
		return fmt.Errorf("schedule: warmup_steps is not negative, factor and final are in [0,1]")
	}
	return nil
}

// share is what the rate is multiplied by at a step, counted from 0, of so many
// steps in an epoch and in all.
func (s *Schedule) share(step, perEpoch, all int) float64 {
	if step < s.Warmup {
		return float64(step+1) / float64(s.Warmup)
	}
	switch s.Name {
	case "cosine":
		done := float64(step-s.Warmup) / float64(max(1, all-s.Warmup))
		return s.Final + (1-s.Final)*.5*(1+math.Cos(math.Pi*min(1, done)))
	case "step":
		factor := s.Factor
		if factor == 0 {
			factor = .1
		}
		return math.Pow(factor, float64(step/perEpoch/s.Every))
	}
	return 1
}
