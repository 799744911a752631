package index

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// crashDir names the folder in which a child of the test works until killed.
const crashDir = "EMBER_INDEX_CRASH_DIR"

// crashStep is what position n means: the same documents in every process.
func crashStep(n uint64) (docs []Document, removed []string) {
	rng := rand.New(rand.NewPCG(n, 77))
	for range 1 + rng.IntN(5) {
		docs = append(docs, randomDocument(rng, fmt.Sprint("p", rng.IntN(60)), true))
	}
	for range rng.IntN(2) {
		removed = append(removed, fmt.Sprint("p", rng.IntN(60)))
	}
	return docs, removed
}

// crashState is what should be there after the steps up to n.
func crashState(n uint64) hospital {
	h := hospital{}
	for step := uint64(1); step <= n; step++ {
		docs, removed := crashStep(step)
		for _, id := range removed {
			delete(h, id)
		}
		for _, d := range docs {
			h[d.Timeline.Person.ID] = d
		}
	}
	return h
}

// TestCrashChild is the process that is killed: it goes on from the position it
// finds, saves now and then, and prints the positions it saved.
func TestCrashChild(t *testing.T) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		t.Skip("runs as a child of TestKill")
	}
	x, err := Open(Options{Dir: dir, Notes: true})
	if err != nil {
		t.Fatal(err)
	}
	if x.Rebuilt() != "" {
		fmt.Println("rebuilt:", x.Rebuilt())
	}
	for n := x.Position() + 1; ; n++ {
		docs, removed := crashStep(n)
		if err := x.Apply(docs, removed, n); err != nil {
			t.Fatal(err)
		}
		if n%3 == 0 {
			if err := x.Flush(); err != nil {
				t.Fatal(err)
			}
			fmt.Println("saved", n)
		}
	}
}

// TestKill kills a process that applies and saves, at random moments. What is
// left opens at a position no earlier than the last one that was saved, is
// whole once it is fed from there, and never starts over.
func TestKill(t *testing.T) {
	if os.Getenv(crashDir) != "" {
		t.Skip("this is the child")
	}
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(11, 12))
	if err := open(t, Options{Dir: dir, Notes: true}).Close(); err != nil {
		t.Fatal(err)
	}
	for range rounds {
		saved := killChild(t, dir, time.Duration(150+rng.IntN(300))*time.Millisecond)
		x := open(t, Options{Dir: dir, Notes: true})
		if x.Rebuilt() != "" || x.Position() < saved {
			t.Fatalf("opened: %q, position %d, saved %d", x.Rebuilt(), x.Position(), saved)
		}
		// What was applied after the position is lost from the postings, and
		// lies in no note that is found.
		crashState(x.Position()).check(t, x.View())
		// The child was at most a few steps further.
		from := x.Position()
		for n := from + 1; n < from+10; n++ {
			docs, removed := crashStep(n)
			if err := x.Apply(docs, removed, n); err != nil {
				t.Fatal(err)
			}
		}
		h := crashState(x.Position())
		h.check(t, x.View())
		h.checkNotes(t, x)
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// killChild runs the child for a while and gives the last position that it said
// it had saved.
func killChild(t *testing.T, dir string, after time.Duration) (saved uint64) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestCrashChild$", "-test.v")
	child.Env = append(os.Environ(), crashDir+"="+dir)
	var out strings.Builder
	child.Stdout = &out
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(after)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "rebuilt:") || strings.Contains(line, "FAIL") {
			t.Fatalf("child: %s", line)
		}
		if n, ok := strings.CutPrefix(line, "saved "); ok {
			saved, _ = strconv.ParseUint(n, 10, 64)
		}
	}
	return saved
}
