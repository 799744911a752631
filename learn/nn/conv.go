package nn

import "fmt"

// window is the geometry that convolutions and pools share: an image of
// height × width × channels under a window that moves. Sequences are images of
// height 1.
type window struct {
	sequence             bool
	height, width, depth int
	high, wide           int // the window
	down, across         int // how far it moves
	top, left            int // rows and columns of zeros before the image
	outHeight, outWidth  int
	same                 bool
}

func newWindow(s LayerSpec, in []int, name string, sizes, strides Dims) (w window, err error) {
	w.sequence = s.Type == "Conv1D" || s.Type == "MaxPool1D"
	n := 2
	if w.sequence {
		n = 1
		err = rank(in, 2, "[steps channels]")
	} else {
		err = rank(in, 3, "[height width channels]")
	}
	if err != nil {
		return w, err
	}
	if sizes, err = spread(name, sizes, n); err != nil {
		return w, err
	}
	if strides, err = spread("strides", strides, n); err != nil {
		return w, err
	}
	w.height, w.width, w.depth = 1, in[n-1], in[n]
	w.high, w.wide, w.down, w.across = 1, sizes[n-1], 1, strides[n-1]
	if !w.sequence {
		w.height, w.high, w.down = in[0], sizes[0], strides[0]
	}
	switch s.Padding {
	case "", "valid":
		w.outHeight, w.outWidth = (w.height-w.high)/w.down+1, (w.width-w.wide)/w.across+1
		if w.high > w.height || w.wide > w.width {
			return w, fmt.Errorf("%s %v does not fit into the input %v", name, sizes, in)
		}
	case "same":
		w.same = true
		w.outHeight, w.outWidth = (w.height+w.down-1)/w.down, (w.width+w.across-1)/w.across
		w.top = max(0, (w.outHeight-1)*w.down+w.high-w.height) / 2
		w.left = max(0, (w.outWidth-1)*w.across+w.wide-w.width) / 2
	default:
		return w, fmt.Errorf("padding %q is neither valid nor same", s.Padding)
	}
	return w, nil
}

// spread makes n sizes of one or n.
func spread(name string, sizes Dims, n int) (Dims, error) {
	if err := positive(name, sizes...); err != nil {
		return nil, err
	}
	if len(sizes) == 1 && n == 2 {
		return Dims{sizes[0], sizes[0]}, nil
	}
	if len(sizes) != n {
		return nil, fmt.Errorf("%s %v has %d numbers, not %d", name, sizes, len(sizes), n)
	}
	return sizes, nil
}

// shape is the output's, with so many channels.
func (w *window) shape(channels int) []int {
	if w.sequence {
		return []int{w.outWidth, channels}
	}
	return []int{w.outHeight, w.outWidth, channels}
}

// output gives t the shape of the output for x, and the lengths of its sequences,
// which it keeps in lengths.
func (w *window) output(t *Tensor, x Tensor, channels int, lengths *[]int) Tensor {
	n := x.Shape[0]
	if !w.sequence {
		return t.reuse(n, w.outHeight, w.outWidth, channels)
	}
	t.reuse(n, w.outWidth, channels)
	if x.Lengths != nil {
		*lengths = resized(*lengths, n)
		for i := range *lengths {
			(*lengths)[i] = w.steps(x.length(i, w.width))
		}
		t.Lengths = *lengths
	}
	return *t
}

// steps is how many steps a sequence of n becomes.
func (w *window) steps(n int) int {
	if w.same {
		return (n + w.across - 1) / w.across
	}
	return max(0, (n-w.wide+w.across)/w.across)
}

// clearPadding zeroes what lies behind the real steps.
func clearPadding(t Tensor) {
	if t.Lengths == nil {
		return
	}
	all := t.Shape[1]
	width := len(t.Data) / (t.Shape[0] * all)
	for i := range t.Shape[0] {
		clear(t.Data[(i*all+t.length(i, all))*width : (i+1)*all*width])
	}
}

// conv is a convolution as a product: windows, a row each, times the kernel. The
// windows are read in place, or copied as patches; backward copies always.
type conv struct {
	window
	W, B           *Param // high × wide × depth × filters
	x, y, dx       Tensor
	lengths        []int
	patches, slope []float32
	first          bool
	relu           bool       // what comes out is rectified
	placed         *placement // nil = patches
}

func makeConv(b *builder, s LayerSpec, in []int) (Layer, error) {
	if err := positive("filters", s.Filters); err != nil {
		return nil, err
	}
	if s.Strides == nil {
		s.Strides = Dims{1}
	}
	w, err := newWindow(s, in, "kernel", s.Kernel, s.Strides)
	if err != nil {
		return nil, err
	}
	shape := []int{w.high, w.wide, w.depth, s.Filters}
	if w.sequence {
		shape = shape[1:]
	}
	c := &conv{window: w, W: b.weight("conv.W", glorot, shape...), B: b.param("conv.B", nil, s.Filters)}
	c.placed = c.place()
	return c, nil
}

// OutShape is the number of positions by filters.
func (c *conv) OutShape([]int) ([]int, error) { return c.shape(c.filters()), nil }

func (c *conv) filters() int { return c.B.Shape[0] }

func (c *conv) isFirst() { c.first = true }

// Params are the kernel and the bias.
func (c *conv) Params() []*Param { return []*Param{c.W, c.B} }

// patchBlock is about how many elements of patches are made at once: they stay
// in the second-level cache.
const patchBlock = 1 << 15

// eachBlock makes the patches of a few samples at a time.
func (c *conv) eachBlock(do func(patches Matrix, from, to int)) {
	positions, across := c.outHeight*c.outWidth, c.high*c.wide*c.depth
	samples := c.x.Shape[0]
	few := max(1, patchBlock/(positions*across))
	c.patches = resized(c.patches, min(few, samples)*positions*across)
	for i := 0; i < samples; i += few {
		n := min(few, samples-i)
		patches := Mat(c.patches, n*positions, across)
		if c.lines() {
			patches = Mat(c.patches, across, n*positions).T()
		}
		for j := range n {
			if c.lines() {
				c.patchLines(c.sample(c.x, i+j), c.patches[j*positions:], n*positions)
			} else {
				c.patch(c.sample(c.x, i+j), c.real(c.x, i+j), c.patches[j*positions*across:(j+1)*positions*across])
			}
		}
		do(patches, i*positions, (i+n)*positions)
	}
}

// lines says that patches are made column by column, which for images of one
// channel copies whole lines where rows would copy a few elements each.
func (w *window) lines() bool { return w.depth == 1 && w.across == 1 && !w.same && !w.sequence }

// patchLines writes patches turned: for each element of the window its value at
// all positions, stride apart.
func (w *window) patchLines(x, into []float32, stride int) {
	for ky := range w.high {
		for kx := range w.wide {
			column := into[(ky*w.wide+kx)*stride:]
			for oy := range w.outHeight {
				copy(column[oy*w.outWidth:(oy+1)*w.outWidth], x[(oy*w.down+ky)*w.width+kx:])
			}
		}
	}
}

func (w *window) sample(x Tensor, i int) []float32 {
	n := w.height * w.width * w.depth
	return x.Data[i*n : (i+1)*n]
}

// real is how many columns of sample i are no padding.
func (w *window) real(x Tensor, i int) int {
	if !w.sequence {
		return w.width
	}
	return x.length(i, w.width)
}

// patch writes each position's window as a row; columns from width on are zeros.
func (w *window) patch(x []float32, width int, into []float32) {
	if !w.same && width == w.width {
		w.patchWhole(x, into)
		return
	}
	line := w.wide * w.depth
	for oy := range w.outHeight {
		for ox := range w.outWidth {
			left := ox*w.across - w.left
			from, to := max(0, -left), min(w.wide, width-left)
			for ky := range w.high {
				out := into[:line]
				into = into[line:]
				y := oy*w.down + ky - w.top
				if y < 0 || y >= w.height || from > 0 || to < w.wide {
					clear(out)
				}
				if y >= 0 && y < w.height && from < to {
					at := (y*w.width + left) * w.depth
					copy(out[from*w.depth:to*w.depth], x[at+from*w.depth:])
				}
			}
		}
	}
}

// patchWhole is patch where no window reaches over the edge.
func (w *window) patchWhole(x, into []float32) {
	line, step := w.wide*w.depth, w.across*w.depth
	across := w.high * line
	for oy := range w.outHeight {
		rows := into[oy*w.outWidth*across : (oy+1)*w.outWidth*across]
		for ky := range w.high {
			from, to := x[(oy*w.down+ky)*w.width*w.depth:], rows[ky*line:]
			for ox := range w.outWidth {
				copy(to[ox*across:ox*across+line], from[ox*step:])
			}
		}
	}
}

// unpatch adds the rows back to where patch took them from.
func (w *window) unpatch(rows []float32, width int, dx []float32) {
	line := w.wide * w.depth
	for oy := range w.outHeight {
		for ox := range w.outWidth {
			left := ox*w.across - w.left
			from, to := max(0, -left), min(w.wide, width-left)
			for ky := range w.high {
				row := rows[:line]
				rows = rows[line:]
				y := oy*w.down + ky - w.top
				if y < 0 || y >= w.height || from >= to {
					continue
				}
				at := (y*w.width + left) * w.depth
				to := dx[at+from*w.depth : at+to*w.depth]
				active.add(row[from*w.depth:from*w.depth+len(to)], to, to)
			}
		}
	}
}

// Forward is windows·W + B, rectified if so wanted.
func (c *conv) Forward(x Tensor, _ bool) Tensor {
	c.x = x
	f := c.filters()
	y := c.output(&c.y, x, f, &c.lengths)
	if c.placed != nil {
		c.forwardPlaced(c.placed, y.Data)
		clearPadding(y)
		return y
	}
	c.eachBlock(func(patches Matrix, from, to int) {
		c.W.affine(Mat(y.Data[from*f:to*f], to-from, f), patches, c.B.Value, c.relu)
	})
	clearPadding(y)
	return y
}

// Backward is patchesᵀ·dy for W, and dy·Wᵀ, put back in place, for x.
func (c *conv) Backward(dy Tensor) Tensor {
	f := c.filters()
	dy.Lengths = c.y.Lengths
	clearPadding(dy)
	if c.relu {
		rectifierBack(c.y.Data, dy.Data, dy.Data)
	}
	addRows(dy.Data, c.B.Grad)
	if !c.first {
		c.dx.reuse(c.x.Shape...)
		clear(c.dx.Data)
	}
	c.eachBlock(func(patches Matrix, from, to int) {
		g := Mat(dy.Data[from*f:to*f], to-from, f)
		Gemm(c.W.gradient(), patches.T(), g)
		if c.first {
			return
		}
		c.slope = resized(c.slope, patches.Rows*patches.Cols)
		clear(c.slope)
		c.W.multiplyTurned(Mat(c.slope, patches.Rows, patches.Cols), g)
		c.putBack(from, to)
	})
	return c.dx
}

// putBack adds the gradients of the patches from:to to dx.
func (c *conv) putBack(from, to int) {
	positions, across := c.outHeight*c.outWidth, c.high*c.wide*c.depth
	for i := range (to - from) / positions {
		c.unpatch(c.slope[i*positions*across:(i+1)*positions*across], c.real(c.x, from/positions+i), c.sample(c.dx, from/positions+i))
	}
}
