package nn

import "math"

// curveConstants are what the assembly of e^x needs, sixteen copies of each: see
// tools/kernels/cells.go for the order.
var curveConstants = func() (c [224]float32) {
	for i, v := range []float32{
		88, -87, math.Log2E, 0x1.62ep-1, math.Ln2 - 0x1.62ep-1, math.Float32frombits(127), 1, 2,
		1. / 5040, 1. / 720, 1. / 120, 1. / 24, 1. / 6, 1. / 2,
	} {
		for j := range 16 {
			c[16*i+j] = v
		}
	}
	return c
}()

// curved applies a pointwise function to all of x, in pieces.
func curved(x []float32, f func(l level, x []float32)) {
	for i := 0; i < len(x); i += longest {
		f(active, x[i:min(len(x), i+longest)])
	}
}

func expPortable(x []float32) {
	for i, v := range x {
		x[i] = float32(math.Exp(float64(min(max(v, -87), 88))))
	}
}

func sigmoidPortable(x []float32) {
	for i, v := range x {
		x[i] = sigmoid(v)
	}
}

func tanhPortable(x []float32) {
	for i, v := range x {
		x[i] = float32(math.Tanh(float64(v)))
	}
}

// lstmPortable is the cell over one row: gates are the sums of input, forget,
// candidate and output gates one after the other, and become their values.
func lstmPortable(gates, before, cell, curved, h []float32) {
	n := len(before)
	sigmoidPortable(gates[:2*n])
	tanhPortable(gates[2*n : 3*n])
	sigmoidPortable(gates[3*n:])
	for j := range n {
		cell[j] = gates[j]*gates[2*n+j] + gates[n+j]*before[j]
		curved[j] = float32(math.Tanh(float64(cell[j])))
		h[j] = gates[3*n+j] * curved[j]
	}
}

// lstmBackPortable turns the gates' values into the gradients of their sums, and
// dc, the gradient of the state, into that of the state before.
func lstmBackPortable(gates, before, curved, dh, dc []float32) {
	n := len(before)
	for j := range n {
		i, f, g, o, c := gates[j], gates[n+j], gates[2*n+j], gates[3*n+j], curved[j]
		d := dc[j] + dh[j]*o*(1-c*c)
		gates[j] = d * g * i * (1 - i)
		gates[n+j] = d * before[j] * f * (1 - f)
		gates[2*n+j] = d * i * (1 - g*g)
		gates[3*n+j] = dh[j] * c * o * (1 - o)
		dc[j] = d * f
	}
}

// rowPortable adds A·B to one row of C, four columns wide.
func rowPortable(k int, a []float32, col int, b, c []float32) {
	var c0, c1, c2, c3 float32
	for i := range k {
		x, v := a[i*col], b[4*i:4*i+4]
		c0 += x * v[0]
		c1 += x * v[1]
		c2 += x * v[2]
		c3 += x * v[3]
	}
	c = c[:4]
	c[0], c[1], c[2], c[3] = c[0]+c0, c[1]+c1, c[2]+c2, c[3]+c3
}

// reluBackPortable writes dy to dx where y is more than 0, else 0.
func reluBackPortable(y, dy, dx []float32) {
	for i, v := range y {
		if v > 0 {
			dx[i] = dy[i]
		} else {
			dx[i] = 0
		}
	}
}

// givePortable adds left to dx where x and y are the same bits, and takes it from
// left.
func givePortable(x, y, left, dx []float32) {
	for i, v := range x {
		if math.Float32bits(v) == math.Float32bits(y[i]) {
			dx[i] += left[i]
			left[i] = 0
		}
	}
}

// rectifierBack is the backward pass of max(x, 0) with output y; dx may be dy.
func rectifierBack(y, dy, dx []float32) {
	for i := 0; i < len(y); i += longest {
		j := min(len(y), i+longest)
		active.reluBack(y[i:j], dy[i:j], dx[i:j])
	}
}
