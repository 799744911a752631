package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// pythonFolder is where the Python package lies.
func pythonFolder(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../python")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// python is an interpreter that has what the package needs; the test is skipped where
// there is none.
func (s *shell) python(modules ...string) string {
	s.Helper()
	name := os.Getenv("CLIENTS_PYTHON")
	if name == "" {
		name = "python3"
	}
	for _, m := range append([]string{"httpx"}, modules...) {
		if err := exec.Command(name, "-c", "import "+m).Run(); err != nil {
			s.Skipf("no Python with %s: pip install -r python/requirements-test.txt, and set CLIENTS_PYTHON to that Python", m)
		}
	}
	return name
}

// TestPython runs the tests of the Python package, and its notebook, against a server
// that this program is.
func TestPython(t *testing.T) {
	if testing.Short() {
		t.Skip("it trains a model")
	}
	s := newShell(t)
	python := s.python("pytest", "pandas", "polars", "nbclient", "ipykernel")
	s.write("ember", fmt.Sprintf("#!/bin/sh\n%s exec %q \"$@\"\n", runAsEmber, os.Args[0]))
	program := filepath.Join(s.dir, "ember")
	if err := os.Chmod(program, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-m", "pytest", "-q", "-p", "no:cacheprovider")
	cmd.Dir = pythonFolder(t)
	cmd.Env = append(os.Environ(), "EMBER_BIN="+program, "PYTHONPATH="+cmd.Dir, "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
