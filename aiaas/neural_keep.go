package aiaas

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"ember/learn/nn"
)

// keeping is a training run's file in a scratch folder: how many epochs are done,
// then the checkpoint. It is named by what the run depends on, so that another
// run's is not taken for it.
type keeping struct {
	path  string // "" = nothing is kept
	epoch int
	from  io.Reader // the checkpoint to go on from, nil = none
}

// kept looks for what an earlier run left.
func (m *member) kept(net *nn.Model, data nn.Data, o nn.Options) (*keeping, error) {
	if m.f.Folder == "" {
		return &keeping{}, nil
	}
	name, err := nameOf(net, data, o, m.k)
	if err != nil {
		return nil, err
	}
	k := &keeping{path: filepath.Join(m.f.Folder, name)}
	content, err := os.ReadFile(k.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return k, nil
	case err != nil:
		return nil, fmt.Errorf("aiaas: taking a fit up again: %w", err)
	case len(content) < 8:
		return k, nil // written half before a rename, by no program of ours
	}
	k.epoch = int(binary.LittleEndian.Uint64(content))
	k.from = bytes.NewReader(content[8:])
	return k, nil
}

// nameOf is the file name of a run: a hash of its data, network and options.
func nameOf(net *nn.Model, data nn.Data, o nn.Options, member int) (string, error) {
	h := sha256.New()
	about, err := json.Marshal(struct {
		Spec    nn.Spec
		Options nn.Options
		Member  int
	}{net.Spec(), o, member})
	if err != nil {
		return "", fmt.Errorf("aiaas: keeping a fit: %w", err)
	}
	h.Write(about)
	tensors := []nn.Tensor{data.X, data.Y}
	if o.Validation != nil {
		tensors = append(tensors, o.Validation.X, o.Validation.Y)
	}
	for _, t := range tensors {
		hashFloats(h, t.Data)
		for _, l := range t.Lengths {
			hashInt(h, l)
		}
	}
	return "fit-" + hex.EncodeToString(h.Sum(nil)[:12]), nil
}

func hashFloats(h io.Writer, v []float32) {
	hashInt(h, len(v))
	buf := make([]byte, 0, 1<<14)
	for i, x := range v {
		buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(x))
		if len(buf) == cap(buf) || i == len(v)-1 {
			h.Write(buf) // a hash returns no error
			buf = buf[:0]
		}
	}
}

func hashInt(h io.Writer, v int) {
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(v)))
}

// keep writes a checkpoint in place of the one before.
func (k *keeping) keep(c *nn.Checkpoint) error {
	if k.path == "" {
		return nil
	}
	return replaceFile(k.path, func(w io.Writer) error {
		hashInt(w, c.Epoch)
		return c.Save(w)
	})
}

// replaceFile writes a file beside and renames it, so that it is there whole or
// not at all.
func replaceFile(path string, write func(w io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("aiaas: keeping a fit: %w", err)
	}
	err = errors.Join(write(f), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("aiaas: keeping a fit: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
