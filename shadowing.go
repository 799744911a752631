package ember

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"

	"ember/aiaas"
	"ember/recommender"
	"ember/record"
	"ember/server"
)

// shadowFile names the recommender's shadow for the next process.
const shadowFile = "recommender.shadow"

// shadowing has a version of the recommender answer beside the one that serves,
// for comparison only: its answers go nowhere.
type shadowing struct {
	mu     sync.Mutex
	engine *recommender.Engine // nil = no shadow
	report aiaas.ShadowReport
	busy   bool
}

// modelDoor is the model service with the recommender's shadow among the others.
type modelDoor struct {
	*aiaas.Service
	app *App
}

var _ server.Models = modelDoor{}

// SetShadow implements server.Shadower.
func (d modelDoor) SetShadow(name, version string) error {
	if name != modelName {
		return d.Service.SetShadow(name, version)
	}
	if err := d.app.castShadow(version); err != nil {
		return err
	}
	path := d.app.config.path(shadowFile)
	if version == "" {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("ember: ending the shadow: %w", err)
		}
		return nil
	}
	if err := errors.Join(os.WriteFile(path+".new", []byte(version), 0o600), os.Rename(path+".new", path)); err != nil {
		return fmt.Errorf("ember: keeping the shadow: %w", err)
	}
	return nil
}

// Shadow implements server.Shadower.
func (d modelDoor) Shadow(name string) (aiaas.ShadowReport, error) {
	if name != modelName {
		return d.Service.Shadow(name)
	}
	s := &d.app.shadow
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engine == nil {
		return aiaas.ShadowReport{}, fmt.Errorf("ember: model %s: a shadow: %w", name, aiaas.ErrNotFound)
	}
	return s.report, nil
}

// castShadow makes a version the shadow, with counts that begin anew; "" ends it.
func (a *App) castShadow(version string) error {
	var engine *recommender.Engine
	if version != "" {
		m, err := a.models.Manifest(modelName, version)
		if err != nil {
			return fmt.Errorf("ember: model %s, version %s: %w", modelName, version, aiaas.ErrNotFound)
		}
		if err := a.models.Verify(modelName, version); err != nil {
			return fmt.Errorf("ember: %w", err)
		}
		artifact, _, err := a.artifactOf(m)
		if err != nil {
			return fmt.Errorf("ember: %w", err)
		}
		engine = a.engineOf(artifact)
	}
	a.shadow.mu.Lock()
	defer a.shadow.mu.Unlock()
	a.shadow.engine, a.shadow.report = engine, aiaas.ShadowReport{Version: version}
	return nil
}

// openShadow takes up the shadow of the last process. One that cannot be read any
// more is no reason not to serve.
func (a *App) openShadow(context.Context) error {
	b, err := os.ReadFile(a.config.path(shadowFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = a.castShadow(strings.TrimSpace(string(b)))
	}
	if err != nil {
		a.config.Log.Error("the shadow cannot be loaded", "error", err)
	}
	return nil
}

// cast has the shadow answer what was answered, one question at a time and never
// waited for.
func (s *shadowing) cast(ctx context.Context, q recommender.Query, given recommender.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engine == nil || s.busy {
		return
	}
	s.busy = true
	engine, items := s.engine, summaryOf(given.Items)
	q.Explore, q.Explain = nil, record.Code{}
	go func() {
		answer, err := safely(func() (recommender.Answer, error) { return engine.Recommend(context.WithoutCancel(ctx), q) })
		s.mu.Lock()
		defer s.mu.Unlock()
		s.busy = false
		if s.engine == engine {
			count(&s.report, items, answer, err)
		}
	}()
}

// safely turns a panic into an error: what is only compared must not end the process. What it
// says may name the patient and is dropped.
func safely(ask func() (recommender.Answer, error)) (answer recommender.Answer, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("ember: the shadow failed")
		}
	}()
	return ask()
}

// listed is an item of a list that is compared.
type listed struct {
	code        record.Code
	probability float64
}

func summaryOf(items []recommender.Item) []listed {
	out := make([]listed, len(items))
	for i, x := range items {
		out[i] = listed{record.Code{System: x.Code.System, Value: x.Code.Value}, x.Probability}
	}
	return out
}

// count adds a question: Samples are the items that were given, Agree the share
// of them that the shadow's list has too, Difference that of their probabilities.
func count(r *aiaas.ShadowReport, given []listed, answer recommender.Answer, err error) {
	if r.Requests++; err != nil {
		r.Failed++
		return
	}
	if len(given) == 0 {
		return
	}
	own := map[record.Code]float64{}
	for _, x := range summaryOf(answer.Items) {
		own[x.code] = x.probability
	}
	both, off := 0., 0.
	for _, x := range given {
		if p, ok := own[x.code]; ok {
			both++
			off += math.Abs(p - x.probability)
		}
	}
	agreed := r.Agree * float64(r.Samples)
	r.Samples += len(given)
	if agreed+both > 0 {
		r.Difference = (r.Difference*agreed + off) / (agreed + both)
	}
	r.Agree = (agreed + both) / float64(r.Samples)
}
