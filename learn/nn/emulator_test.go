package nn

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// machine runs the generated assembly one instruction at a time, so that every
// kernel is checked on processors that lack its instructions too. It knows the
// instructions the generator uses and fails on any other. Reaching outside the
// memory or over the guards between arrays fails as well.
type machine struct {
	t      *testing.T
	code   map[string][]instruction
	memory []float32 // address 4·i is element i
	guards []int     // elements nobody may read or write
	frame  map[string]uint64
	result float32
	scalar map[string]uint64
	vector map[int]*[16]float32
	zero   bool // flags of the last comparison or subtraction
	less   bool
}

type instruction struct {
	op   string
	args []string
}

var (
	textLine = regexp.MustCompile(`^TEXT ·(\w+)\(SB\)`)
	memory   = regexp.MustCompile(`^(-?\d*)\((\w+)\)(?:\((\w+)\*(\d)\))?$`)
	commas   = regexp.MustCompile(`,\s*`)
)

// load reads the assembly file into instructions by function; labels are
// instructions whose op ends in a colon.
func (m *machine) load(path string) {
	file, err := os.ReadFile(path)
	if err != nil {
		m.t.Fatal(err)
	}
	m.code = make(map[string][]instruction)
	name := ""
	for line := range strings.Lines(string(file)) {
		line = strings.TrimSpace(line)
		if f := textLine.FindStringSubmatch(line); f != nil {
			name = f[1]
			continue
		}
		if name == "" || line == "" || strings.HasPrefix(line, "//") {
			continue
		}
		op, rest, _ := strings.Cut(line, " ")
		var args []string
		if rest = strings.TrimSpace(rest); rest != "" {
			args = commas.Split(rest, -1)
		}
		m.code[name] = append(m.code[name], instruction{op, args})
	}
}

// put places arrays in memory, guards around them, and returns their addresses.
func (m *machine) put(arrays ...[]float32) []uint64 {
	m.memory, m.guards = nil, nil
	var at []uint64
	guard := func() {
		m.guards = append(m.guards, len(m.memory))
		m.memory = append(m.memory, float32(math.NaN()))
	}
	for _, a := range arrays {
		guard()
		at = append(at, uint64(4*len(m.memory)))
		m.memory = append(m.memory, a...)
	}
	guard()
	return at
}

func (m *machine) run(name string, frame map[string]uint64) float32 {
	m.t.Helper()
	m.frame, m.scalar, m.vector = frame, make(map[string]uint64), make(map[int]*[16]float32)
	code := m.code[name]
	if len(code) == 0 {
		m.t.Fatalf("no function %s in the assembly", name)
	}
	labels := make(map[string]int)
	for i, in := range code {
		if l, ok := strings.CutSuffix(in.op, ":"); ok {
			labels[l] = i
		}
	}
	for pc, steps := 0, 0; ; pc, steps = pc+1, steps+1 {
		if pc >= len(code) || steps > 1e6 {
			m.t.Fatalf("%s does not end", name)
		}
		in := code[pc]
		jump := false
		switch in.op {
		case "RET":
			return m.result
		case "JMP":
			jump = true
		case "JL":
			jump = m.less
		case "JZ":
			jump = m.zero
		case "JNZ":
			jump = !m.zero
		default:
			m.step(in)
		}
		if jump {
			to, ok := labels[in.args[0]]
			if !ok {
				m.t.Fatalf("%s jumps to %s", name, in.args[0])
			}
			pc = to
		}
	}
}

func (m *machine) step(in instruction) {
	a := in.args
	last := ""
	if len(a) > 0 {
		last = a[len(a)-1]
	}
	switch {
	case strings.HasSuffix(in.op, ":") || in.op == "VZEROUPPER":
	case strings.HasPrefix(in.op, "V") || in.op == "MOVSS":
		m.vectorStep(in)
	case in.op == "MOVQ":
		m.scalar[last] = m.integer(a[0])
	case in.op == "LEAQ":
		m.scalar[last] = m.address(a[0])
	case in.op == "SHLQ":
		m.scalar[last] <<= m.integer(a[0])
	case in.op == "ADDQ":
		m.scalar[last] += m.integer(a[0])
	case in.op == "SUBQ":
		m.scalar[last] -= m.integer(a[0])
	case in.op == "DECQ":
		m.zero = m.increase(last, ^uint64(0)) == 0
	case in.op == "INCQ":
		m.zero = m.increase(last, 1) == 0
	case in.op == "XORQ":
		if a[0] != last {
			m.t.Fatalf("%v is not how to clear a register", in)
		}
		m.scalar[last] = 0
	case in.op == "MOVLQZX":
		m.scalar[last] = uint64(math.Float32bits(m.cells(a[0], 1)[0]))
	case in.op == "TESTQ":
		m.zero = m.integer(a[0])&m.integer(a[1]) == 0
	case in.op == "CMPQ":
		m.less = int64(m.integer(a[0])) < int64(m.integer(a[1]))
	default:
		m.t.Fatalf("instruction %s is not known here", in.op)
	}
}

// increase adds to a register or a parameter.
func (m *machine) increase(arg string, by uint64) uint64 {
	if name, _, ok := strings.Cut(arg, "+"); ok && strings.HasSuffix(arg, "(FP)") {
		m.frame[name] += by
		return m.frame[name]
	}
	m.scalar[arg] += by
	return m.scalar[arg]
}

func (m *machine) integer(arg string) uint64 {
	if imm, ok := strings.CutPrefix(arg, "$"); ok {
		v, err := strconv.ParseUint(imm, 0, 64)
		if err != nil {
			m.t.Fatal(err)
		}
		return v
	}
	if strings.HasSuffix(arg, "(FP)") {
		return m.parameter(arg)
	}
	v, ok := m.scalar[arg]
	if !ok {
		m.t.Fatalf("register %s is read before it is written", arg)
	}
	return v
}

func (m *machine) parameter(arg string) uint64 {
	name, _, _ := strings.Cut(arg, "+")
	v, ok := m.frame[name]
	if !ok {
		m.t.Fatalf("no parameter %s", arg)
	}
	return v
}

func (m *machine) address(arg string) uint64 {
	f := memory.FindStringSubmatch(arg)
	if f == nil {
		m.t.Fatalf("address %s is not understood", arg)
	}
	at := m.integer(f[2])
	if f[1] != "" {
		n, _ := strconv.Atoi(f[1])
		at += uint64(n)
	}
	if f[3] != "" {
		n, _ := strconv.Atoi(f[4])
		at += m.integer(f[3]) * uint64(n)
	}
	return at
}

// cells are n elements of memory.
func (m *machine) cells(arg string, n int) []float32 {
	at := m.address(arg)
	if at%4 > 0 || at/4+uint64(n) > uint64(len(m.memory)) {
		m.t.Fatalf("%s reaches outside", arg)
	}
	for _, g := range m.guards {
		if uint64(g) >= at/4 && uint64(g) < at/4+uint64(n) {
			m.t.Fatalf("%s reaches over the end of an array", arg)
		}
	}
	return m.memory[at/4 : at/4+uint64(n)]
}

func TestGeneratedCodeOnAnEmulator(t *testing.T) {
	for _, w := range []struct {
		suffix     string
		rows, cols int
	}{{"AVX2", 6, 16}, {"AVX512", 12, 32}} {
		t.Run(w.suffix, func(t *testing.T) {
			m := &machine{t: t}
			m.load("kernels_amd64.s")
			for _, n := range []int{0, 1, 3, 8, 15, 16, 17, 33, 64, 65, 100, 131} {
				m.vectors(w.suffix, n)
			}
			for _, n := range []int{0, 1, 7, 16, 41} {
				m.masks(n)
			}
			for _, k := range []int{0, 1, 2, 9} {
				m.tiles(w.suffix, w.rows, w.cols, k)
				m.row(w.suffix, w.cols, k)
			}
			m.placed(w.suffix, w.rows, w.cols)
			for _, n := range []int{0, 16, 48} {
				m.curves(w.suffix, n)
			}
		})
	}
}

func (m *machine) compare(name string, n int, got, want []float32) {
	m.t.Helper()
	for i := range want {
		if !close32(got[i], want[i], float32(n)+float32(math.Abs(float64(want[i])))) {
			m.t.Errorf("%s of %d: element %d: %g, portable %g", name, n, i, got[i], want[i])
			return
		}
	}
}

func (m *machine) vectors(suffix string, n int) {
	rng := seeded(uint64(n))
	x, y, z, v := randoms(rng, n), randoms(rng, n), randoms(rng, n), randoms(rng, n)
	for i := range v {
		v[i] *= v[i]
	}
	length := uint64(n)
	part := func(at uint64) []float32 { return m.memory[at/4 : at/4+length] }

	p := m.put(x, y)
	frame := map[string]uint64{"x": p[0], "y": p[1], "n": length, "a": uint64(math.Float32bits(.7))}
	m.compare("dot", n, []float32{m.run("dot"+suffix, frame)}, []float32{dotPortable(x, y)})
	m.compare("reluDot", n, []float32{m.run("reluDot"+suffix, frame)}, []float32{reluDotPortable(x, y)})
	m.run("axpy"+suffix, frame)
	want := append([]float32(nil), y...)
	axpyPortable(.7, x, want)
	m.compare("axpy", n, part(p[1]), want)
	frame["z"] = p[1]
	m.run("max"+suffix, frame)
	maxPortable(x, want, want)
	m.compare("max", n, part(p[1]), want)
	m.run("relu"+suffix, frame)
	want = append([]float32(nil), x...)
	reluPortable(want)
	m.compare("relu", n, part(p[0]), want)

	p = m.put(x, y, z)
	m.run("add"+suffix, map[string]uint64{"x": p[0], "y": p[1], "z": p[2], "n": length})
	want = make([]float32, n)
	addPortable(x, y, want)
	m.compare("add", n, part(p[2]), want)

	c := adamConstants{.9, .1, .999, .001, .5, .01, 1.2, 1e-8, .999}
	p = m.put(x, y, z, v, c[:])
	m.run("adam"+suffix, map[string]uint64{"p": p[0], "grad": p[1], "m": p[2], "v": p[3], "n": length, "c": p[4]})
	adamPortable(x, y, z, v, &c)
	for i, want := range [][]float32{x, y, z, v} {
		m.compare(fmt.Sprint("adam array ", i), n, part(p[i]), want)
	}
}

func (m *machine) tiles(suffix string, rows, cols, k int) {
	rng := seeded(uint64(k))
	for _, transposed := range []bool{false, true} {
		row, col := k+2, 1
		if transposed {
			row, col = 1, rows+3
		}
		a, b := randoms(rng, (rows-1)*row+max(k-1, 0)*col+1), randoms(rng, k*cols)
		ldc := cols + 5
		c := randoms(rng, (rows-1)*ldc+cols)
		p := m.put(a, b, c)
		m.run("tile"+suffix, map[string]uint64{"k": uint64(k), "a": p[0], "row": uint64(row), "col": uint64(col), "b": p[1], "c": p[2], "ldc": uint64(ldc)})
		plainGemm(Matrix{rows, cols, ldc, 1, c}, Matrix{rows, k, row, col, a}, Mat(b, k, cols))
		m.compare("tile", k, m.memory[p[2]/4:], c)

		bias := randoms(rng, cols)
		p = m.put(a, b, c, bias)
		m.run("layer"+suffix, map[string]uint64{"k": uint64(k), "a": p[0], "row": uint64(row), "col": uint64(col), "b": p[1], "c": p[2], "ldc": uint64(ldc),
			"bias": p[3], "floor": uint64(math.Float32bits(-.5))})
		for i := range rows {
			copy(c[i*ldc:], bias)
		}
		plainGemm(Matrix{rows, cols, ldc, 1, c}, Matrix{rows, k, row, col, a}, Mat(b, k, cols))
		for i := range rows {
			for j := range cols {
				c[i*ldc+j] = max(c[i*ldc+j], -.5)
			}
		}
		m.compare("layer", k, m.memory[p[2]/4:], c)
	}
}
