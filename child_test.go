package ember_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// server is a process that serves a data directory and can be killed.
type server struct {
	client
	cmd *exec.Cmd
	log *logged
}

// logged keeps what a process wrote.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// serve starts a process of its own on a data directory.
func serve(t testing.TB, dir string) *server {
	t.Helper()
	s := &server{log: new(logged)}
	s.cmd = exec.Command(os.Args[0], "serve-child", dir)
	s.cmd.Stderr = s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(out).ReadString('\n')
		line <- strings.TrimSpace(text)
		_, _ = io.Copy(io.Discard, out)
	}()
	select {
	case addr := <-line:
		if addr == "" {
			t.Fatalf("the server did not start: %s", s.log)
		}
		s.client = client{t, "http://" + addr}
	case <-time.After(30 * time.Second):
		t.Fatalf("the server did not start in 30 s: %s", s.log)
	}
	return s
}

// kill ends the process as a power cut would.
func (s *server) kill() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
}
