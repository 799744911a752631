package aiaas

import (
	"encoding/json"
	"errors"
	"fmt"

	"ember/learn/nn"
)

// customName is the family of networks that users describe.
const customName = "custom"

// Custom is the family of a user's own network, an [nn.Spec] in JSON, trained by
// options, [nn.Options] in JSON; without options it trains as its kind of input
// usually does. The network's last layer has an output for each class. An error
// names the layer that does not fit.
func Custom(spec, options json.RawMessage) (Family, error) {
	s, err := nn.ParseSpec(spec)
	if err != nil {
		return Family{}, fmt.Errorf("aiaas: the network: %w", err)
	}
	if _, err := s.Parameters(); err != nil {
		return Family{}, fmt.Errorf("aiaas: the network: %w", err)
	}
	r := recipe{name: customName, rank: 70, members: 1, whole: &s, options: customOptions(s)}
	if len(options) > 0 {
		o, err := nn.ParseOptions(options)
		if err != nil {
			return Family{}, fmt.Errorf("aiaas: the network: %w", err)
		}
		r.options = func(int) nn.Options { return o }
	}
	r.accepts = func(d *Dataset) error { return acceptsSpec(s, d) }
	r.prepare = func(d *Dataset) (preparation, error) { return customPreparation(s, d) }
	return r.family(), nil
}

// CustomLoader loads what families made by [Custom] saved. It fits nothing.
func CustomLoader() Family {
	return Family{Name: customName, Rank: 70, Load: loadNeural, Accepts: func(*Dataset) error {
		return errors.New("no network is described")
	}}
}

// customOptions are the usual ones for the network's kind of input.
func customOptions(s nn.Spec) func(samples int) nn.Options {
	if inputKind(s) == FreeText {
		return textOptions(nn.Options{Epochs: 12})
	}
	return cnnOptions
}

// inputKind is what a network's input stands for: an image has three dimensions,
// a series two, a text is ids, and a table is numbers.
func inputKind(s nn.Spec) Kind {
	switch first := s.Layers[0].Type; {
	case first == "Embedding" || first == "EmbeddingBag":
		return FreeText
	case len(s.Input) == 3:
		return Picture
	case len(s.Input) == 2:
		return Waveforms
	}
	return Number
}

// acceptsSpec refuses data of another kind than the network's input.
func acceptsSpec(s nn.Spec, d *Dataset) error {
	var err error
	kind := inputKind(s)
	switch kind {
	case FreeText:
		err = acceptsText(d)
	case Picture:
		err = acceptsImages(d)
	case Waveforms:
		err = acceptsWaves(d)
	default:
		err = acceptsColumns(d)
	}
	if err != nil {
		return fmt.Errorf("the network's input %v and layer 1 (%s) take %s: %w", []int(s.Input), s.Layers[0].Type, kind, err)
	}
	return nil
}

// customPreparation brings data to the network's input.
func customPreparation(s nn.Spec, d *Dataset) (preparation, error) {
	in := []int(s.Input)
	first := s.Layers[0]
	misfit := func(format string, a ...any) (preparation, error) {
		return nil, fmt.Errorf("aiaas: the network: layer 1 (%s): "+format, append([]any{first.Type}, a...)...)
	}
	switch inputKind(s) {
	case FreeText:
		v, err := fitVocabulary(d, first.Type == "EmbeddingBag", in[0])
		if err != nil {
			return nil, err
		}
		if first.InputDim < 3 {
			return misfit("input_dim %d has no room for words behind ids 0 and 1", first.InputDim)
		}
		v.Steps = in[0]
		v.limit(first.InputDim)
		return v, nil
	case Picture:
		p, err := fitPictures(d, usualVariation)
		if err != nil {
			return nil, err
		}
		if in[2] != 1 && in[2] != 3 {
			return misfit("the input %v has %d channels; images are made grey (1) or of colours (3)", in, in[2])
		}
		p.Height, p.Width, p.Channels = in[0], in[1], in[2]
		return p, p.check()
	case Waveforms:
		w, err := fitWaves(d)
		if err != nil {
			return nil, err
		}
		w.stretch(in[0])
		if in[1] != w.width() {
			return misfit("the input %v has %d channels; the data has %d, of which %d mark gaps", in, in[1], w.width(), w.width()-len(w.Mean))
		}
		return w, w.check()
	}
	t, err := fitTables(d)
	if err != nil {
		return nil, err
	}
	if len(in) != 1 || t.shape()[0] != in[0] {
		return misfit("the input is %v; the columns make [%d]", in, t.shape()[0])
	}
	return t, nil
}
