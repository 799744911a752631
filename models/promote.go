package models

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const promotionsFile = "promotions.json"

// promotions reads who served when, oldest first; the last serves.
func (r *Registry) promotions(name string) ([]Promotion, error) {
	text, err := os.ReadFile(filepath.Join(r.path(name, ""), promotionsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []Promotion
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("list of promotions: %w", ErrCorrupt)
	}
	return out, nil
}

// Promotions tells who served when, oldest first; the last serves now.
func (r *Registry) Promotions(name string) ([]Promotion, error) {
	if err := checkName("name", name); err != nil {
		return nil, wrap("reading promotions of", name, "", err)
	}
	out, err := r.promotions(name)
	return out, wrap("reading promotions of", name, "", err)
}

// Served is the version that serves; ErrNotFound if none was promoted yet.
func (r *Registry) Served(name string) (Manifest, error) {
	promoted, err := r.Promotions(name)
	if err != nil {
		return Manifest{}, err
	}
	if len(promoted) == 0 {
		return Manifest{}, wrap("reading what serves of", name, "", ErrNotFound)
	}
	return r.Manifest(name, promoted[len(promoted)-1].Version)
}

// Promote lets a version serve after checking that its files are whole; on any
// error what served before goes on serving. forced records that it does so
// against the gate's word. Promoting what serves already changes nothing.
func (r *Registry) Promote(name, version string, forced bool) error {
	if err := r.Verify(name, version); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.Manifest(name, version); err != nil { // deleted while it was verified
		return err
	}
	promoted, err := r.promotions(name)
	if err != nil {
		return wrap("promoting", name, version, err)
	}
	if len(promoted) > 0 && promoted[len(promoted)-1].Version == version {
		return nil
	}
	return wrap("promoting", name, version, r.serve(name, promoted, Promotion{Version: version, Forced: forced}))
}

// Rollback lets the version serve again that served before the present one; one
// that is gone or damaged is passed over for the one before it. Rolling back again
// goes further back. ErrNotFound if there is none left.
func (r *Registry) Rollback(name string) (Manifest, error) {
	if err := checkName("name", name); err != nil {
		return Manifest{}, wrap("rolling back", name, "", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	promoted, err := r.promotions(name)
	if err != nil {
		return Manifest{}, wrap("rolling back", name, "", err)
	}
	line := standing(promoted)
	for i := len(line) - 2; i >= 0; i-- {
		if r.Verify(name, line[i]) != nil {
			continue
		}
		if err := r.serve(name, promoted, Promotion{Version: line[i], Rollback: true}); err != nil {
			return Manifest{}, wrap("rolling back", name, "", err)
		}
		return r.Manifest(name, line[i])
	}
	return Manifest{}, wrap("rolling back", name, "", fmt.Errorf("nothing whole served before: %w", ErrNotFound))
}

// standing is the line of versions that led to the present one, without those
// that were rolled back.
func standing(promoted []Promotion) []string {
	var line []string
	for _, p := range promoted {
		if p.Rollback {
			for len(line) > 0 && line[len(line)-1] != p.Version {
				line = line[:len(line)-1]
			}
			if len(line) > 0 {
				continue
			}
		}
		line = append(line, p.Version)
	}
	return line
}

// serve appends to the promotions; the caller holds the lock.
func (r *Registry) serve(name string, promoted []Promotion, p Promotion) error {
	p.At = r.now().UTC()
	if len(promoted) > 0 {
		p.From = promoted[len(promoted)-1].Version
	}
	return writeJSON(filepath.Join(r.path(name, ""), promotionsFile), append(promoted[:len(promoted):len(promoted)], p))
}
