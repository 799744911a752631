package nn

import (
	"errors"
	"fmt"
)

// bidirectional reads sequences both ways; outputs stand side by side or are
// added.
type bidirectional struct {
	ahead, back *recurrent
	sum         bool
	y, dx       Tensor
	da, db      Tensor
}

func makeBidirectional(b *builder, s LayerSpec, in []int) (Layer, error) {
	if s.Layer == nil {
		return nil, errors.New("layer is missing")
	}
	k, err := kindOf(s.Layer.Type)
	if err == nil {
		err = checkFields(*s.Layer, k)
	}
	if err != nil {
		return nil, fmt.Errorf("layer (%s): %w", s.Layer.Type, err)
	}
	if t := s.Layer.Type; t != "LSTM" && t != "GRU" && t != "SimpleRNN" {
		return nil, fmt.Errorf("layer (%s) is not LSTM, GRU or SimpleRNN", t)
	}
	if s.Merge != "" && s.Merge != "concat" && s.Merge != "sum" {
		return nil, fmt.Errorf("merge_mode %q is neither concat nor sum", s.Merge)
	}
	l := &bidirectional{sum: s.Merge == "sum"}
	if l.ahead, err = newRecurrent(b, *s.Layer, in); err != nil {
		return nil, err
	}
	if l.back, err = newRecurrent(b, *s.Layer, in); err != nil {
		return nil, err
	}
	l.back.reverse = true
	for i, p := range l.ahead.Params() {
		p.Name = "ahead." + p.Name
		l.back.Params()[i].Name = "back." + l.back.Params()[i].Name
	}
	return l, nil
}

// OutShape is that of one direction, or twice as wide.
func (l *bidirectional) OutShape(in []int) ([]int, error) {
	out, err := l.ahead.OutShape(in)
	if !l.sum {
		out[len(out)-1] *= 2
	}
	return out, err
}

// Params are those of both directions.
func (l *bidirectional) Params() []*Param { return append(l.ahead.Params(), l.back.Params()...) }

func (l *bidirectional) isFirst() { l.ahead.first, l.back.first = true, true }

func (l *bidirectional) Forward(x Tensor, train bool) Tensor {
	a, b := l.ahead.Forward(x, train), l.back.Forward(x, train)
	if l.sum {
		y := l.y.like(a, a.Last())
		Add(a.Data, b.Data, y.Data)
		return y
	}
	u := a.Last()
	y := l.y.like(a, 2*u)
	for i := 0; i < len(a.Data)/u; i++ {
		copy(y.Data[2*i*u:], a.Data[i*u:(i+1)*u])
		copy(y.Data[(2*i+1)*u:], b.Data[i*u:(i+1)*u])
	}
	return y
}

func (l *bidirectional) Backward(dy Tensor) Tensor {
	da, db := dy, dy
	if !l.sum {
		u := dy.Last() / 2
		da, db = l.da.like(dy, u), l.db.like(dy, u)
		for i := 0; i < len(da.Data)/u; i++ {
			copy(da.Data[i*u:(i+1)*u], dy.Data[2*i*u:])
			copy(db.Data[i*u:(i+1)*u], dy.Data[(2*i+1)*u:])
		}
	}
	one, two := l.ahead.Backward(da), l.back.Backward(db)
	if l.ahead.first {
		return Tensor{}
	}
	dx := l.dx.like(one, one.Last())
	Add(one.Data, two.Data, dx.Data)
	return dx
}
