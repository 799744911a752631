package cache_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"ember/cache"
	"ember/cache/cachetest"

	"github.com/alicebob/miniredis/v2"
)

func newRedis(t *testing.T, opt cache.RedisOptions) *cache.Redis {
	t.Helper()
	if opt.Now == nil {
		opt.Now = newHands().now
	}
	r, err := cache.NewRedis(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// patient has time for a busy machine: the figures under test are others.
func patient(addr string) cache.RedisOptions {
	return cache.RedisOptions{Addrs: []string{addr}, Timeout: 5 * time.Second, Dial: 5 * time.Second}
}

func TestRedis(t *testing.T) {
	cachetest.Run(t, func(t *testing.T) cachetest.Subject {
		m := miniredis.RunT(t)
		return cachetest.Subject{Cache: newRedis(t, patient(m.Addr())), Advance: m.FastForward}
	})
}

func TestLayered(t *testing.T) {
	cachetest.Run(t, func(t *testing.T) cachetest.Subject {
		m, h := miniredis.RunT(t), newHands()
		l := cache.NewLayered(cache.NewMemory(1000, 8<<20, h.now), newRedis(t, patient(m.Addr())))
		return cachetest.Subject{Cache: l, Advance: func(d time.Duration) { m.FastForward(d); h.advance(d) }}
	})
}

// integration runs the suite on a real server named by the environment.
func integration(t *testing.T, env string, opt func(addrs []string) cache.RedisOptions) {
	addrs := os.Getenv(env)
	if addrs == "" {
		t.Skipf("%s is not set: no real Redis to test against (HOST:PORT, several by commas)", env)
	}
	n := 0
	cachetest.Run(t, func(t *testing.T) cachetest.Subject {
		o := opt(strings.Split(addrs, ","))
		n++
		o.Prefix = fmt.Sprintf("ember-test:%d:%d:", time.Now().UnixNano(), n)
		o.Timeout, o.Dial = 5*time.Second, 5*time.Second
		return cachetest.Subject{Cache: newRedis(t, o), Advance: time.Sleep}
	})
}

func TestRealRedis(t *testing.T) {
	integration(t, "REDIS_TEST_ADDR", func(a []string) cache.RedisOptions { return cache.RedisOptions{Addrs: a[:1]} })
}

func TestRealCluster(t *testing.T) {
	integration(t, "REDIS_TEST_CLUSTER", func(a []string) cache.RedisOptions { return cache.RedisOptions{Addrs: a, Cluster: true} })
}

func TestOptionsAreChecked(t *testing.T) {
	now := newHands().now
	for name, opt := range map[string]cache.RedisOptions{
		"no address":            {Now: now},
		"no clock":              {Addrs: []string{"a:1"}},
		"cluster and sentinels": {Addrs: []string{"a:1"}, Cluster: true, MasterName: "m", Now: now},
		"database of a cluster": {Addrs: []string{"a:1", "b:1"}, DB: 2, Now: now},
	} {
		if _, err := cache.NewRedis(opt); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestKeysArePrefixed(t *testing.T) {
	m := miniredis.RunT(t)
	r := newRedis(t, patient(m.Addr()))
	if err := r.Set(t.Context(), "k", []byte("v"), 0); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(m.Keys()); got != "[ember:k]" {
		t.Errorf("keys %s", got)
	}
}

// timed runs n Gets that must miss and tells how long they took together.
func timed(t *testing.T, c cache.Cache, n int) time.Duration {
	t.Helper()
	start := time.Now()
	for i := range n {
		if _, ok, err := c.Get(t.Context(), "absent"); ok || !errors.Is(err, cache.ErrUnavailable) {
			t.Fatalf("Get %d without Redis: %v, %v", i, ok, err)
		}
	}
	return time.Since(start)
}

func TestAbsent(t *testing.T) {
	h := newHands()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close() // nobody listens there now
	r := newRedis(t, cache.RedisOptions{Addrs: []string{addr}, Now: h.now})
	c := cache.NewLayered(cache.NewMemory(100, 1<<20, h.now), r)
	if d := timed(t, c, 1000); d > 2*time.Second {
		t.Errorf("1,000 misses without Redis took %v: more than one wait", d)
	}
	if got := fmt.Sprint(c.Degraded()); got != "[redis]" {
		t.Errorf("Degraded is %s", got)
	}
	if err := c.Set(t.Context(), "k", []byte("v"), time.Hour); !errors.Is(err, cache.ErrUnavailable) {
		t.Errorf("Set: %v", err)
	}
	if v, ok, err := c.Get(t.Context(), "k"); string(v) != "v" || !ok || err != nil {
		t.Errorf("memory does not go on alone: %q, %v, %v", v, ok, err)
	}
}

func TestStopsAndComesBack(t *testing.T) {
	m, h := miniredis.RunT(t), newHands()
	opt := patient(m.Addr())
	opt.Now, opt.Pause, opt.Dial = h.now, 5*time.Second, time.Second
	c := cache.NewLayered(cache.NewMemory(100, 1<<20, h.now), newRedis(t, opt))
	if err := c.Set(t.Context(), "k", []byte("v"), time.Hour); err != nil || c.Degraded() != nil {
		t.Fatal(err, c.Degraded())
	}
	m.Close()
	timed(t, c, 100)
	if len(c.Degraded()) != 1 {
		t.Error("a stopped Redis is not told")
	}
	if err := m.Restart(); err != nil {
		t.Fatal(err)
	}
	timed(t, c, 10) // within the pause nobody asks
	h.advance(5 * time.Second)
	deadline := time.Now().Add(20 * time.Second) // the client's pool may need a moment to dial again
	for {
		_, ok, err := c.Get(t.Context(), "absent")
		if err == nil && !ok {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("still degraded after Redis came back: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
		h.advance(5 * time.Second)
	}
	if c.Degraded() != nil {
		t.Errorf("Degraded is %v after recovery", c.Degraded())
	}
}

// stall is a proxy that stops passing bytes on when told to.
type stall struct {
	net.Listener
	mu    sync.Mutex
	cond  *sync.Cond
	still bool
	conns []net.Conn
}

func newStall(t *testing.T, to string) *stall {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stall{Listener: l}
	s.cond = sync.NewCond(&s.mu)
	go s.accept(to)
	t.Cleanup(func() {
		l.Close()
		s.set(false)
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, c := range s.conns {
			c.Close()
		}
	})
	return s
}

func (s *stall) set(still bool) {
	s.mu.Lock()
	s.still = still
	s.mu.Unlock()
	s.cond.Broadcast()
}

func (s *stall) accept(to string) {
	for {
		in, err := s.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", to)
		if err != nil {
			in.Close()
			continue
		}
		s.mu.Lock()
		s.conns = append(s.conns, in, out)
		s.mu.Unlock()
		go s.pass(in, out)
		go s.pass(out, in)
	}
}

func (s *stall) pass(from, to net.Conn) {
	defer to.Close()
	b := make([]byte, 4096)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		s.mu.Lock()
		for s.still {
			s.cond.Wait()
		}
		s.mu.Unlock()
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

func TestSlow(t *testing.T) {
	m, h := miniredis.RunT(t), newHands()
	proxy := newStall(t, m.Addr())
	c := cache.NewLayered(cache.NewMemory(100, 1<<20, h.now),
		newRedis(t, cache.RedisOptions{Addrs: []string{proxy.Addr().String()}, Timeout: 200 * time.Millisecond, Dial: time.Second, Now: h.now}))
	if err := c.Set(t.Context(), "k", []byte("v"), time.Hour); err != nil {
		t.Fatal(err)
	}
	proxy.set(true)
	if d := timed(t, c, 500); d > 3*time.Second {
		t.Errorf("500 misses on a stalled Redis took %v: more than one wait", d)
	}
	if len(c.Degraded()) != 1 {
		t.Error("a stalled Redis is not told")
	}
	if v, ok, err := c.Get(t.Context(), "k"); string(v) != "v" || !ok || err != nil {
		t.Errorf("memory does not go on alone: %q, %v, %v", v, ok, err)
	}
	proxy.set(false)
	h.advance(5 * time.Second)
	deadline := time.Now().Add(20 * time.Second)
	for _, _, err := c.Get(t.Context(), "absent"); err != nil; _, _, err = c.Get(t.Context(), "absent") {
		if time.Now().After(deadline) {
			t.Fatalf("still degraded after Redis goes on: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
		h.advance(5 * time.Second)
	}
}
