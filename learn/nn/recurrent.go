package nn

// cell is what distinguishes recurrent layers: how the sums of a step's gates
// become its output. Rows are those of a step, n from lo on; the step before
// begins at row before, or is none (-1) and was all zeros.
type cell interface {
	// gates is how many sums each unit has.
	gates() int
	// apart says that the recurrent sums stay apart from the input's.
	apart() bool
	// reset makes room for so many rows.
	reset(rows, units int)
	// forward turns sums into gates and writes the output.
	forward(r *recurrent, lo, n, before int)
	// backward turns gates into the gradients of their sums, and dh into what of
	// the gradient goes straight to the output before.
	backward(r *recurrent, lo, n, before int, dh []float32)
}

// recurrent runs a cell over sequences. Sums of the inputs of all steps are one
// product, and so are the gradients of all weights.
type recurrent struct {
	name      string
	cell      cell
	W, U, B   *Param // features × gates·units, units × gates·units, gates·units (twice when apart)
	units     int
	sequences bool
	reverse   bool
	first     bool

	table  []float32 // input sums of each id, when an embedding was folded in
	masked bool      // id 0 is padding

	packing
	in     int
	x      []float32 // packed input
	sums   []float32 // of the inputs and, unless apart, the outputs before; then gates; then gradients
	again  []float32 // recurrent sums: kept when apart, else sums itself
	kept   []float32
	h      []float32 // packed output
	zero   []float32 // a row of them
	dh, dc []float32
	dy     []float32 // packed
	y, dx  Tensor
}

// OutShape is the units, for each step if sequences are wanted.
func (r *recurrent) OutShape(in []int) ([]int, error) {
	if r.sequences {
		return []int{in[0], r.units}, nil
	}
	return []int{r.units}, nil
}

// Params are the weights of inputs and of outputs before, and the biases.
func (r *recurrent) Params() []*Param { return []*Param{r.W, r.U, r.B} }

func (r *recurrent) isFirst() { r.first = true }

// row is row i of packed rows of width n, or zeros before the first step.
func (r *recurrent) row(data []float32, before, i int) []float32 {
	if before < 0 {
		return r.zero
	}
	return data[(before+i)*r.units : (before+i+1)*r.units]
}

func (r *recurrent) across() int { return r.cell.gates() * r.units }

// bias is the input's, or the output's before when apart.
func (r *recurrent) bias(i int) []float32 { return r.B.Value[i*r.across() : (i+1)*r.across()] }

// Forward runs all steps.
func (r *recurrent) Forward(x Tensor, _ bool) Tensor {
	r.set(x)
	rows, wide := r.rows(), r.across()
	r.sums, r.h = resized(r.sums, rows*wide), resized(r.h, rows*r.units)
	r.zero = resized(r.zero, r.units)
	clear(r.zero)
	r.cell.reset(rows, r.units)
	if r.table != nil {
		r.lookUp(x.Data)
	} else {
		r.project(x)
	}
	r.again = r.sums
	if r.cell.apart() {
		r.kept = resized(r.kept, rows*wide)
		r.again = r.kept
		repeat(r.bias(1), r.again)
	}
	before := -1
	for s, n := range r.active {
		lo := r.start[s]
		if before >= 0 {
			r.U.multiply(Mat(r.again[lo*wide:], n, wide), Mat(r.h[before*r.units:], n, r.units))
		}
		r.cell.forward(r, lo, n, before)
		before = lo
	}
	return r.output()
}

// project computes the sums of all steps' inputs.
func (r *recurrent) project(x Tensor) {
	r.in = x.Last()
	rows, wide := r.rows(), r.across()
	r.x = resized(r.x, rows*r.in)
	r.gather(x.Data, r.x, r.in, r.reverse)
	r.W.affine(Mat(r.sums, rows, wide), Mat(r.x, rows, r.in), r.bias(0), false)
}

// output is the last real step of each sequence, or all of them.
func (r *recurrent) output() Tensor {
	if r.sequences {
		y := r.y.reuse(r.samples, r.steps, r.units)
		r.scatter(r.h, y.Data, r.units, r.reverse)
		r.y.Lengths = r.lengths
		return r.y
	}
	y := r.y.reuse(r.samples, r.units)
	clear(y.Data) // sequences without a step
	for s := range r.active {
		for i, to := r.ending(s); i < to; i++ {
			copy(y.Data[r.order[i]*r.units:], r.row(r.h, r.start[s], i))
		}
	}
	return y
}

// Backward runs all steps back.
func (r *recurrent) Backward(dy Tensor) Tensor {
	r.dh = resized(r.dh, r.samples*r.units)
	r.dc = resized(r.dc, r.samples*r.units)
	clear(r.dh)
	clear(r.dc)
	if r.sequences {
		r.dy = resized(r.dy, r.rows()*r.units)
		r.gather(dy.Data, r.dy, r.units, r.reverse)
	}
	wide := r.across()
	for s := len(r.active) - 1; s >= 0; s-- {
		lo, n := r.start[s], r.active[s]
		r.addStep(dy, s)
		before := -1
		if s > 0 {
			before = r.start[s-1]
		}
		dh := r.dh[:n*r.units]
		r.cell.backward(r, lo, n, before, dh)
		if s > 0 {
			r.U.multiplyTurned(Mat(dh, n, r.units), Mat(r.again[lo*wide:], n, wide))
		}
	}
	r.weights()
	return r.inputs()
}

// addStep adds the gradient of the output at step s.
func (r *recurrent) addStep(dy Tensor, s int) {
	if r.sequences {
		n := r.active[s] * r.units
		active.add(r.dy[r.start[s]*r.units:r.start[s]*r.units+n], r.dh[:n], r.dh[:n])
		return
	}
	for i, to := r.ending(s); i < to; i++ {
		at := r.order[i] * r.units
		d := r.dh[i*r.units : (i+1)*r.units]
		active.add(dy.Data[at:at+r.units], d, d)
	}
}

// weights adds to the gradients of the weights, all steps at once.
func (r *recurrent) weights() {
	rows, wide := r.rows(), r.across()
	Gemm(r.W.gradient(), Mat(r.x, rows, r.in).T(), Mat(r.sums, rows, wide))
	addRows(r.sums, r.B.Grad[:wide])
	if r.cell.apart() {
		addRows(r.again, r.B.Grad[wide:])
	}
	if len(r.active) < 2 {
		return
	}
	after := rows - r.active[0]
	Gemm(r.U.gradient(), Mat(r.outputsBefore(after), after, r.units).T(), Mat(r.again[r.active[0]*wide:], after, wide))
}

// outputsBefore are, for each row after the first step, the output one step
// earlier. The output is moved up when sequences end; it is not needed again.
func (r *recurrent) outputsBefore(after int) []float32 {
	if r.active[len(r.active)-1] == r.active[0] {
		return r.h[:after*r.units]
	}
	to := 0
	for s, n := range r.active[1:] {
		from := r.start[s] * r.units
		to += copy(r.h[to:to+n*r.units], r.h[from:])
	}
	return r.h[:to]
}

// inputs is the gradient of the input.
func (r *recurrent) inputs() Tensor {
	if r.first {
		return Tensor{}
	}
	rows := r.rows()
	clear(r.x)
	r.W.multiplyTurned(Mat(r.x, rows, r.in), Mat(r.sums, rows, r.across()))
	dx := r.dx.reuse(r.samples, r.steps, r.in)
	r.scatter(r.x, dx.Data, r.in, r.reverse)
	return dx
}

func makeRecurrent(b *builder, s LayerSpec, in []int) (Layer, error) {
	return newRecurrent(b, s, in)
}

func newRecurrent(b *builder, s LayerSpec, in []int) (*recurrent, error) {
	if err := rank(in, 2, "[steps features]"); err != nil {
		return nil, err
	}
	if err := positive("units", s.Units); err != nil {
		return nil, err
	}
	b.sequences = true
	r := &recurrent{units: s.Units, sequences: s.Sequences}
	switch s.Type {
	case "SimpleRNN":
		r.name, r.cell = "rnn", &simpleCell{}
	case "LSTM":
		r.name, r.cell = "lstm", &lstmCell{}
	case "GRU":
		r.name, r.cell = "gru", &gruCell{}
	}
	r.W = b.weight(r.name+".W", glorot, in[1], r.across())
	r.U = b.weight(r.name+".U", orthogonal, r.units, r.across())
	switch {
	case r.cell.apart():
		r.B = b.param(r.name+".B", nil, 2, r.across())
	case s.Type == "LSTM":
		r.B = b.param(r.name+".B", remember, r.across())
	default:
		r.B = b.param(r.name+".B", nil, r.across())
	}
	return r, nil
}
