package terms

import (
	"strings"
	"sync"

	"ember/record"
)

// memoKey is what a mapping depends on: up to two codings and the text.
// Inputs with more codings are keyed by joining the rest.
type memoKey struct {
	a, b record.Code
	rest string
	text string
}

const (
	memoShards = 16
	memoLimit  = 4096 // entries a shard; a full shard starts afresh
)

// memo is a bounded cache of mapping results. A full shard is emptied, so the
// memory is bounded by memoShards × memoLimit entries. It is safe for
// concurrent use.
type memo[V any] struct{ shards [memoShards]memoShard[V] }

type memoShard[V any] struct {
	mu sync.RWMutex
	m  map[memoKey]V
}

func newMemo[V any]() *memo[V] {
	m := &memo[V]{}
	for i := range m.shards {
		m.shards[i].m = make(map[memoKey]V)
	}
	return m
}

// get is the kept result for the input, or compute's, which is then kept.
func (m *memo[V]) get(codes []record.Code, text, extra string, compute func() V) V {
	k := memoKey{text: text, rest: extra}
	if len(codes) > 0 {
		k.a = codes[0]
	}
	if len(codes) > 1 {
		k.b = codes[1]
	}
	if len(codes) > 2 {
		var b strings.Builder
		b.WriteString(extra)
		for _, c := range codes[2:] {
			b.WriteByte(0)
			b.WriteString(c.System)
			b.WriteByte(1)
			b.WriteString(c.Value)
			b.WriteByte(1)
			b.WriteString(c.Display)
		}
		k.rest = b.String()
	}
	s := &m.shards[shardOf(k)]
	s.mu.RLock()
	v, ok := s.m[k]
	s.mu.RUnlock()
	if ok {
		return v
	}
	v = compute()
	// The key must not hold on to the buffer its strings were cut from.
	k = memoKey{cloneCode(k.a), cloneCode(k.b), strings.Clone(k.rest), strings.Clone(k.text)}
	s.mu.Lock()
	if len(s.m) >= memoLimit {
		clear(s.m)
	}
	s.m[k] = v
	s.mu.Unlock()
	return v
}

func cloneCode(c record.Code) record.Code {
	return record.Code{System: strings.Clone(c.System), Value: strings.Clone(c.Value), Display: strings.Clone(c.Display)}
}

func shardOf(k memoKey) int {
	h := len(k.text) + 7*len(k.a.Value)
	for _, s := range [...]string{k.a.Value, k.text} {
		if n := len(s); n > 0 {
			h = h*31 + int(s[n-1]) + int(s[n/2])<<1
		}
	}
	return h & (memoShards - 1)
}
