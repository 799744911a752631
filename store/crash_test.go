package store

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

const crashDir = "EMBER_STORE_CRASH_DIR" // set: this process is the one that is killed

// TestMain runs the writer that TestKillAndReopen kills, when asked to.
func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		crashWriter(dir)
		return
	}
	os.Exit(m.Run())
}

// crashWrite is what the writer wrote, known to both sides: a third of the
// writes are further versions.
func crashWrite(round, worker, n int) Write {
	id := fmt.Sprintf("r%d-w%d-n%d", round, worker, n-n%3)
	w := observation(id, fmt.Sprintf("p%d", n%17), n)
	w.Raw = append(w.Raw, bytes.Repeat([]byte(fmt.Sprintf(" %d,%d", round, n)), n%200)...)
	w.Keys = [][]byte{fmt.Appendf(nil, "%d/%d/%d", round, worker, n)}
	return w
}

// crashWriter commits from three goroutines and prints a line for every write
// acknowledged, until it is killed.
func crashWriter(dir string) {
	fail := func(err error) {
		fmt.Println("error", err)
		os.Exit(1)
	}
	s, err := Open(Options{Dir: dir, Now: clock()})
	if err != nil {
		fail(err)
	}
	round := int(s.Head()) // new in every life
	var out sync.Mutex
	for worker := range 3 {
		go func() {
			size := 1 + worker*worker*20 // single writes, 21 and 81 at once
			for n := 0; ; n += size {
				var writes []Write
				for i := range size {
					writes = append(writes, crashWrite(round, worker, n+i))
				}
				results, err := s.Commit(context.Background(), writes)
				if err != nil {
					fail(err)
				}
				var lines strings.Builder
				for i, r := range results {
					fmt.Fprintf(&lines, "ack %d %d %d %d %d\n", round, worker, n+i, r.Version, r.Seq)
				}
				out.Lock()
				os.Stdout.WriteString(lines.String())
				out.Unlock()
			}
		}()
	}
	select {}
}

type ack struct {
	round, worker, n int
	version, seq     uint64
}

// live starts a writer, kills it after a while and returns what it was told.
func live(t *testing.T, dir string, d time.Duration) []ack {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var acks []ack
	lines := bufio.NewReader(pipe)
	killer := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // what is not a whole line was not told
		}
		if strings.HasPrefix(line, "error") {
			t.Errorf("the writer failed: %s", line)
		}
		var a ack
		if _, err := fmt.Sscanf(line, "ack %d %d %d %d %d", &a.round, &a.worker, &a.n, &a.version, &a.seq); err != nil {
			continue
		}
		if len(acks) == 0 { // it is at work: from here the time counts
			killer.Reset(d)
		}
		acks = append(acks, a)
	}
	cmd.Wait()
	killer.Stop()
	return acks
}

// TestKillAndReopen kills a writing process at random moments; every write it
// had acknowledged must be there, byte for byte, with its place in the log.
func TestKillAndReopen(t *testing.T) {
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	dir := t.TempDir()
	var all []ack
	for range rounds {
		acks := live(t, dir, time.Duration(1+rand.IntN(400))*time.Millisecond)
		if len(acks) == 0 {
			t.Fatal("the writer acknowledged nothing")
		}
		all = append(all, acks...)
		checkAcks(t, dir, all)
	}
	t.Logf("%d acknowledged writes over %d kills", len(all), rounds)
}

func checkAcks(t *testing.T, dir string, acks []ack) {
	t.Helper()
	s, err := Open(Options{Dir: dir, Now: clock()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	log := map[uint64]Change{}
	for c, err := range s.Changes(0) {
		if err != nil {
			t.Fatal(err)
		}
		log[c.Seq] = c
	}
	for _, a := range acks {
		w := crashWrite(a.round, a.worker, a.n)
		got, err := s.Version(w.Type, w.ID, a.version)
		if err != nil || !bytes.Equal(got.Raw, w.Raw) {
			t.Fatalf("acknowledged %+v: %v", a, err)
		}
		if c := log[a.seq]; c.ID != w.ID || c.Patient != w.Patient {
			t.Fatalf("acknowledged %+v, in the log %+v", a, c)
		}
	}
	last := acks[len(acks)-1]
	w := crashWrite(last.round, last.worker, last.n)
	if cur, err := s.Get(w.Type, w.ID); err != nil || cur.Version == last.version {
		refs, lookupErr := s.Lookup(w.Keys[0])
		if err != nil || lookupErr != nil || len(refs) != 1 {
			t.Errorf("lookup of the last acknowledged: %v, %v, %v", refs, err, lookupErr)
		}
	}
}
