package fhir

import (
	"bufio"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// sameMeta compares the splices that both scans lead to.
func sameMeta(t *testing.T, raw []byte) {
	t.Helper()
	var whole, quick Header
	Scan(raw, &whole)
	ScanMeta(raw, &quick)
	const version, updated = "7", "2024-01-02T03:04:05Z"
	if a, b := whole.SetMeta(version, updated), quick.SetMeta(version, updated); !slices.Equal(a, b) {
		t.Errorf("%.300s\n%v\n%v", raw, a, b)
	}
}

func TestScanMetaIsScan(t *testing.T) {
	for _, raw := range []string{
		`{"resourceType":"Patient"}`, `{"resourceType":"Patient","meta":{}}`, ` { "meta" : { "versionId" : "1" , "tag":[{"versionId":"x"}] } , "resourceType" : "Patient" } `,
		`{"id":"a","meta":{"lastUpdated":"2020-01-01T00:00:00Z","versionId":"3"},"resourceType":"Patient","name":[{"text":"{\"meta\":{"}]}`,
		`{"resourceType":"Patient","meta":null}`, `{"resourceType":"Patient","meta":"x","id":"a"}`, `{"resourceType":"Patient","meta":{"versionId":5}}`, `{"resourceType":"Patient","meta":{"versionId":null,"lastUpdated":"x"}}`,
		`{"resourceType":"Patient","contained":[{"resourceType":"X","meta":{"versionId":"9"}}]}`, `{"\u006deta":{"versionId":"1"},"resourceType":"Patient"}`,
	} {
		sameMeta(t, []byte(raw))
	}
	files, _ := filepath.Glob("/work/shared/data/*/*.ndjson.gz")
	if len(files) == 0 {
		t.Skip("no real FHIR resources on this machine")
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(z)
		lines.Buffer(nil, 64<<20)
		for n := 0; lines.Scan() && n < 1000; n++ {
			sameMeta(t, lines.Bytes())
		}
		f.Close()
	}
}
