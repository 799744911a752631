package nn

import "fmt"

// Gradients runs a model to its logits, the values before a last softmax or
// sigmoid, and a gradient of them back to the inputs, for explanations. It has
// buffers of its own, shares the weights, and serves one goroutine, not while
// [Fit] runs on the model. Results hold until its next call.
type Gradients struct {
	m    *Model
	ids  Layer // the embedding in front, or nil
	rest *network
}

// Gradients makes one.
func (m *Model) Gradients() *Gradients {
	s := m.spec
	first, _, err := s.build(&builder{})
	if err == nil {
		if _, ids := first.layers[0].(checker); !ids { // so that the first layer has one before it
			s.Layers = append([]LayerSpec{{Type: "Activation"}}, s.Layers...)
		}
		first, _, err = s.build(&builder{shared: m.net, grads: true})
	}
	if err != nil {
		panic("nn: a spec that made a model makes none: " + err.Error())
	}
	g := &Gradients{m: m, rest: first}
	if _, ids := first.layers[0].(checker); ids {
		g.ids = first.layers[0]
	}
	first.layers = first.layers[1:]
	return g
}

// Embed is what the layers see that have gradients: the rows that an embedding in
// front looks up, else x itself.
func (g *Gradients) Embed(x Tensor) (Tensor, error) {
	if err := g.m.check(x); err != nil {
		return Tensor{}, err
	}
	if g.ids == nil {
		return x, nil
	}
	return g.ids.Forward(x, false), nil
}

// Logits are those of what [Gradients.Embed] gave, or of a tensor like it.
func (g *Gradients) Logits(e Tensor) Tensor { return g.rest.forward(e, false) }

// Back takes the gradient of the last Logits and gives that of what they were
// computed from.
func (g *Gradients) Back(dy Tensor) (Tensor, error) {
	if dy.Last() != g.m.out[len(g.m.out)-1] {
		return Tensor{}, fmt.Errorf("nn: a gradient of shape %v for an output of %v", dy.Shape, g.m.out)
	}
	dx := g.rest.backward(dy)
	ZeroGrad(g.rest.params)
	return dx, nil
}
