// Package nn is an engine for neural networks in float32: models in Keras' words,
// layers with explicit backward passes, training on several threads, serving,
// files, and the kernels below them.
//
//	spec := nn.Input(28, 28, 1).Conv2D(32, 3, "relu").MaxPool2D(2).Flatten().Dense(10, "softmax")
//	model, err := spec.Build(seed)
//	history, err := nn.Fit(ctx, model, nn.Data{X: images, Y: classes}, nn.Options{Epochs: 5})
//	y, err := model.Predict(images)
//
// [Spec] is what a model is made of, in Go or in JSON ([ParseSpec]); [Model] is
// what it becomes; [Fit] trains it, [Session] serves it. Models are kept as
// safetensors ([Model.Save], [LoadModel]) and leave as ONNX ([Model.ONNX]).
// Images have their channels last; sequences are padded behind, and
// [Tensor.Lengths] or a masked embedding says what is real.
//
// Beneath, [Tensor] is a flat slice with a shape, [Layer] is what networks are
// made of, [Sequential] chains layers by hand, and [SplitMLP] ranks candidates.
// Kernels are in assembly for AVX2 and AVX-512 and in plain Go elsewhere; the
// processor decides, no build flag does.
//
// Its invariant: the same seed, data, number of threads and kind of processor
// give the same bits. Kinds of processors differ in rounding only.
package nn

import (
	"fmt"
	"slices"
)

// Tensor is a dense array, row by row: Data has as many elements as the product
// of Shape. Copies share Data.
type Tensor struct {
	Shape []int
	Data  []float32
	// Lengths are the steps of each sample that are real when samples are
	// sequences, padded behind; nil = all of them.
	Lengths []int
}

// NewTensor is a tensor of zeros.
func NewTensor(shape ...int) Tensor {
	return Tensor{Shape: shape, Data: make([]float32, size(shape))}
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// Of wraps data, without copying, in a shape; it panics when they do not fit.
func Of(data []float32, shape ...int) Tensor {
	if len(data) != size(shape) {
		panic(fmt.Sprintf("nn: %d elements do not make %v", len(data), shape))
	}
	return Tensor{Shape: shape, Data: data}
}

// Last is the length of the last dimension, 0 for a tensor without any.
func (t Tensor) Last() int {
	if len(t.Shape) == 0 {
		return 0
	}
	return t.Shape[len(t.Shape)-1]
}

// reuse gives t the shape, keeping its memory when that is large enough; the
// contents are undefined.
func (t *Tensor) reuse(shape ...int) Tensor {
	n := size(shape)
	t.Data = slices.Grow(t.Data[:0], n)[:n]
	t.Shape = append(t.Shape[:0], shape...)
	t.Lengths = nil
	return *t
}

// like gives t the shape of x with another last dimension, and x's lengths.
func (t *Tensor) like(x Tensor, last int) Tensor {
	n := len(x.Data) / max(1, x.Last()) * last
	t.Data = slices.Grow(t.Data[:0], n)[:n]
	t.Shape = append(t.Shape[:0], x.Shape...)
	t.Shape[len(t.Shape)-1] = last
	t.Lengths = x.Lengths
	return *t
}

// length is how many steps of sample i are real, of all steps.
func (t Tensor) length(i, all int) int {
	if t.Lengths == nil {
		return all
	}
	return min(t.Lengths[i], all)
}

// resized is x with n elements of undefined contents, in the same memory when
// that is large enough.
func resized[T any](x []T, n int) []T { return slices.Grow(x[:0], n)[:n] }
