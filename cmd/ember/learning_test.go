package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEvalWritesAPage(t *testing.T) {
	s := newShell(t)
	f := newFake(s)
	f.has["POST /admin/eval"] = `{"result":{"text":"T1: board\n","report":{"patients":9,"folds":1,"tasks":[{"task":"T1","decisions":3,"patients":2,"baselines":["ridge"],` +
		`"systems":[{"system":"neural","metrics":{"AP":{"Value":0.25,"Low":0.2,"High":0.3,"N":3}}}]}]}}}`
	out, _ := s.run(0, "eval --html board.html")
	page, err := os.ReadFile(filepath.Join(s.dir, "board.html"))
	if err != nil || !strings.Contains(out, "T1: board") || !strings.Contains(string(page), "0.250 [0.200, 0.300]") || !strings.Contains(string(page), "</svg>") {
		t.Errorf("%s\n%s, %v", out, page, err)
	}
}
