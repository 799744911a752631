package nn

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Save writes parameters as safetensors, with a checksum. Their names must
// differ.
func Save(w io.Writer, params []*Param) error { return writeTensors(w, params, nil) }

// Load reads what [Save] wrote, all of r, into parameters of the same names and
// shapes. On an error nothing is changed.
func Load(r io.Reader, params []*Param) error {
	f, err := readTensors(r, true)
	if err != nil {
		return err
	}
	if len(params) == 0 {
		return errors.New("nn: loading: no parameters to load into")
	}
	if len(f.params) != len(params) {
		return fmt.Errorf("nn: loading: %d arrays in the file, %d parameters", len(f.params), len(params))
	}
	return f.into(params)
}

// specKey is where a model's spec stands among the metadata.
const specKey = "ember.spec"

// Save writes the model, spec and numbers, as one safetensors file.
func (m *Model) Save(w io.Writer) error {
	spec, err := json.Marshal(m.spec)
	if err != nil {
		return fmt.Errorf("nn: saving: %w", err)
	}
	return writeTensors(w, m.Params(), map[string]string{specKey: string(spec)})
}

// LoadModel reads what [Model.Save] wrote, all of r.
func LoadModel(r io.Reader) (*Model, error) {
	f, err := readTensors(r, true)
	if err != nil {
		return nil, err
	}
	text, ok := f.metadata[specKey]
	if !ok {
		return nil, errors.New("nn: loading: the file holds arrays but no model")
	}
	s, err := ParseSpec([]byte(text))
	if err != nil {
		return nil, err
	}
	m, err := s.make(&builder{blank: true})
	if err != nil {
		return nil, err
	}
	if len(f.params) != len(m.Params()) {
		return nil, fmt.Errorf("nn: loading: %d arrays in the file, %d in the model", len(f.params), len(m.Params()))
	}
	if err := f.into(m.Params()); err != nil {
		return nil, err
	}
	m.repack()
	return m, nil
}

// LoadWeights reads the numbers of a file that [Model.Save], or another library,
// wrote for a model of the same arrays.
func (m *Model) LoadWeights(r io.Reader) error {
	f, err := readTensors(r, false)
	if err != nil {
		return err
	}
	if err := f.into(m.Params()); err != nil {
		return err
	}
	m.repack()
	return nil
}
