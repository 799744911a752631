package ember_test

import (
	"context"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"ember"
	"ember/ehr"
	"ember/server/auth/authtest"
)

// pageHospital is a hospital whose own address is that of its FHIR server, as apps need it,
// and whose app is set up.
func pageHospital(t testing.TB, dir string, change func(*ember.Config)) (*hospital, *authtest.Server) {
	t.Helper()
	idp := authtest.New(t)
	config := testConfig(dir)
	var app *ember.App
	face := httptest.NewUnstartedServer(nil)
	base := "http://" + face.Listener.Addr().String()
	idp.Now, idp.Audience, idp.Patient = config.Now, base+"/fhir", "rare-1"
	config.SMARTBase, config.SMARTIssuers = base+"/fhir", []string{idp.URL + " user=read,search,write"}
	config.SMARTApp, config.SMARTLaunchers = "ember-app", []string{base + "/fhir"}
	change(&config)
	app, err := ember.Open(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	face.Config.Handler = app.Handler()
	face.Start()
	t.Cleanup(func() {
		face.Close()
		if err := app.Close(); err != nil {
			t.Error(err)
		}
	})
	return &hospital{t, app, client{t, base}}, idp
}

// browse opens an address in Chromium and gives the page that it ends on.
func browse(t *testing.T, address string) string {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			program = p
			break
		}
	}
	if program == "" {
		t.Skip("Chromium is not installed")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--user-data-dir="+t.TempDir(), "--virtual-time-budget=20000", "--dump-dom", address)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("Chromium: %v", err)
	}
	return string(out)
}

// TestSMARTAppInABrowser launches Ember's page as an EHR does and standalone, as a public
// client and with a key of its own, and reads what it shows.
func TestSMARTAppInABrowser(t *testing.T) {
	dir := trainedDir(t)
	h, idp := pageHospital(t, dir, func(*ember.Config) {})
	shown := func(page, patient string) {
		t.Helper()
		for _, want := range []string{"Patient " + patient, "<h2>Treatments</h2><article>", "similar patients received it", "To hold 80 %", "data-ready=\"true\"", "Supports, and does not replace"} {
			if !strings.Contains(page, want) {
				t.Fatalf("the page lacks %q: %s", want, page)
			}
		}
	}
	launch := h.base + "/smart/launch.html?iss=" + url.QueryEscape(h.base+"/fhir") + "&launch="
	shown(browse(t, launch+idp.Launch("rare-2")), "rare-2")
	shown(browse(t, h.base+"/smart/launch.html"), "rare-1")
	if page := browse(t, h.base+"/smart/launch.html?launch=x&iss=https://evil.example/fhir"); !strings.Contains(page, "may not launch Ember") {
		t.Errorf("another server launches: %s", page)
	}
	if page := browse(t, launch+idp.Launch("nobody")); !strings.Contains(page, "not found") {
		t.Errorf("a patient who is not there: %s", page)
	}
	if page := browse(t, h.base+"/smart/app.html?error=access_denied&state=x"); !strings.Contains(page, "Not authorized: access_denied") {
		t.Errorf("refused: %s", page)
	}
	rep := h.get("/smart/app.html")
	if csp := rep.header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, idp.URL) || strings.Contains(csp, "unsafe") {
		t.Errorf("%s", csp)
	}
}

// TestSMARTAppSigns: with a key, Ember makes the token, and nobody gets one for another
// server or without the verifier.
func TestSMARTAppSigns(t *testing.T) {
	_, file, err := ehr.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "app.jwk")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	h, idp := pageHospital(t, trainedDir(t), func(c *ember.Config) { c.SMARTAppKey = path })
	var keys jose.JSONWebKeySet
	h.get("/smart/jwks.json").decode(t, &keys)
	if len(keys.Keys) != 1 || !keys.Keys[0].IsPublic() {
		t.Fatalf("%+v", keys)
	}
	idp.Allow("ember-app", keys)
	form := func(iss string) url.Values {
		return url.Values{"iss": {iss}, "code": {"x"}, "code_verifier": {"y"}, "redirect_uri": {h.base + "/smart/app.html"}}
	}
	post := func(v url.Values, headers ...string) reply {
		return h.ask("POST", "/smart/token", v.Encode(), append(headers, "Content-Type: application/x-www-form-urlencoded")...)
	}
	for name, rep := range map[string]reply{"an unknown code": post(form(h.base + "/fhir")), "another server": post(form("https://evil.example/fhir"))} {
		if rep.status != 401 || len(rep.outcome(t)) == 0 {
			t.Errorf("%s: %d %s", name, rep.status, rep.body)
		}
	}
	if rep := post(url.Values{}); rep.status != 400 {
		t.Errorf("nothing: %d", rep.status)
	}
	if rep := post(form(h.base+"/fhir"), "Origin: https://evil.example"); rep.status != 403 {
		t.Errorf("a page of another site: %d", rep.status)
	}
	page := browse(t, h.base+"/smart/launch.html?iss="+url.QueryEscape(h.base+"/fhir")+"&launch="+idp.Launch("rare-2"))
	if !strings.Contains(page, "Patient rare-2") || !strings.Contains(page, "data-ready") {
		t.Errorf("%s", page)
	}
}

// TestFhirclient runs an app of others, unmodified, against Ember as its FHIR server.
func TestFhirclient(t *testing.T) {
	modules := os.Getenv("CLIENTS_NODE")
	if _, err := os.Stat(filepath.Join(modules, "node_modules", "fhirclient")); modules == "" || err != nil {
		t.Skip("fhirclient is not installed (CLIENTS_NODE)")
	}
	h, idp := pageHospital(t, t.TempDir()+"/data", func(*ember.Config) {})
	idp.Patient = "p1"
	all := h.as(idp.Token(h.base+"/fhir", "user/*.cruds", ""))
	lines := []string{patient("p1"), patient("p2"), labelled("o1", "1-1", "p1", "2024-01-01"), observed("o2", "2-2", "p1", "2024-01-02"), labelled("o3", "1-1", "p2", "2024-01-03"), observed("o4", "1-1", "p1", "2024-01-03")}
	if rep := all("POST", "/fhir", strings.Join(lines, "\n"), "Content-Type: "+ndjson); rep.status != 200 || rep.parameter(t, "refused") != 0 {
		t.Fatalf("%d %s", rep.status, rep.body)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join(here, "bench/clients/fhirclient.mjs"), h.base+"/fhir", idp.Launch("p1"), "p1", "p2")
	cmd.Dir = modules
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
