package ember_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ember"
)

func TestWhatADeadJobLeftIsSwept(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, "train-1", "checkpoint")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	open(t, testConfig(dir))
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("a checkpoint of a dead process is still there: %v", err)
	}
}

func TestRestoreNeedsAnEmptyDirectory(t *testing.T) {
	for _, part := range []string{"store", "index", "models"} {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, part, "something"), 0o700); err != nil {
			t.Fatal(err)
		}
		config := ember.Defaults()
		config.Data = dir
		err := ember.Restore(t.Context(), config, strings.NewReader(""))
		if err == nil || !strings.Contains(err.Error(), "holds data already") {
			t.Errorf("%s is there: %v", part, err)
		}
	}
}

func TestWhatTheOwnerDoesIsRecorded(t *testing.T) {
	app := open(t, testConfig(t.TempDir())).App
	before := auditLine(t, app)
	app.Local().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/admin/reindex", strings.NewReader("{}")))
	if after := auditLine(t, app); after == before {
		t.Errorf("a reindex left no entry: %s", after)
	}
}

func auditLine(t *testing.T, app *ember.App) string {
	t.Helper()
	for _, c := range app.Doctor(t.Context()).Checks {
		if c.Name == "audit" {
			return c.Detail
		}
	}
	t.Fatal("the doctor says nothing of the audit record")
	return ""
}
