package ember

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"ember/cache"
	"ember/embeddings"
	"ember/models"
	"ember/recommender"
	"ember/record"
	"ember/server"
)

// served is the recommender that answers now; it can be swapped while it does.
type served struct {
	engine     atomic.Pointer[recommender.Engine]
	embeddings atomic.Pointer[embeddings.Model]
}

func errUntrained() error {
	return &server.Fault{Status: http.StatusServiceUnavailable, Code: "transient", Detail: "nothing is trained yet", Hint: "run ember train"}
}

// vectorSize is the length of patients' vectors in the index, whatever the model:
// embeddings of few codes are shorter and are filled up with zeros.
const vectorSize = 128

// encode implements ingest.Encoder by the served version's embeddings: the
// patient as of the last event.
func (s *served) encode(t record.Timeline) []float32 {
	model := s.embeddings.Load()
	if model == nil || len(t.Events) == 0 {
		return nil
	}
	last := t.Events[len(t.Events)-1].Known
	vector := make([]float32, vectorSize)
	copy(vector, model.Patient(t.Before(last.Add(time.Nanosecond))))
	return vector
}

// ref names what answers now.
func (s *served) ref() recommender.ModelRef {
	engine := s.engine.Load()
	if engine == nil {
		return recommender.ModelRef{}
	}
	a := engine.Artifact()
	return recommender.ModelRef{Name: a.Name, Version: a.Version}
}

// vectorsBy names what makes the vectors of patients; "" before anything is trained.
func (s *served) vectorsBy() string { return s.ref().Version }

// openModels opens the registry and loads the version that serves.
func (a *App) openModels(context.Context) (err error) {
	near := cache.NewMemory(1<<20, a.config.CacheBytes, a.config.Now)
	var far *cache.Redis
	if len(a.config.Redis) > 0 {
		far, err = cache.NewRedis(cache.RedisOptions{Addrs: a.config.Redis, MasterName: a.config.RedisMaster, Password: a.config.RedisPassword, Now: a.config.Now})
		if err != nil {
			return fmt.Errorf("ember: %w", err)
		}
		a.onClose(far.Close)
	}
	a.cache, a.far = cache.NewLayered(near, far), far
	if a.models, err = models.Open(a.config.path("models"), a.config.Now); err != nil {
		return fmt.Errorf("ember: %w", err)
	}
	m, err := a.models.Served(modelName)
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	if err == nil {
		err = a.swap(m)
	}
	if err != nil {
		// The data stays readable; recommendations say that there is no model.
		a.config.Log.Error("the served model cannot be loaded", "error", err)
	}
	return nil
}

// candidateCache is the cache with the configured lifetime, as the engine wants it.
type candidateCache struct {
	*cache.Layered
	ttl time.Duration
}

// Set implements recommender.Cache; the shorter lifetime counts.
func (c candidateCache) Set(ctx context.Context, key string, v []byte, ttl time.Duration) error {
	return c.Layered.Set(ctx, key, v, min(ttl, c.ttl))
}

// artifactOf reads what a version of the recommender fitted, and where it lies.
func (a *App) artifactOf(m models.Manifest) (artifact *recommender.Artifact, dir string, err error) {
	if dir, err = a.models.Path(modelName, m.Version); err != nil {
		return nil, "", err
	}
	err = readFile(filepath.Join(dir, artifactFile), func(r io.Reader) (err error) {
		artifact, err = recommender.ReadArtifact(r, a.terms)
		return err
	})
	return artifact, dir, err
}

func (a *App) engineOf(artifact *recommender.Artifact) *recommender.Engine {
	return recommender.New(artifact, a.terms, a.rules, candidateCache{a.cache, a.config.CacheTTL})
}

// swap makes a version answer from now on.
func (a *App) swap(m models.Manifest) error {
	artifact, dir, err := a.artifactOf(m)
	if err != nil {
		return err
	}
	model := new(embeddings.Model)
	err = readFile(filepath.Join(dir, embeddingsFile), func(r io.Reader) error {
		_, err := model.ReadFrom(r)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) { // no code was frequent enough
		model, err = nil, nil
	}
	if err != nil {
		return err
	}
	if err := a.lay(artifact, m, dir); err != nil {
		return err
	}
	a.served.embeddings.Store(model)
	a.answerBy()
	return nil
}

func readFile(path string, read func(io.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return read(bufio.NewReaderSize(f, 1<<20))
}

// Trained reports whether a model answers.
func (a *App) Trained() bool { return a.served.engine.Load() != nil }
