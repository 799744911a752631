package nn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestONNXRuntimeAgrees writes a model of each kind and has ONNX Runtime compute
// the same.
func TestONNXRuntimeAgrees(t *testing.T) {
	if out, err := exec.Command("python3", "-c", "import onnxruntime, numpy").CombinedOutput(); err != nil {
		t.Skipf("python3 with onnxruntime and numpy is needed: pip install onnxruntime numpy (%v, %.100s)", err, out)
	}
	dir := t.TempDir()
	specs := layerCases()
	maps.Copy(specs, map[string]Spec{
		"cnn":       smallCNN,
		"embedding": Input(6).Embedding(9, 4).Masked().LSTM(5).Sequences().Bidirectional().AttentionPool(3).Dense(3, "softmax"),
		"unmasked":  Input(6).Embedding(9, 4).GRU(5).Dense(1, "sigmoid"),
		"bag":       Input(6).EmbeddingBag(9, 4).Masked().Dense(3),
		"bag all":   Input(6).EmbeddingBag(9, 4).Dense(3),
		"encoder": Input(6, 8).Residual(Input().Attention(8, 2)).LayerNorm().Residual(Input().Dense(16, "gelu").Dense(8)).LayerNorm().
			GlobalAvgPool().Dense(2, "softmax"),
	})
	n := 0
	for name, spec := range specs {
		writeONNX(t, filepath.Join(dir, fmt.Sprint(n)), name, spec, nil)
		n++
		if len(spec.Input) == 2 || spec.Layers[0].Type == "Embedding" || spec.Layers[0].Type == "EmbeddingBag" {
			writeONNX(t, filepath.Join(dir, fmt.Sprint(n)), name+", padded", spec, []int{spec.Input[0], 1, 2, 3, 3})
			n++
		}
	}
	out, err := exec.Command("python3", "../../bench/nn/onnx_check.py", dir).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", bytes.TrimSpace(out))
}

func writeONNX(t *testing.T, file, name string, spec Spec, lengths []int) {
	t.Helper()
	m := build(t, spec, 3)
	rng := seeded(8)
	for _, p := range m.net.params {
		for i := range p.Value {
			p.Value[i] += float32(.3 * rng.NormFloat64())
		}
	}
	for _, p := range m.net.state {
		for i := range p.Value {
			p.Value[i] += rng.Float32()
		}
	}
	m.repack()
	x := Tensor{Shape: append([]int{5}, spec.Input...), Lengths: lengths}
	x.Data = randoms(rng, size(x.Shape))
	if l, ids := m.net.layers[0].(checker); ids {
		for i := range x.Data {
			x.Data[i] = float32(rng.IntN(9))
			if i%6 > 3 && i < 12 {
				x.Data[i] = 0
			}
		}
		if err := l.check(x); err != nil {
			t.Fatal(err)
		}
		if spec.Layers[0].MaskZero {
			x.Lengths = nil // the model finds them itself
		}
	}
	y, err := m.Predict(x)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var onnx bytes.Buffer
	if err := m.ONNX(&onnx, x.Lengths != nil); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	about, err := json.Marshal(map[string]any{"name": name, "x": x.Data, "shape": x.Shape, "lengths": x.Lengths, "y": y.Data, "out": y.Shape})
	if err != nil {
		t.Fatal(err)
	}
	for path, data := range map[string][]byte{file + ".onnx": onnx.Bytes(), file + ".json": about} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
