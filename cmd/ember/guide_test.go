package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the guide's commands print into the guide")

// step is a block of commands in a page, and the block of what they print, if
// there is one behind it.
var step = regexp.MustCompile("(?ms)^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?")

// TestGuide runs the commands of each page of docs/guide, in order, in an empty
// folder, on the data that DATA names, and compares what they print with the page:
// all but the figures, which -update writes.
func TestGuide(t *testing.T) {
	if testing.Short() {
		t.Skip("it trains models")
	}
	newShell(t).needsModels()
	pages, err := filepath.Glob("../../docs/guide/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, page := range pages {
		t.Run(filepath.Base(page), func(t *testing.T) { newShell(t).walk(page) })
	}
}

func (s *shell) walk(page string) {
	s.Helper()
	text := read(s.T, page)
	data, err := filepath.Abs("../../../shared/data")
	if err != nil {
		s.Fatal(err)
	}
	if _, err := os.Stat(data); err != nil && strings.Contains(text, "$DATA") {
		s.Skipf("the data that the page is about is not there: %v", err)
	}
	for _, tool := range []string{"bash", "awk", "jq", "zcat", "od"} {
		if _, err := exec.LookPath(tool); err != nil && strings.Contains(text, tool+" ") {
			s.Skipf("the page needs %s: %v", tool, err)
		}
	}
	s.write("bin-ember", fmt.Sprintf("#!/bin/sh\n%s exec %q \"$@\"\n", runAsEmber, os.Args[0]))
	bin := filepath.Join(s.dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		s.Fatal(err)
	}
	if err := os.Rename(filepath.Join(s.dir, "bin-ember"), filepath.Join(bin, "ember")); err != nil {
		s.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(bin, "ember"), 0o700); err != nil {
		s.Fatal(err)
	}
	if strings.Contains(text, "from ember import") {
		s.python()
	}
	if strings.Contains(text, "fake-ehr ") {
		build := exec.Command("go", "build", "-o", filepath.Join(bin, "fake-ehr"), "../../bench/ehr")
		if out, err := build.CombinedOutput(); err != nil {
			s.Fatalf("%v\n%s", err, out)
		}
	}
	s.env = []string{"PYTHONPATH=" + pythonFolder(s.T), "DATA=" + data, "PATH=" + bin + ":" + os.Getenv("PATH")}
	steps := 0
	said := step.ReplaceAllStringFunc(text, func(found string) string {
		steps++
		m := step.FindStringSubmatch(found)
		out := s.bash(m[1])
		if !strings.HasSuffix(found, "```\n\n```text\n"+m[2]+"```\n") {
			return found
		}
		if !*update && figureless(out) != figureless(m[2]) {
			s.Errorf("%s: %s\nprints\n%s\nbut the page says\n%s", page, m[1], out, m[2])
		}
		return "```sh\n" + m[1] + "```\n\n```text\n" + out + "```\n"
	})
	if steps == 0 {
		s.Errorf("%s: no commands", page)
	}
	if *update && !s.Failed() {
		if err := os.WriteFile(page, []byte(said), 0o644); err != nil {
			s.Fatal(err)
		}
	}
}

func (s *shell) bash(commands string) string {
	s.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", commands)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), s.env...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		s.Fatalf("%s%v\n%s%s", commands, err, &out, &errs)
	}
	return out.String()
}

// figureless is a text without what differs from run to run and from machine to
// machine: reasons, whose order hangs on their numbers, numbers, and the widths of
// columns.
func figureless(text string) string {
	text = regexp.MustCompile(`(?m)^.*[-+]\d+\.\d\d [^(\n]*$`).ReplaceAllString(text, "")
	text = regexp.MustCompile(`[-+]?\d[\d.]*`).ReplaceAllString(text, "#")
	text = regexp.MustCompile(`[-─+┌┬┐├┼┤└┴┘]{2,}`).ReplaceAllString(text, "-")
	return strings.Join(strings.Fields(text), " ")
}
