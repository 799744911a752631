package nn

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// kind is one type of layer: the fields it reads and how it is made for inputs
// of a shape.
type kind struct {
	fields string
	make   func(b *builder, s LayerSpec, in []int) (Layer, error)
}

// kinds are the types by name. It is a function since Bidirectional and Residual
// hold layers themselves.
func kinds() map[string]kind {
	return map[string]kind{
		"Dense":         {"units activation", makeDense},
		"Embedding":     {"input_dim output_dim mask_zero", makeEmbedding},
		"EmbeddingBag":  {"input_dim output_dim mask_zero", makeEmbeddingBag},
		"Conv1D":        {"filters kernel strides padding activation", makeConv},
		"Conv2D":        {"filters kernel strides padding activation", makeConv},
		"MaxPool1D":     {"pool strides padding", makeMaxPool},
		"MaxPool2D":     {"pool strides padding", makeMaxPool},
		"GlobalAvgPool": {"", makeGlobalPool},
		"GlobalMaxPool": {"", makeGlobalPool},
		"Flatten":       {"", func(*builder, LayerSpec, []int) (Layer, error) { return &flatten{}, nil }},
		"BatchNorm":     {"momentum epsilon", makeBatchNorm},
		"LayerNorm":     {"epsilon", makeLayerNorm},
		"Dropout":       {"rate", makeDropout},
		"Activation":    {"activation", func(*builder, LayerSpec, []int) (Layer, error) { return nil, nil }},
		"SimpleRNN":     {"units return_sequences", makeRecurrent},
		"LSTM":          {"units return_sequences", makeRecurrent},
		"GRU":           {"units return_sequences", makeRecurrent},
		"Bidirectional": {"layer merge_mode", makeBidirectional},
		"Attention":     {"units heads", makeAttention},
		"AttentionPool": {"units", makeAttentionPool},
		"Residual":      {"layers activation", makeResidual},
	}
}

// synonyms are other names that Keras has for the same.
var synonyms = map[string]string{
	"MaxPooling1D": "MaxPool1D", "MaxPooling2D": "MaxPool2D",
	"GlobalAveragePooling1D": "GlobalAvgPool", "GlobalAveragePooling2D": "GlobalAvgPool",
	"GlobalMaxPooling1D": "GlobalMaxPool", "GlobalMaxPooling2D": "GlobalMaxPool",
	"GlobalAvgPool1D": "GlobalAvgPool", "GlobalAvgPool2D": "GlobalAvgPool",
	"GlobalMaxPool1D": "GlobalMaxPool", "GlobalMaxPool2D": "GlobalMaxPool",
	"BatchNormalization": "BatchNorm", "LayerNormalization": "LayerNorm",
	"MultiHeadAttention": "Attention",
}

func kindOf(name string) (kind, error) {
	all := kinds()
	k, ok := all[name]
	if !ok {
		names := slices.Sorted(maps.Keys(all))
		return kind{}, fmt.Errorf("unknown type%s; there are: %s", meant(name, names), strings.Join(names, ", "))
	}
	return k, nil
}

// activations are the curves by name; "" and linear are none.
func activation(name string) (Layer, error) {
	switch name {
	case "", "linear":
		return nil, nil
	case "relu":
		return ReLU(), nil
	case "gelu":
		return GELU(), nil
	case "tanh":
		return Tanh(), nil
	case "sigmoid":
		return Sigmoid(), nil
	case "softmax":
		return &probabilities{}, nil
	}
	names := []string{"relu", "gelu", "tanh", "sigmoid", "softmax", "linear"}
	return nil, fmt.Errorf("unknown activation %q%s; there are: %s", name, meant(name, names), strings.Join(names, ", "))
}

// positive refuses sizes that are missing or absurd.
func positive(name string, sizes ...int) error {
	if len(sizes) == 0 {
		return fmt.Errorf("%s is missing", name)
	}
	for _, n := range sizes {
		if n <= 0 || n > 1<<24 {
			return fmt.Errorf("%s is %d, not between 1 and %d", name, n, 1<<24)
		}
	}
	return nil
}

// rank refuses inputs of another number of dimensions.
func rank(in []int, n int, words string) error {
	if len(in) != n {
		return fmt.Errorf("takes %s, got %v", words, in)
	}
	return nil
}
