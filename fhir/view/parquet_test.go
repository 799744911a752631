package view_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"ember/fhir/view"
)

// TestParquet writes every type of column; the room parquet reads such files back.
func TestParquet(t *testing.T) {
	column := func(name, path, typ string) string {
		return `{"name":"` + name + `","path":"` + path + `","type":"` + typ + `"}`
	}
	definition := `{"resource":"Observation","select":[{"column":[` + strings.Join([]string{
		column("id", "id", "id"), column("issued", "issued", "instant"), column("at", "effective.ofType(dateTime)", "dateTime"), column("whole", "value.ofType(integer)", "integer"),
		column("value", "component.first().value.ofType(Quantity).value", "decimal"), column("yes", "status = 'final'", "boolean"), `{"name":"codes","path":"code.coding.code","collection":true}`, column("big", "value.ofType(integer)", "integer64"),
	}, ",") + `]}]}`
	resources := []json.RawMessage{
		json.RawMessage(`{"resourceType":"Observation","id":"a","status":"final","issued":"2024-01-02T03:04:05.678Z","effectiveDateTime":"2024-01","valueInteger":5,"component":[{"valueQuantity":{"value":1.50}}],"code":{"coding":[{"code":"x"},{"code":"y"}]}}`),
		json.RawMessage(`{"resourceType":"Observation","id":"b"}`),
	}
	out, err := run([]byte(definition), resources, view.Parquet)
	if err != nil || !bytes.HasPrefix(out, []byte("PAR1")) || !bytes.HasSuffix(out, []byte("PAR1")) {
		t.Fatalf("%v %q", err, out)
	}
	for _, word := range []string{"issued", "codes", "element", "2024-01"} {
		if !bytes.Contains(out, []byte(word)) {
			t.Errorf("%s is missing", word)
		}
	}
	for _, bad := range []string{column("whole", "id", "integer"), column("whole", "id", "decimal"), column("whole", "id", "boolean"), column("whole", "id", "instant")} {
		_, err := run([]byte(`{"resource":"Observation","select":[{"column":[`+bad+`]}]}`), resources, view.Parquet)
		if err == nil || !strings.Contains(err.Error(), "ViewDefinition.select[0].column[0]") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
