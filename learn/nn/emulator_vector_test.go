package nn

import (
	"math"
	"strconv"
	"strings"
)

// register is the number and the lanes of X, Y and Z registers, 0 lanes for
// anything else.
func register(arg string) (n, lanes int) {
	switch arg[0] {
	case 'X':
		lanes = 4
	case 'Y':
		lanes = 8
	case 'Z':
		lanes = 16
	default:
		return 0, 0
	}
	n, err := strconv.Atoi(arg[1:])
	if err != nil {
		return 0, 0
	}
	return n, lanes
}

// source is n lanes of a register or of memory.
func (m *machine) source(arg string, n int) (v [16]float32) {
	if r, lanes := register(arg); lanes > 0 {
		if m.vector[r] == nil {
			m.t.Fatalf("register %s is read before it is written", arg)
		}
		copy(v[:n], m.vector[r][:n])
		return v
	}
	if strings.HasSuffix(arg, "(FP)") {
		v[0] = math.Float32frombits(uint32(m.parameter(arg)))
		return v
	}
	copy(v[:n], m.cells(arg, n))
	return v
}

// fused instructions read their target.
func fused(op string) bool {
	return strings.HasPrefix(op, "VFMADD") || strings.HasPrefix(op, "VFNMADD")
}

func fma32(a, b, c float32) float32 { return float32(math.FMA(float64(a), float64(b), float64(c))) }

// vectorStep follows the operand order of Go's assembler: sources first, reversed
// from Intel's manual. Writing a register clears the lanes above.
func (m *machine) vectorStep(in instruction) {
	a := in.args
	last := a[len(a)-1]
	to, lanes := register(last)
	n := lanes
	if lanes == 0 {
		_, n = register(a[0])
	}
	single := strings.HasSuffix(in.op, "SS") && in.op != "VBROADCASTSS"
	if single {
		n = 1
	}
	var out [16]float32
	switch in.op {
	case "VXORPS", "VPXORD":
		if a[0] != a[1] || a[1] != a[2] {
			m.t.Fatalf("%s of different registers", in.op)
		}
	case "VMOVUPS", "VMOVSS", "MOVSS":
		out = m.source(a[0], n)
		if strings.HasSuffix(last, "(FP)") {
			m.result = out[0]
			return
		}
		if lanes == 0 {
			copy(m.cells(last, n), out[:n])
			return
		}
	case "VBROADCASTSS":
		v := m.source(a[0], 1)
		for i := range n {
			out[i] = v[0]
		}
	case "VEXTRACTF128", "VEXTRACTF64X4":
		v := m.source(a[1], 2*lanes)
		copy(out[:lanes], v[lanes*int(m.integer(a[0])):])
	case "VMOVHLPS":
		low, high := m.source(a[0], 4), m.source(a[1], 4)
		out[0], out[1], out[2], out[3] = low[2], low[3], high[2], high[3]
	case "VMOVSHDUP":
		v := m.source(a[0], n)
		for i := range n {
			out[i] = v[i|1]
		}
	case "VCVTPS2DQ":
		v := m.source(a[0], n)
		for i := range n {
			out[i] = math.Float32frombits(uint32(int32(math.RoundToEven(float64(v[i])))))
		}
	case "VCVTDQ2PS":
		v := m.source(a[0], n)
		for i := range n {
			out[i] = float32(int32(math.Float32bits(v[i])))
		}
	case "VCMPPS":
		if m.integer(a[0]) != 0x1e {
			m.t.Fatalf("comparison %s is not known here", a[0])
		}
		x, y := m.source(a[1], n), m.source(a[2], n)
		for i := range n {
			out[i] = mask(y[i] > x[i])
		}
	case "VPCMPEQD":
		x, y := m.source(a[0], n), m.source(a[1], n)
		for i := range n {
			out[i] = mask(math.Float32bits(x[i]) == math.Float32bits(y[i]))
		}
	case "VANDPS", "VANDNPS":
		x, y := m.source(a[0], n), m.source(a[1], n)
		for i := range n {
			bits := math.Float32bits(y[i])
			if in.op == "VANDNPS" {
				bits = ^bits
			}
			out[i] = math.Float32frombits(math.Float32bits(x[i]) & bits)
		}
	case "VPADDD":
		x, y := m.source(a[0], n), m.source(a[1], n)
		for i := range n {
			out[i] = math.Float32frombits(math.Float32bits(x[i]) + math.Float32bits(y[i]))
		}
	case "VPSLLD":
		v := m.source(a[1], n)
		for i := range n {
			out[i] = math.Float32frombits(math.Float32bits(v[i]) << m.integer(a[0]))
		}
	case "VSQRTPS":
		v := m.source(a[0], n)
		for i := range n {
			out[i] = float32(math.Sqrt(float64(v[i])))
		}
	default:
		x, y := m.source(a[0], n), m.source(a[1], lanes)
		var old [16]float32
		if fused(in.op) {
			old = m.source(last, lanes)
		}
		if out = y; fused(in.op) {
			out = old
		}
		for i := range n {
			out[i] = m.arithmetic(in.op, x[i], y[i], old[i])
		}
		if single {
			clear(out[4:])
		}
	}
	m.vector[to] = &out
}

// mask is all ones or zeros.
func mask(yes bool) float32 {
	if yes {
		return math.Float32frombits(math.MaxUint32)
	}
	return 0
}

func (m *machine) arithmetic(op string, x, y, old float32) float32 {
	switch op[:len(op)-2] {
	case "VADD":
		return y + x
	case "VSUB":
		return y - x
	case "VMUL":
		return y * x
	case "VDIV":
		return y / x
	case "VSQRT":
		return float32(math.Sqrt(float64(x)))
	case "VMAX":
		if y > x {
			return y
		}
		return x
	case "VMIN":
		if y < x {
			return y
		}
		return x
	case "VFNMADD231":
		return fma32(-x, y, old)
	case "VFMADD231":
		return fma32(x, y, old)
	case "VFMADD213":
		return fma32(y, old, x)
	}
	m.t.Fatalf("instruction %s is not known here", op)
	return 0
}
