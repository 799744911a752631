package nn

import (
	"encoding/json"
	"fmt"
	"io"
)

// Checkpoint is a training run at the end of an epoch. It is valid during the
// call it is handed to.
type Checkpoint struct {
	Epoch int
	t     *trainer
}

// runState is what a checkpoint holds besides arrays.
type runState struct {
	Epoch    int     `json:"epoch"`
	Steps    int     `json:"steps"` // the optimiser's
	Waited   int     `json:"waited"`
	Averaged int     `json:"averaged"`
	Samples  int     `json:"samples"`
	Options  Options `json:"options"`
	History  History `json:"history"`
}

// runKey is where it stands among the metadata.
const runKey = "ember.run"

// Save writes all it takes to go on as if training had not been interrupted:
// weights, the optimiser's moments, averages, the best weights and the history.
func (c *Checkpoint) Save(w io.Writer) error {
	t := c.t
	state := runState{t.epoch, t.update.steps, t.waited, t.average.count, len(t.order), t.o, t.history}
	run, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("nn: checkpoint: %w", err)
	}
	spec, err := json.Marshal(t.m.spec)
	if err != nil {
		return fmt.Errorf("nn: checkpoint: %w", err)
	}
	return writeTensors(w, t.arrays(t.best != nil), map[string]string{specKey: string(spec), runKey: string(run)})
}

// arrays are all arrays of the run; the best weights only when there are any.
func (t *trainer) arrays(best bool) []*Param {
	params := t.m.Params()
	all := append([]*Param(nil), params...)
	more := func(prefix string, values [][]float32) {
		for i, v := range values {
			all = append(all, &Param{Name: prefix + params[i].Name, Shape: params[i].Shape, Value: v})
		}
	}
	more("moment1/", t.update.m)
	more("moment2/", t.update.v)
	more("average/", t.average.values)
	if best {
		more("best/", t.best)
	}
	return all
}

// resume takes a run up again.
func (t *trainer) resume(r io.Reader) error {
	f, err := readTensors(r, true)
	if err != nil {
		return err
	}
	var state runState
	if err := json.Unmarshal([]byte(f.metadata[runKey]), &state); err != nil {
		return fmt.Errorf("nn: resuming: the file is no checkpoint: %w", err)
	}
	if err := t.same(&state); err != nil {
		return err
	}
	_, best := f.params["best/"+t.m.Params()[0].Name]
	if best {
		t.best = snapshot(t.m.Params(), nil)
	}
	if err := f.into(t.arrays(best)); err != nil {
		return err
	}
	t.epoch, t.update.steps, t.waited, t.average.count = state.Epoch, state.Steps, state.Waited, state.Averaged
	t.history = state.History
	for _, r := range t.replicas {
		for i, p := range r.net.state {
			copy(p.Value, t.m.net.state[i].Value)
		}
	}
	t.m.repack()
	return nil
}

// same refuses to go on with other data or options. More epochs are welcome.
func (t *trainer) same(state *runState) error {
	if state.Samples != len(t.order) {
		return fmt.Errorf("nn: resuming: the checkpoint's data has %d samples, this has %d", state.Samples, len(t.order))
	}
	state.Options.Epochs = t.o.Epochs
	was, err := json.Marshal(state.Options)
	if err != nil {
		return fmt.Errorf("nn: resuming: %w", err)
	}
	is, err := json.Marshal(t.o)
	if err != nil {
		return fmt.Errorf("nn: resuming: %w", err)
	}
	if string(was) != string(is) {
		return fmt.Errorf("nn: resuming: the checkpoint's options are %s, these are %s", was, is)
	}
	if len(state.History.Epochs) != state.Epoch {
		return fmt.Errorf("nn: resuming: %w: a history of %d epochs after %d", ErrFormat, len(state.History.Epochs), state.Epoch)
	}
	return nil
}
