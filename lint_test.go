package ember_test

import (
	"go/ast"
	"strings"
	"testing"
)

// TestHouseRules holds what no linter of others knows: every exported name and
// every package is documented, and only the program itself touches the clock,
// prints, panics, or begins a context.
func TestHouseRules(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if s.test || s.room == "bench" || strings.HasPrefix(s.room, "bench/") {
			continue
		}
		documented[s.room] = documented[s.room] || s.file.Doc != nil
		checkExported(t, s)
		checkCalls(t, s)
	}
	for room, ok := range documented {
		if !ok {
			t.Errorf("package %s has no comment", room)
		}
	}
}

func checkExported(t *testing.T, s source) {
	t.Helper()
	if s.file.Name.Name == "main" {
		return
	}
	for _, decl := range s.file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
				t.Errorf("%s: %s has no comment", s.fset.Position(d.Pos()), d.Name.Name)
			}
			if d.Name.Name == "init" && d.Recv == nil {
				t.Errorf("%s: init is not used here: wire it in ember.Open", s.fset.Position(d.Pos()))
			}
		case *ast.GenDecl:
			checkSpecs(t, s, d)
		}
	}
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	e := d.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}

func checkSpecs(t *testing.T, s source, d *ast.GenDecl) {
	t.Helper()
	for _, spec := range d.Specs {
		switch v := spec.(type) {
		case *ast.TypeSpec:
			if v.Name.IsExported() && d.Doc == nil && v.Doc == nil && v.Comment == nil {
				t.Errorf("%s: %s has no comment", s.fset.Position(v.Pos()), v.Name.Name)
			}
		case *ast.ValueSpec:
			for _, n := range v.Names {
				if n.IsExported() && d.Doc == nil && v.Doc == nil && v.Comment == nil {
					t.Errorf("%s: %s has no comment", s.fset.Position(n.Pos()), n.Name)
				}
			}
		}
	}
}

// checkCalls finds calls of pkg.Func that belong to the program alone.
func checkCalls(t *testing.T, s source) {
	t.Helper()
	program := s.room == "." || strings.HasPrefix(s.room, "cmd/")
	ast.Inspect(s.file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		at := s.fset.Position(call.Pos())
		switch f := call.Fun.(type) {
		case *ast.Ident:
			if f.Name == "panic" && !strings.HasSuffix(home(s.room), "learn/nn") && s.room == home(s.room) {
				t.Errorf("%s: panic: return an error", at)
			}
		case *ast.SelectorExpr:
			pkg, ok := f.X.(*ast.Ident)
			if !ok || program || s.room != home(s.room) {
				return true
			}
			switch name := pkg.Name + "." + f.Sel.Name; {
			case name == "time.Now" || name == "time.Since":
				t.Errorf("%s: %s: the clock is handed in at Open", at, name)
			case name == "context.Background" || name == "context.TODO":
				t.Errorf("%s: %s: take the caller's context", at, name)
			case pkg.Name == "log" || strings.HasPrefix(name, "fmt.Print"):
				t.Errorf("%s: %s: rooms return errors, the program speaks", at, name)
			}
		}
		return true
	})
}
