package aiaas

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"ember/learn/nn"
)

// Export implements exporter: one network as a file, several as a zip of them with
// preparation.json, which says what is done to samples before and to logits after.
func (m *neural) Export(format string, w io.Writer) error {
	if len(m.nets) == 1 {
		return m.exportNetwork(m.nets[0], format, w)
	}
	z := zip.NewWriter(w)
	for i, net := range m.nets {
		f, err := z.Create(fmt.Sprintf("network-%d.%s", i, format))
		if err == nil {
			err = m.exportNetwork(net, format, f)
		}
		if err != nil {
			return fmt.Errorf("aiaas: exporting: %w", err)
		}
	}
	k := faced{face: m.face}
	f, err := z.Create(faceFile)
	if err = errors.Join(err, k.put(m.prep)); err == nil {
		err = json.NewEncoder(f).Encode(k)
	}
	if err = errors.Join(err, z.Close()); err != nil {
		return fmt.Errorf("aiaas: exporting: %w", err)
	}
	return nil
}

func (m *neural) exportNetwork(net *nn.Model, format string, w io.Writer) error {
	if format != "onnx" {
		return net.Save(w)
	}
	_, sequences := m.prep.(*waves)
	return net.ONNX(w, sequences)
}
