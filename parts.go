package ember

import (
	"os"
	"path/filepath"
	"time"
)

// partsFolder holds what trainings have finished, until one has come to its end.
const partsFolder = "parts"

// keptParts is how long the parts of a training that was killed are kept.
const keptParts = 7 * 24 * time.Hour

// parts implements recommender.Parts in a folder. What is there is whole: it is written
// beside and renamed. A part is fitted numbers, as a model is.
type parts struct{ dir string }

// Get implements recommender.Parts.
func (p parts) Get(name string) ([]byte, bool) {
	b, err := os.ReadFile(filepath.Join(p.dir, name))
	return b, err == nil
}

// Put implements recommender.Parts.
func (p parts) Put(name string, part []byte) error {
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(p.dir, ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(part)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(p.dir, name))
}

// sweepParts removes the parts of trainings that nobody took up again.
func (a *App) sweepParts() error {
	dir := a.config.path(partsFolder)
	at, err := os.Stat(dir)
	if err != nil || a.config.Now().Sub(at.ModTime()) < keptParts {
		return nil
	}
	return os.RemoveAll(dir)
}
