package aiaas

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"ember/learn/nn"
)

// The files of a neural model: its networks as safetensors, and the rest.
const (
	networkFile = "network-%d.safetensors"
	faceFile    = "preparation.json"
)

// faced is preparation.json: one of the preparations is there.
type faced struct {
	face
	Table    *tables     `json:"table,omitempty"`
	Text     *vocabulary `json:"text,omitempty"`
	Pictures *pictures   `json:"pictures,omitempty"`
	Waves    *waves      `json:"waves,omitempty"`
}

func (k *faced) put(p preparation) error {
	switch p := p.(type) {
	case *tables:
		k.Table = p
	case *vocabulary:
		k.Text = p
	case *pictures:
		k.Pictures = p
	case *waves:
		k.Waves = p
	default:
		return fmt.Errorf("aiaas: saving a model: no file for %T", p)
	}
	return nil
}

// preparation is the one that is there; nil for none.
func (k *faced) preparation() preparation {
	switch {
	case k.Table != nil:
		return k.Table
	case k.Text != nil:
		return k.Text
	case k.Pictures != nil:
		return k.Pictures
	case k.Waves != nil:
		return k.Waves
	}
	return nil
}

// Save implements [Model].
func (m *neural) Save(dir string) error {
	k := faced{face: m.face}
	if err := k.put(m.prep); err != nil {
		return err
	}
	content, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("aiaas: saving a model: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, faceFile), content, 0o600); err != nil {
		return fmt.Errorf("aiaas: saving a model: %w", err)
	}
	for i, net := range m.nets {
		if err := writeFile(filepath.Join(dir, fmt.Sprintf(networkFile, i)), net.Save); err != nil {
			return fmt.Errorf("aiaas: saving a model: %w", err)
		}
	}
	return nil
}

func writeFile(path string, write func(w io.Writer) error) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return write(f)
}

// loadNeural reads what Save wrote, whatever the family.
func loadNeural(dir string) (Model, error) {
	fail := func(err error) (Model, error) { return nil, fmt.Errorf("aiaas: loading a model: %w", err) }
	content, err := os.ReadFile(filepath.Join(dir, faceFile))
	if err != nil {
		return fail(err)
	}
	var k faced
	if err := json.Unmarshal(content, &k); err != nil {
		return fail(err)
	}
	m := &neural{face: k.face, prep: k.preparation()}
	if m.Networks < 1 || m.Networks > 64 {
		return fail(fmt.Errorf("%d networks", m.Networks))
	}
	for i := range m.Networks {
		net, err := readNetwork(filepath.Join(dir, fmt.Sprintf(networkFile, i)))
		if err != nil {
			return fail(err)
		}
		m.nets = append(m.nets, net)
	}
	if err := m.check(); err != nil {
		return fail(err)
	}
	return m, nil
}

func readNetwork(path string) (*nn.Model, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return nn.LoadModel(f)
}
