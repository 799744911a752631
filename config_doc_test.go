package ember_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"

	"ember"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

const configurationPage = "docs/configuration.md"

// TestConfigurationPage holds docs/configuration.md to the comments of Config.
func TestConfigurationPage(t *testing.T) {
	want := configuration(t)
	if *update {
		if err := os.WriteFile(configurationPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(configurationPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the comments of Config say: go test . -run Configuration -update", configurationPage)
	}
}

func configuration(t *testing.T) string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# Configuration\n\nWeakest first: the defaults below, the file (`--config FILE`, else `ember.toml` here or\n" +
		"in the data directory), `EMBER_*` variables, flags. An unknown setting in the file is\nrefused. This page is made from the comments of `Config`.\n\n" +
		"| Setting | Variable | Default | Meaning |\n|---|---|---|---|\n")
	defaults := reflect.ValueOf(ember.Defaults())
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "Config" {
			return true
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			name := field.Names[0].Name
			sf, _ := defaults.Type().FieldByName(name)
			key := sf.Tag.Get("koanf")
			if key == "-" {
				continue
			}
			variable := "EMBER_" + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
			value := fmt.Sprint(defaults.FieldByName(name).Interface())
			if value == "" || value == "[]" {
				value = "none"
			}
			fmt.Fprintf(&b, "| `%s` | `%s` | `%s` | %s |\n", key, variable, value, strings.ReplaceAll(strings.TrimSpace(field.Doc.Text()), "\n", " "))
		}
		return false
	})
	return b.String()
}
