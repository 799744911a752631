package ember

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"time"

	"ember/aiaas"
	"ember/store"
)

// serviceFolder is where the model service keeps its own.
const serviceFolder = "aiaas"

// openService opens the model service; its jobs run in child processes.
func (a *App) openService(ctx context.Context) (err error) {
	a.service, err = aiaas.OpenService(context.WithoutCancel(ctx), aiaas.ServiceOptions{
		Dir: a.config.path(serviceFolder), Vault: sealedFiles{a.store.Vault()}, Families: aiaas.Families(), Now: a.config.Now,
		Code: Version(), Key: a.store.HMAC([]byte("subjects of models")), Run: a.runModelJob,
	})
	if err != nil {
		return fmt.Errorf("ember: %w", err)
	}
	a.onClose(func() error { a.service.Close(); return nil })
	return nil
}

// sealedFiles is the store's vault as the model service wants it.
type sealedFiles struct{ vault *store.Vault }

// Create implements aiaas.Vault.
func (s sealedFiles) Create(path string) (io.WriteCloser, error) { return s.vault.Create(path) }

// Open implements aiaas.Vault.
func (s sealedFiles) Open(path string) (aiaas.SealedFile, error) { return s.vault.Open(path) }

// modelJob is the child's job that trains for the model service.
const modelJob = "model"

// modelWork is what that child is told on its standard input.
type modelWork struct {
	Work  aiaas.Work `json:"work"`
	Vault []byte     `json:"vault"` // key of the sealed files
}

// runModelJob has a child process do a job of the model service.
func (a *App) runModelJob(ctx context.Context, w aiaas.Work, progress func(aiaas.Progress)) (aiaas.Outcome, error) {
	in, err := json.Marshal(modelWork{Work: w, Vault: a.store.Vault().Key()})
	if err != nil {
		return aiaas.Outcome{}, err
	}
	var out aiaas.Outcome
	err = a.inChild(ctx, modelJob, in, &out, func(m Message) {
		progress(aiaas.Progress{Family: m.Stage, Done: float64(m.Done) / shares, Note: m.Note, Left: time.Duration(m.Left * float64(time.Second))})
	})
	return out, err
}

// shares are what a child counts progress in.
const shares = 1000

// runModelChild is the child's side.
func runModelChild(ctx context.Context, config Config, in io.Reader, m *messages) error {
	var w modelWork
	if err := json.NewDecoder(in).Decode(&w); err != nil {
		return fmt.Errorf("ember: reading the job: %w", err)
	}
	vault, err := store.OpenVault(w.Vault)
	if err != nil {
		return fmt.Errorf("ember: %w", err)
	}
	out, err := aiaas.RunJob(ctx, sealedFiles{vault}, aiaas.Families(), config.Now, runtime.GOMAXPROCS(0), w.Work, func(p aiaas.Progress) {
		m.tell(Message{Stage: p.Family, Done: int(p.Done * shares), Total: shares, Note: p.Note, Left: p.Left.Seconds()})
	})
	m.end(out, err)
	return err
}
