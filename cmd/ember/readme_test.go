package main

import (
	"encoding/json"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestDocumentedCommands holds every line of every block marked sh, in README and
// docs, and every example of the program's own help, to what exists: targets of
// make, commands with their flags and arguments, paths of the API.
func TestDocumentedCommands(t *testing.T) {
	d := documented{makefile: read(t, "../../Makefile"), paths: apiPaths(t)}
	pages := []string{"../../README.md", "../../ARCHITECTURE.md"}
	err := filepath.WalkDir("../../docs", func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			pages = append(pages, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if _, err := os.Stat(page); err != nil {
			t.Logf("%s is not there yet", page)
			continue
		}
		for _, line := range commandLines(read(t, page)) {
			d.check(t, page, line)
		}
	}
	each(newRoot(), func(c *cobra.Command) {
		for _, line := range strings.Split(c.Example, "\n") {
			if line = strings.TrimSpace(line); line != "" {
				d.check(t, c.CommandPath(), line)
			}
		}
		if c.Runnable() && c.Example == "" && !c.Hidden && c.Name() != "version" && c.Name() != "help" {
			t.Errorf("%s has no example", c.CommandPath())
		}
	})
	if d.checked < 20 {
		t.Errorf("only %d commands were found: the test proves little", d.checked)
	}
}

func each(c *cobra.Command, f func(*cobra.Command)) {
	f(c)
	for _, sub := range c.Commands() {
		each(sub, f)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var block = regexp.MustCompile("(?ms)^```sh\n(.*?)^```")

func commandLines(page string) (lines []string) {
	for _, m := range block.FindAllStringSubmatch(page, -1) {
		for _, line := range strings.Split(strings.ReplaceAll(m[1], "\\\n", " "), "\n") {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

func apiPaths(t *testing.T) (paths []*regexp.Regexp) {
	t.Helper()
	var api struct{ Paths map[string]any }
	if err := json.Unmarshal([]byte(read(t, "../../server/openapi.json")), &api); err != nil {
		t.Fatal(err)
	}
	parameter := regexp.MustCompile(`\\\{[^}]*\\\}`)
	for path := range api.Paths {
		paths = append(paths, regexp.MustCompile("^"+parameter.ReplaceAllString(regexp.QuoteMeta(path), "[^/]+")+"$"))
	}
	return paths
}

type documented struct {
	makefile string
	paths    []*regexp.Regexp
	checked  int
}

// words splits a line as a shell does, as far as the documentation needs it:
// quotes, comments, redirections.
var words = regexp.MustCompile(`'[^']*'|"[^"]*"|[^\s|]+|\|`)

var redirection = regexp.MustCompile(`^[12]?>`)

func (d *documented) check(t *testing.T, where, line string) {
	t.Helper()
	var command []string
	target := false // of a redirection
	for _, w := range append(words.FindAllString(line, -1), "|") {
		switch {
		case target:
			target = false
		case redirection.MatchString(w):
			target = strings.HasSuffix(w, ">")
		case w == "|" || w == "&&" || w == "&" || w == ";" || strings.HasPrefix(w, "#"):
			d.command(t, where, command)
			command = nil
			if strings.HasPrefix(w, "#") {
				return
			}
		case strings.Contains(w, "=") && len(command) == 0 && !strings.ContainsAny(w[:strings.Index(w, "=")], "-/"):
		default:
			command = append(command, strings.Trim(w, `'"`))
		}
	}
}

func (d *documented) command(t *testing.T, where string, w []string) {
	t.Helper()
	if len(w) == 0 {
		return
	}
	d.checked++
	switch filepath.Base(w[0]) {
	case "make":
		for _, target := range w[1:] {
			if !strings.Contains(target, "=") && !regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(target)+`:`).MatchString(d.makefile) {
				t.Errorf("%s: make has no target %s", where, target)
			}
		}
	case "ember":
		parses(t, where, w[1:])
	case "curl":
		d.request(t, where, w[1:])
	}
}

func parses(t *testing.T, where string, args []string) {
	t.Helper()
	root := newRoot()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	c, rest, err := root.Find(args)
	if err != nil {
		t.Errorf("%s: ember %s: %v", where, strings.Join(args, " "), err)
		return
	}
	c.InitDefaultHelpFlag()
	if err := c.ParseFlags(rest); err != nil {
		t.Errorf("%s: ember %s: %v", where, strings.Join(args, " "), err)
		return
	}
	if help, err := c.Flags().GetBool("help"); err == nil && help || c == root {
		return
	}
	if err := c.ValidateArgs(c.Flags().Args()); err != nil {
		t.Errorf("%s: ember %s: %v", where, strings.Join(args, " "), err)
	}
}

func (d *documented) request(t *testing.T, where string, args []string) {
	t.Helper()
	for _, a := range args {
		a = strings.ReplaceAll(a, `\$`, "$")
		if strings.HasPrefix(a, "localhost:") {
			a = "http://" + a
		}
		if host, _, ok := strings.Cut(a, "$"); ok && strings.Contains(host, "://") && strings.Count(host, "/") == 2 {
			return // a script's: the path is what it is called with
		}
		u, err := url.Parse(a)
		if err != nil || u.Scheme == "" || u.Host == "" {
			continue
		}
		for _, path := range d.paths {
			if path.MatchString(u.Path) {
				return
			}
		}
		t.Errorf("%s: there is no %s in the API", where, u.Path)
		return
	}
	t.Errorf("%s: curl without an address: %s", where, strings.Join(args, " "))
}
