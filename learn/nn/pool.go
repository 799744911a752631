package nn

// maxPool is the largest of each window, channel by channel.
type maxPool struct {
	window
	x, y, dx Tensor
	line     []float32 // the larger of some rows
	rest     []float32 // gradients not given yet
	lengths  []int
}

func makeMaxPool(_ *builder, s LayerSpec, in []int) (Layer, error) {
	if s.Pool == nil {
		s.Pool = Dims{2}
	}
	if s.Strides == nil {
		s.Strides = s.Pool
	}
	w, err := newWindow(s, in, "pool", s.Pool, s.Strides)
	return &maxPool{window: w}, err
}

// OutShape keeps the channels.
func (p *maxPool) OutShape([]int) ([]int, error) { return p.shape(p.depth), nil }

func (p *maxPool) Params() []*Param { return nil }

// each visits every position of every sample: its vector in the output, and those
// of the rows of its window in the input that lie side by side, n at once.
func (p *maxPool) each(do func(out, in, n int)) {
	out := 0
	for i := range p.x.Shape[0] {
		width, base := p.real(p.x, i), i*p.height*p.width // padding is smaller than anything
		for oy := range p.outHeight {
			y0 := oy*p.down - p.top
			for ox := range p.outWidth {
				x0 := ox*p.across - p.left
				from, to := max(0, x0), min(width, x0+p.wide)
				for y := max(0, y0); y < min(p.height, y0+p.high) && from < to; y++ {
					do(out, (base+y*p.width+from)*p.depth, to-from)
				}
				out += p.depth
			}
		}
	}
}

// Forward takes the larger of rows, then of their columns.
func (p *maxPool) Forward(x Tensor, _ bool) Tensor {
	p.x = x
	y := p.output(&p.y, x, p.depth, &p.lengths)
	p.line = resized(p.line, p.width*p.depth)
	d, out := p.depth, 0
	for i := range x.Shape[0] {
		width := p.real(x, i) // padding is smaller than anything
		for oy := range p.outHeight {
			line := p.rows(p.sample(x, i), oy, width)
			for ox := range p.outWidth {
				x0 := ox*p.across - p.left
				from, to := max(0, x0)*d, min(width, x0+p.wide)*d
				if v := y.Data[out : out+d]; from+d < to {
					active.max(line[from:from+d], line[from+d:from+2*d], v)
					for from += 2 * d; from < to; from += d {
						active.max(line[from:from+d], v, v)
					}
				} else if from < to {
					copy(v, line[from:])
				}
				out += d
			}
		}
	}
	clearPadding(y)
	return y
}

// rows is the larger of the rows that the windows of output row oy see.
func (p *maxPool) rows(x []float32, oy, width int) []float32 {
	n, all := width*p.depth, p.width*p.depth
	from, to := max(0, oy*p.down-p.top), min(p.height, oy*p.down-p.top+p.high)
	line := x[from*all : from*all+n]
	for from++; from < to; from++ {
		active.max(line, x[from*all:from*all+n], p.line[:n])
		line = p.line[:n]
	}
	return line
}

// Backward gives the gradient to the first element of a window that is the
// largest.
func (p *maxPool) Backward(dy Tensor) Tensor {
	dx := p.dx.reuse(p.x.Shape...)
	clear(dx.Data)
	dy.Lengths = p.y.Lengths
	clearPadding(dy)
	p.rest = append(p.rest[:0], dy.Data...)
	d := p.depth
	p.each(func(out, in, n int) {
		for ; n > 0; n, in = n-1, in+d {
			active.give(p.x.Data[in:in+d], p.y.Data[out:out+d], p.rest[out:out+d], dx.Data[in:in+d])
		}
	})
	return dx
}

// globalPool is the mean or the largest over all real steps.
type globalPool struct {
	largest      bool
	x, y, dx     Tensor
	steps, depth int
}

func makeGlobalPool(_ *builder, s LayerSpec, in []int) (Layer, error) {
	if len(in) < 2 {
		return nil, rank(in, 2, "[steps channels] or [height width channels]")
	}
	n := len(in) - 1
	return &globalPool{largest: s.Type == "GlobalMaxPool", steps: size(in[:n]), depth: in[n]}, nil
}

// OutShape is the channels.
func (p *globalPool) OutShape(in []int) ([]int, error) { return in[len(in)-1:], nil }

func (p *globalPool) Params() []*Param { return nil }

func (p *globalPool) vector(t Tensor, i int) []float32 { return t.Data[i*p.depth : (i+1)*p.depth] }

func (p *globalPool) Forward(x Tensor, _ bool) Tensor {
	p.x = x
	y := p.y.reuse(x.Shape[0], p.depth)
	clear(y.Data)
	for i := range x.Shape[0] {
		out, n := p.vector(y, i), x.length(i, p.steps)
		for t := range n {
			in := p.vector(x, i*p.steps+t)
			switch {
			case !p.largest:
				active.axpy(1/float32(n), in, out)
			case t == 0:
				copy(out, in)
			default:
				active.max(in, out, out)
			}
		}
	}
	return y
}

func (p *globalPool) Backward(dy Tensor) Tensor {
	dx := p.dx.like(p.x, p.depth)
	clear(dx.Data)
	for i := range p.x.Shape[0] {
		n := p.x.length(i, p.steps)
		for t := range n {
			if !p.largest {
				active.axpy(1/float32(n), p.vector(dy, i), p.vector(dx, i*p.steps+t))
			}
		}
		for j := 0; p.largest && n > 0 && j < p.depth; j++ {
			at := i * p.steps * p.depth
			for p.x.Data[at+j] != p.y.Data[i*p.depth+j] && at < (i*p.steps+n-1)*p.depth {
				at += p.depth
			}
			dx.Data[at+j] = dy.Data[i*p.depth+j]
		}
	}
	return dx
}
