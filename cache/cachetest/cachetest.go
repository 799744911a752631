// Package cachetest is what every cache must pass.
package cachetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"ember/cache"
)

// Subject is a cache under test. Advance lets time pass for it: a test clock, or
// sleeping.
type Subject struct {
	Cache   cache.Cache
	Advance func(time.Duration)
}

// Run checks the contract of cache.Cache on an empty cache that may hold at least
// 4 MiB; make is called once for every check.
func Run(t *testing.T, make func(t *testing.T) Subject) {
	checks := []struct {
		name  string
		check func(t *testing.T, s Subject)
	}{
		{"miss", miss}, {"values", values}, {"last one wins", lastWins}, {"copies", copies},
		{"lifetime", lifetime}, {"gone caller", goneCaller}, {"many at once", manyAtOnce},
	}
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) { c.check(t, make(t)) })
	}
}

func set(t *testing.T, s Subject, key string, v []byte, ttl time.Duration) {
	t.Helper()
	if err := s.Cache.Set(t.Context(), key, v, ttl); err != nil {
		t.Fatalf("Set(%s): %v", key, err)
	}
}

func want(t *testing.T, s Subject, key string, v []byte) {
	t.Helper()
	got, ok, err := s.Cache.Get(t.Context(), key)
	if err != nil || !ok || !bytes.Equal(got, v) {
		t.Errorf("Get(%s) is %d bytes, %v, %v; want %d bytes", key, len(got), ok, err, len(v))
	}
}

func wantMiss(t *testing.T, s Subject, key string) {
	t.Helper()
	if got, ok, err := s.Cache.Get(t.Context(), key); ok || err != nil || got != nil {
		t.Errorf("Get(%s) is %q, %v, %v; want a miss", key, got, ok, err)
	}
}

func miss(t *testing.T, s Subject) {
	wantMiss(t, s, "never set")
	wantMiss(t, s, "")
}

func values(t *testing.T, s Subject) {
	for name, v := range map[string][]byte{
		"empty": {}, "zero byte": {0}, "lines": []byte("a\r\nb\x00\xff"), "a mebibyte": bytes.Repeat([]byte{1, 2, 3, 0}, 1<<18),
		"key with: spaces, *?[] and é": []byte("x"),
	} {
		set(t, s, name, v, time.Hour)
		want(t, s, name, v)
	}
}

func lastWins(t *testing.T, s Subject) {
	for i := range 5 {
		v := bytes.Repeat([]byte{byte(i)}, 10*(5-i))
		set(t, s, "k", v, time.Hour)
		want(t, s, "k", v)
	}
}

func copies(t *testing.T, s Subject) {
	v := []byte("value")
	set(t, s, "k", v, time.Hour)
	v[0] = 'X'
	want(t, s, "k", []byte("value"))
}

func lifetime(t *testing.T, s Subject) {
	set(t, s, "short", []byte("s"), 200*time.Millisecond)
	set(t, s, "long", []byte("l"), time.Hour)
	set(t, s, "endless", []byte("e"), 0)
	set(t, s, "prolonged", []byte("p"), 200*time.Millisecond)
	set(t, s, "prolonged", []byte("p"), time.Hour)
	s.Advance(400 * time.Millisecond)
	wantMiss(t, s, "short")
	want(t, s, "long", []byte("l"))
	want(t, s, "endless", []byte("e"))
	want(t, s, "prolonged", []byte("p"))
	set(t, s, "short", []byte("again"), time.Hour)
	want(t, s, "short", []byte("again"))
}

// goneCaller: a cancelled context must not hang, panic or harm later callers.
func goneCaller(t *testing.T, s Subject) {
	set(t, s, "k", []byte("v"), time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Cache.Get(ctx, "other"); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Get with a cancelled context: %v", err)
	}
	if err := s.Cache.Set(ctx, "other", nil, time.Hour); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Set with a cancelled context: %v", err)
	}
	want(t, s, "k", []byte("v"))
}

func manyAtOnce(t *testing.T, s Subject) {
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 100 {
				key := fmt.Sprint("k", (w+i)%20)
				if err := s.Cache.Set(t.Context(), key, []byte(key), time.Hour); err != nil {
					t.Errorf("Set: %v", err)
					return
				}
				got, ok, err := s.Cache.Get(t.Context(), key)
				if err != nil || ok && string(got) != key {
					t.Errorf("Get(%s) is %q, %v, %v", key, got, ok, err)
					return
				}
			}
		})
	}
	wg.Wait()
}
