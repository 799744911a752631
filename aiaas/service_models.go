package aiaas

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"ember/models"
)

// Models are the served version of each model, or its newest where none serves.
func (s *Service) Models() ([]Serving, error) {
	names, err := s.registry.Names()
	if err != nil {
		return nil, translated(err)
	}
	all := []Serving{}
	for _, name := range names {
		v, err := s.Version(name, "")
		if errors.Is(err, ErrNotFound) {
			versions, verr := s.Versions(name)
			if verr != nil || len(versions) == 0 {
				continue
			}
			v, err = versions[0], nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// Versions are those of a model, newest first. A damaged one is left out.
func (s *Service) Versions(name string) ([]Serving, error) {
	if err := checkName("model", name); err != nil {
		return nil, err
	}
	manifests, err := s.registry.List(name)
	if err != nil && len(manifests) == 0 {
		return nil, translated(err)
	}
	if len(manifests) == 0 {
		return nil, fmt.Errorf("aiaas: model %s: %w", name, ErrNotFound)
	}
	var all []Serving
	for i := range manifests {
		v, err := s.about(manifests[len(manifests)-1-i])
		if err != nil {
			continue
		}
		all = append(all, v)
	}
	return all, nil
}

// Version is one version; "" is the one that serves.
func (s *Service) Version(name, version string) (Serving, error) {
	m, err := s.manifest(name, version)
	if err != nil {
		return Serving{}, err
	}
	return s.about(m)
}

func (s *Service) manifest(name, version string) (models.Manifest, error) {
	if err := checkName("model", name); err != nil {
		return models.Manifest{}, err
	}
	var m models.Manifest
	var err error
	if version == "" {
		m, err = s.registry.Served(name)
	} else {
		m, err = s.registry.Manifest(name, version)
	}
	return m, translated(err)
}

// about describes a version by what its folder says and what serves now.
func (s *Service) about(m models.Manifest) (Serving, error) {
	dir, err := s.registry.Path(m.Name, m.Version)
	if err != nil {
		return Serving{}, translated(err)
	}
	var v Serving
	if err := readJSON(filepath.Join(dir, aboutFile), &v); err != nil {
		return v, fmt.Errorf("aiaas: describing %s/%s: %w", m.Name, m.Version, err)
	}
	v.Name, v.Version, v.Created = m.Name, m.Version, m.Created
	if served, err := s.registry.Served(m.Name); err == nil {
		v.Serves = served.Version == m.Version
	}
	v.Shadow = s.open.shadowOf(m.Name) == m.Version
	promoted, err := s.registry.Promotions(m.Name)
	for _, p := range promoted {
		if p.Version == m.Version && p.Forced {
			v.Forced = m.Gate
		}
	}
	return v, translated(err)
}

// Promote serves a version. One that the gate did not let serve needs force,
// which is recorded.
func (s *Service) Promote(name, version string, force bool) error {
	m, err := s.manifest(name, version)
	if err != nil {
		return err
	}
	promoted, err := s.registry.Promotions(name)
	if err != nil {
		return translated(err)
	}
	served := false // at any time: the gate let it, or somebody forced it then
	for _, p := range promoted {
		served = served || p.Version == version
	}
	if !served && !force && len(promoted) > 0 {
		return fmt.Errorf("aiaas: %s/%s: %s; force serves it all the same, and records that: %w", name, version, m.Gate, ErrRefused)
	}
	return s.serve(name, version, force && !served)
}

// serve loads a version first: what cannot be loaded cannot serve.
func (s *Service) serve(name, version string, forced bool) error {
	if _, err := s.open.get(name, version); err != nil {
		return err
	}
	if err := s.registry.Promote(name, version, forced); err != nil {
		return translated(err)
	}
	s.open.serves(name, version)
	return nil
}

// Rollback serves the version that served before.
func (s *Service) Rollback(name string) error {
	if err := checkName("model", name); err != nil {
		return err
	}
	m, err := s.registry.Rollback(name)
	if err == nil {
		s.open.serves(name, m.Version)
	}
	return translated(err)
}

// DeleteVersion removes a version that neither serves nor is a shadow.
func (s *Service) DeleteVersion(name, version string) error {
	if err := checkName("model", name); err != nil {
		return err
	}
	if s.open.shadowOf(name) == version {
		return fmt.Errorf("aiaas: %s/%s is a shadow: %w", name, version, ErrBusy)
	}
	if err := s.registry.Delete(name, version); err != nil {
		return translated(err)
	}
	s.open.drop(name, version)
	return nil
}

// Evaluation is what was measured of a version when it was made.
func (s *Service) Evaluation(name, version string) (*Result, error) {
	m, err := s.manifest(name, version)
	if err != nil {
		return nil, err
	}
	r := new(Result)
	return r, s.part(m, evaluationFile, r)
}

// part reads a JSON file of a version.
func (s *Service) part(m models.Manifest, file string, into any) error {
	dir, err := s.registry.Path(m.Name, m.Version)
	if err != nil {
		return translated(err)
	}
	err = readJSON(filepath.Join(dir, file), into)
	if errors.Is(err, os.ErrNotExist) {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("aiaas: %s of %s/%s: %w", file, m.Name, m.Version, err)
	}
	return nil
}

// load opens a version's model, for the shelf.
func (s *Service) load(name, version string) (*loaded, error) {
	m, err := s.manifest(name, version)
	if err != nil {
		return nil, err
	}
	v, err := s.about(m)
	if err != nil {
		return nil, err
	}
	dir, err := s.registry.Path(name, m.Version)
	if err != nil {
		return nil, translated(err)
	}
	family, err := FamilyNamed(append(slices.Clone(s.o.Families), CustomLoader()), v.Family)
	if err != nil {
		return nil, err
	}
	model, err := family.Load(filepath.Join(dir, modelFolder))
	if err != nil {
		return nil, err
	}
	return newLoaded(v, model), nil
}
