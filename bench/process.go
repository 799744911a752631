package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticks is how many of a second /proc counts processor time in (USER_HZ, which
// is 100 on Linux wherever Go runs).
const ticks = 100

// process is a serving ember.
type process struct {
	cmd    *exec.Cmd
	base   string
	stderr bytes.Buffer
	client *http.Client
}

// serve starts a server on data and returns when it answers /healthz.
func (b *bench) serve(ctx context.Context, data string, environment ...string) (*process, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	ember, err := filepath.Abs(b.ember)
	if err != nil {
		return nil, err
	}
	p := &process{base: "http://" + addr, client: newClient(64)}
	p.cmd = exec.CommandContext(ctx, ember, "serve", "--data", data, "--addr", addr)
	p.cmd.Env = append(os.Environ(), environment...)
	p.cmd.Stderr = &p.stderr
	p.cmd.Dir = b.tmp
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	for {
		status, err := p.get(ctx, "/healthz")
		if err == nil && status == http.StatusOK {
			return p, nil
		}
		if ctx.Err() != nil {
			return nil, errors.Join(ctx.Err(), p.stop())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func newClient(connections int) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableCompression: true, MaxIdleConns: connections, MaxIdleConnsPerHost: connections, IdleConnTimeout: time.Minute,
	}}
}

// get is a request whose answer does not matter.
func (p *process) get(ctx context.Context, path string) (status int, err error) {
	status, _, err = p.download(ctx, path)
	return status, err
}

// download reads an answer to its end, and tells its bytes.
func (p *process) download(ctx context.Context, path string) (status int, bytes int64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+path, nil)
	if err != nil {
		return 0, 0, err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	bytes, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, bytes, err
}

// indexed returns when everything sent is indexed.
func (p *process) indexed(ctx context.Context) error {
	for {
		status, err := p.get(ctx, "/readyz?wait=index")
		if err != nil || status == http.StatusOK {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// post sends one file as it lies on disk.
func (p *process) post(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+"/fhir", f)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/fhir+ndjson")
	if strings.HasSuffix(path, ".gz") {
		req.Header.Set("Content-Encoding", "gzip")
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %.300s", filepath.Base(path), resp.Status, answer)
	}
	return nil
}

// cpu is the processor time, user and system, that the process has used.
func (p *process) cpu() (time.Duration, error) {
	return processorTime(p.cmd.Process.Pid)
}

func processorTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, errors.New("/proc/PID/stat is too short")
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * time.Second / ticks, err
}

// peak is the most memory the process had resident, in bytes.
func (p *process) peak() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("/proc/PID/status does not tell the peak")
}

// stop ends the server gracefully.
func (p *process) stop() error {
	p.client.CloseIdleConnections()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, p.stderr.Bytes())
	}
	return nil
}

// size is how many bytes lie under a folder.
func size(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}
