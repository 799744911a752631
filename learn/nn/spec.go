package nn

import "slices"

// Spec says what a model is made of, in Keras' words: write it in Go, behind
// [Input], or as JSON. Images are [height width channels], sequences
// [steps features], ids of an embedding [steps]; the sample is not written.
type Spec struct {
	Input  Dims        `json:"input"`
	Layers []LayerSpec `json:"layers"`
}

// Dims are sizes, one for each dimension. In JSON a single number does too.
type Dims []int

// LayerSpec is one layer. Each type reads some of the fields, and refuses others
// with a list of its own:
//
//	Dense                      units activation               [… n] → [… units]
//	Embedding                  input_dim output_dim mask_zero [steps] → [steps output_dim]
//	EmbeddingBag               input_dim output_dim mask_zero [steps] → [output_dim]
//	Conv1D                     filters kernel strides padding activation
//	                                                          [steps channels] → [steps' filters]
//	Conv2D                     the same                       [height width channels] → [height' width' filters]
//	MaxPool1D, MaxPool2D       pool strides padding           as convolutions, channels stay
//	GlobalAvgPool, GlobalMaxPool                              [… channels] → [channels]
//	Flatten                                                   […] → [product]
//	BatchNorm                  momentum epsilon               shape stays
//	LayerNorm                  epsilon                        shape stays
//	Dropout                    rate                           shape stays
//	Activation                 activation                     shape stays
//	SimpleRNN, LSTM, GRU       units return_sequences         [steps n] → [units] or [steps units]
//	Bidirectional              layer merge_mode               twice the units, or as many when summed
//	Attention                  units heads                    [steps n] → [steps units]
//	AttentionPool              units                          [steps n] → [n]
//	Residual                   layers activation              shape stays
//
// Keras' longer names, MaxPooling2D or BatchNormalization, do too.
type LayerSpec struct {
	Type       string      `json:"type"`
	Name       string      `json:"name,omitempty"`
	Units      int         `json:"units,omitempty"`
	Filters    int         `json:"filters,omitempty"`
	Kernel     Dims        `json:"kernel,omitempty"`
	Strides    Dims        `json:"strides,omitempty"`
	Padding    string      `json:"padding,omitempty"` // valid (the default) or same
	Pool       Dims        `json:"pool,omitempty"`
	Activation string      `json:"activation,omitempty"` // relu, gelu, tanh, sigmoid, softmax, linear
	InputDim   int         `json:"input_dim,omitempty"`
	OutputDim  int         `json:"output_dim,omitempty"`
	MaskZero   bool        `json:"mask_zero,omitempty"` // id 0 is padding behind the sequence
	Rate       float64     `json:"rate,omitempty"`
	Epsilon    float64     `json:"epsilon,omitempty"`
	Momentum   float64     `json:"momentum,omitempty"`
	Sequences  bool        `json:"return_sequences,omitempty"`
	Heads      int         `json:"heads,omitempty"`
	Merge      string      `json:"merge_mode,omitempty"` // concat (the default) or sum
	Layer      *LayerSpec  `json:"layer,omitempty"`
	Layers     []LayerSpec `json:"layers,omitempty"`
}

// Input begins a spec: the shape of one sample.
//
//	spec := nn.Input(28, 28, 1).Conv2D(32, 3, "relu").MaxPool2D(2).Flatten().Dense(10, "softmax")
//	model, err := spec.Build(seed)
//	history, err := nn.Fit(ctx, model, data, nn.Options{Epochs: 5})
func Input(shape ...int) Spec { return Spec{Input: shape} }

// Add appends layers.
func (s Spec) Add(layers ...LayerSpec) Spec {
	s.Layers = slices.Concat(s.Layers, layers)
	return s
}

// last changes the layer added last, in a copy.
func (s Spec) last(change func(l *LayerSpec)) Spec {
	s.Layers = slices.Clone(s.Layers)
	if n := len(s.Layers); n > 0 {
		change(&s.Layers[n-1])
	}
	return s
}

func first(activation []string) string {
	if len(activation) == 0 {
		return ""
	}
	return activation[0]
}

// Dense appends units that each see the whole last dimension.
func (s Spec) Dense(units int, activation ...string) Spec {
	return s.Add(LayerSpec{Type: "Dense", Units: units, Activation: first(activation)})
}

// Embedding appends a table of size rows; [steps] ids become [steps dim].
func (s Spec) Embedding(size, dim int) Spec {
	return s.Add(LayerSpec{Type: "Embedding", InputDim: size, OutputDim: dim})
}

// EmbeddingBag appends a table of size rows; [n] ids become the mean of their
// rows, [dim].
func (s Spec) EmbeddingBag(size, dim int) Spec {
	return s.Add(LayerSpec{Type: "EmbeddingBag", InputDim: size, OutputDim: dim})
}

// Conv1D appends filters over kernel steps; [steps channels] become
// [steps filters].
func (s Spec) Conv1D(filters, kernel int, activation ...string) Spec {
	return s.Add(LayerSpec{Type: "Conv1D", Filters: filters, Kernel: Dims{kernel}, Activation: first(activation)})
}

// Conv2D appends filters over kernel × kernel; [height width channels] become
// [height width filters].
func (s Spec) Conv2D(filters, kernel int, activation ...string) Spec {
	return s.Add(LayerSpec{Type: "Conv2D", Filters: filters, Kernel: Dims{kernel, kernel}, Activation: first(activation)})
}

// MaxPool1D appends the largest of each n steps.
func (s Spec) MaxPool1D(n int) Spec { return s.Add(LayerSpec{Type: "MaxPool1D", Pool: Dims{n}}) }

// MaxPool2D appends the largest of each n × n.
func (s Spec) MaxPool2D(n int) Spec { return s.Add(LayerSpec{Type: "MaxPool2D", Pool: Dims{n, n}}) }

// GlobalAvgPool appends the mean over all real steps or the whole image: a value
// for each channel.
func (s Spec) GlobalAvgPool() Spec { return s.Add(LayerSpec{Type: "GlobalAvgPool"}) }

// GlobalMaxPool appends the largest over all real steps or the whole image.
func (s Spec) GlobalMaxPool() Spec { return s.Add(LayerSpec{Type: "GlobalMaxPool"}) }

// Flatten appends a change of shape to one dimension.
func (s Spec) Flatten() Spec { return s.Add(LayerSpec{Type: "Flatten"}) }

// BatchNorm appends normalisation of each channel over the batch.
func (s Spec) BatchNorm() Spec { return s.Add(LayerSpec{Type: "BatchNorm"}) }

// LayerNorm appends normalisation of each vector of the last dimension.
func (s Spec) LayerNorm() Spec { return s.Add(LayerSpec{Type: "LayerNorm"}) }

// Dropout appends zeros with chance rate while training.
func (s Spec) Dropout(rate float64) Spec { return s.Add(LayerSpec{Type: "Dropout", Rate: rate}) }

// Activation appends a curve of its own.
func (s Spec) Activation(name string) Spec {
	return s.Add(LayerSpec{Type: "Activation", Activation: name})
}

// SimpleRNN appends a plain recurrent layer; [steps features] become [units].
func (s Spec) SimpleRNN(units int) Spec { return s.Add(LayerSpec{Type: "SimpleRNN", Units: units}) }

// LSTM appends a long short-term memory; [steps features] become [units].
func (s Spec) LSTM(units int) Spec { return s.Add(LayerSpec{Type: "LSTM", Units: units}) }

// GRU appends gated recurrent units; [steps features] become [units].
func (s Spec) GRU(units int) Spec { return s.Add(LayerSpec{Type: "GRU", Units: units}) }

// Attention appends self-attention in heads; [steps features] become
// [steps units].
func (s Spec) Attention(units, heads int) Spec {
	return s.Add(LayerSpec{Type: "Attention", Units: units, Heads: heads})
}

// AttentionPool appends a mean over the steps weighted by learned attention;
// [steps features] become [features].
func (s Spec) AttentionPool(units int) Spec {
	return s.Add(LayerSpec{Type: "AttentionPool", Units: units})
}

// Residual appends the sum of its input and what layers make of it:
// Residual(nn.Input().Dense(64, "relu").Dense(64)).
func (s Spec) Residual(inner Spec) Spec {
	return s.Add(LayerSpec{Type: "Residual", Layers: inner.Layers})
}

// Sequences makes the last layer, a recurrent one, give its output of every step.
func (s Spec) Sequences() Spec { return s.last(func(l *LayerSpec) { l.Sequences = true }) }

// Bidirectional makes the last layer, a recurrent one, read both ways.
func (s Spec) Bidirectional() Spec {
	return s.last(func(l *LayerSpec) {
		inner := *l
		*l = LayerSpec{Type: "Bidirectional", Layer: &inner}
	})
}

// Masked makes the last layer, an embedding, take id 0 for padding.
func (s Spec) Masked() Spec { return s.last(func(l *LayerSpec) { l.MaskZero = true }) }

// Same makes the last layer, a convolution or pool, keep the size of its input.
func (s Spec) Same() Spec { return s.last(func(l *LayerSpec) { l.Padding = "same" }) }

// Strides makes the last layer, a convolution or pool, move by n.
func (s Spec) Strides(n ...int) Spec { return s.last(func(l *LayerSpec) { l.Strides = n }) }
