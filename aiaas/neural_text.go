package aiaas

import "ember/learn/nn"

// TextBag is the mean of what a text's words and their pieces stand for, and a
// linear layer: the fastest network on texts.
func TextBag() Family {
	return textual("text-bag", 35, true, 512, func(v *vocabulary) nn.Spec {
		return bagged(v.Steps, v.size(), 64).Dropout(.2)
	}, nn.Options{Epochs: 30, Optimizer: nn.Optimizer{Rate: .01}})
}

// TextCNN is filters over neighbouring words, of which the strongest answers
// count.
func TextCNN() Family {
	return textual("text-cnn", 55, false, 256, func(v *vocabulary) nn.Spec {
		s := nn.Input(v.Steps).Embedding(v.size(), 64).Masked()
		return s.Dropout(.2).Conv1D(128, min(3, v.Steps), "relu").Same().GlobalMaxPool().Dropout(.3)
	}, nn.Options{Epochs: 12})
}

// TextLSTM is a long short-term memory that reads both ways.
func TextLSTM() Family {
	return textual("text-lstm", 60, false, 256, func(v *vocabulary) nn.Spec {
		s := nn.Input(v.Steps).Embedding(v.size(), 64).Masked()
		return s.LSTM(64).Sequences().Bidirectional().Dropout(.2).GlobalMaxPool().Dropout(.3)
	}, nn.Options{Epochs: 12, Optimizer: nn.Optimizer{Rate: .003}})
}

func bagged(steps, size, dim int) nn.Spec {
	return nn.Input(steps).EmbeddingBag(size, dim).Masked()
}

// textual is a recipe on texts.
func textual(name string, rank int, bag bool, most int, design func(v *vocabulary) nn.Spec, o nn.Options) Family {
	return recipe{
		name: name, rank: rank, members: 2, accepts: acceptsText,
		prepare: func(d *Dataset) (preparation, error) {
			v, err := fitVocabulary(d, bag, most)
			if err != nil { // not a *vocabulary of nil
				return nil, err
			}
			return v, nil
		},
		design:  func(p preparation) nn.Spec { return design(p.(*vocabulary)) },
		options: textOptions(o),
	}.family()
}

// textOptions trains for as many epochs as o says, or more, until small data has
// been seen often enough.
func textOptions(o nn.Options) func(samples int) nn.Options {
	return func(samples int) nn.Options {
		o := o
		o.Batch, o.Patience, o.ClipNorm = 32, 4, 1
		o.Epochs = epochsFor(samples, o.Epochs, 30, 6000)
		o.Schedule = nn.Schedule{Name: "cosine", Final: .05}
		o.Average, o.AverageDecay = "ema", decayFor(samples, o.Batch)
		return o
	}
}
