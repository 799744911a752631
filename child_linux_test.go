package ember_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"ember"
)

// trainParent trains with a program that writes its process number into the data
// directory and sleeps: what hangs in a child hangs so.
func trainParent(args []string) error {
	config := testConfig(args[0])
	config.Executable = filepath.Join(args[0], "sleeper")
	app, err := ember.Open(context.Background(), config)
	if err != nil {
		return err
	}
	_, err = app.Train(context.Background(), quiet)
	return err
}

// alive reports whether a process runs; one that waits to be collected does not.
func alive(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, ok := bytes.Cut(status, []byte(") "))
	return err == nil && ok && after[0] != 'Z' && after[0] != 'X'
}

// within waits until something holds.
func within(d time.Duration, holds func() bool) bool {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return true
		}
	}
	return holds()
}

// TestTrainingChildEndsWithItsParent kills a process that trains: no child goes
// on with a checkpoint that nobody knows of.
func TestTrainingChildEndsWithItsParent(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "pid")
	sleeper := "#!/bin/sh\necho $$ > " + file + ".new && mv " + file + ".new " + file + "\nexec sleep 300\n"
	if err := os.WriteFile(filepath.Join(dir, "sleeper"), []byte(sleeper), 0o700); err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(os.Args[0], "train-parent", dir)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	began := within(time.Minute, func() bool {
		text, err := os.ReadFile(file)
		if err == nil {
			pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		}
		return err == nil
	})
	_ = parent.Process.Kill()
	_ = parent.Wait()
	if !began {
		t.Fatal("the child did not begin")
	}
	if !within(10*time.Second, func() bool { return !alive(pid) }) {
		if child, err := os.FindProcess(pid); err == nil {
			_ = child.Kill()
		}
		t.Error("the child goes on without its parent")
	}
}
