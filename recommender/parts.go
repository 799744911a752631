package recommender

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"

	"ember/learn/nn"
)

// Parts keeps what a training has finished, so that one that was killed goes on from
// there. Names are hashes of all that a part was made from: none is taken for another.
// It must be safe for concurrent use.
type Parts interface {
	Get(name string) (part []byte, ok bool)
	// Put may fail: then a killed run does more again.
	Put(name string, part []byte) error
}

// partFormat changes with what a network's part holds or how it is trained.
const partFormat = 1

// train is run, or what an earlier run left of the very same.
func (t *netTrainer) train(parts Parts, run func() error) error {
	if parts == nil {
		return run()
	}
	name := "network-" + t.fingerprint()
	if b, ok := parts.Get(name); ok && t.net.take(b) {
		return nil
	}
	if err := run(); err != nil {
		return err
	}
	var b bytes.Buffer
	e := newEncoder(&b)
	t.net.encode(e)
	if err := e.w.Flush(); err != nil {
		return err
	}
	_ = parts.Put(name, b.Bytes()) // nothing rests on it
	return nil
}

// fingerprint hashes all that training starts from: weights and every input, target and
// weight of a pair, in order.
func (t *netTrainer) fingerprint() string {
	h := sha256.New()
	var buf []byte
	put := func(v ...float32) {
		buf = buf[:0]
		for _, x := range v {
			buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(x))
		}
		h.Write(buf)
	}
	put(partFormat, netEpochs, netBatch, netRate, netDecay, netMean, float32(t.net.want))
	for _, l := range t.net.layers() {
		put(l.W.Value...)
	}
	x := make([]float32, t.net.first.In())
	for _, p := range t.pairs {
		residual, y := t.fill(p, x)
		put(x...)
		put(residual, y, p.weight)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func (n *network) layers() []*nn.Dense { return []*nn.Dense{n.first, n.second, n.last} }

// take reads what encode wrote of a network of the same sizes; nothing is taken of what
// is damaged.
func (n *network) take(b []byte) (ok bool) {
	d := &decoder{b: b}
	shrink := d.f32()
	var values [][]float32
	for _, l := range n.layers() {
		w, bias := d.f32s(), d.f32s()
		d.ask(len(w) == len(l.W.Value) && len(bias) == len(l.B.Value))
		values = append(values, w, bias)
	}
	if d.ask(len(d.b) == 0); d.err != nil {
		return false
	}
	n.shrink = shrink
	for i, l := range n.layers() {
		copy(l.W.Value, values[2*i])
		copy(l.B.Value, values[2*i+1])
	}
	return true
}
