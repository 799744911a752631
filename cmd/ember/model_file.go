package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/toml/v2"
	"github.com/spf13/pflag"

	"ember/aiaas"
)

// jobFile is what a model is made of and how: a file in TOML, or flags.
type jobFile struct {
	Model    string          `json:"model"`
	Dataset  string          `json:"dataset"`
	Data     []string        `json:"data"`
	Schema   schema          `json:"schema"`
	Families []string        `json:"families"`
	Best     bool            `json:"best"`
	Seconds  float64         `json:"seconds"`
	Folds    int             `json:"folds"`
	Seed     uint64          `json:"seed"`
	Threads  int             `json:"threads"`
	Hold     bool            `json:"hold"`
	Groups   []string        `json:"groups"`
	Network  json.RawMessage `json:"network"`
	Training json.RawMessage `json:"training"`
}

func (f *jobFile) flags(set *pflag.FlagSet) {
	set.StringVar(&f.Model, "model", "", "name of the model to make a version of")
	set.StringVar(&f.Dataset, "dataset", "", "name of the dataset; it is uploaded if there is none (default: the model's, and a hash of the files)")
	f.Schema.flags(set)
	set.StringSliceVar(&f.Families, "families", nil, "families to try (default: all that suit the data)")
	set.BoolVar(&f.Best, "best", false, "take the best family, not the simplest that is as good")
	set.Float64Var(&f.Seconds, "seconds", 0, "time to be done in (default 600)")
	set.IntVar(&f.Folds, "folds", 0, "folds that families are compared on (default 5)")
	set.Uint64Var(&f.Seed, "seed", 0, "seed")
	set.IntVar(&f.Threads, "threads", 0, "threads (default: all, or half of them beside a server)")
	set.BoolVar(&f.Hold, "hold", false, "do not serve it, whatever the gate says")
	set.StringSliceVar(&f.Groups, "groups", nil, "columns whose values are measured apart")
}

// request is the job as the API takes it.
func (f *jobFile) request() aiaas.JobRequest {
	return aiaas.JobRequest{Model: f.Model, Dataset: f.Dataset, Families: f.Families, Best: f.Best, Spec: f.Network, Options: f.Training,
		Seconds: f.Seconds, Folds: f.Folds, Seed: f.Seed, Threads: f.Threads, Hold: f.Hold, Groups: f.Groups}
}

// readJobFile reads a job file into f. Its data lies beside it. An unknown setting
// is refused.
func readJobFile(path string, f *jobFile) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return exitError{exitNotFound, err}
	}
	table, err := toml.Parser().Unmarshal(b)
	if err != nil {
		return failure(exitUsage, "%s: %w", path, err)
	}
	if b, err = json.Marshal(table); err != nil {
		return failure(exitUsage, "%s: %w", path, err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(f); err != nil {
		return failure(exitUsage, "%s: %s", path, strings.TrimPrefix(err.Error(), "json: "))
	}
	for i, name := range f.Data {
		if !filepath.IsAbs(name) {
			f.Data[i] = filepath.Join(filepath.Dir(path), name)
		}
	}
	return nil
}

// over reads settings and then sets the flags that were given once more: they go
// before what was read.
func over(flags *pflag.FlagSet, read func() error) error {
	var again []func() error
	flags.Visit(func(f *pflag.Flag) {
		if list, ok := f.Value.(pflag.SliceValue); ok {
			was := slices.Clone(list.GetSlice())
			again = append(again, func() error { return list.Replace(was) })
			return
		}
		was := f.Value.String()
		if f.Value.Type() == "stringToString" {
			was = strings.TrimSuffix(strings.TrimPrefix(was, "["), "]")
		}
		again = append(again, func() error { return f.Value.Set(was) })
	})
	if err := read(); err != nil {
		return err
	}
	for _, set := range again {
		if err := set(); err != nil {
			return err
		}
	}
	return nil
}
