package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// fhirPatients of the lean profile are a good million resources.
const fhirPatients = 60_000

// FHIR is search and export over a million resources.
type FHIR struct {
	Patients  int      `json:"patients"`
	Resources int      `json:"resources"`
	Searches  []Search `json:"searches"`
	Export    Export   `json:"export"`
}

// Search is one kind of search by one client, one after the other.
type Search struct {
	Name    string  `json:"name"`
	Bar     float64 `json:"bar_ms"` // of the p99; 0 = none
	CPU     float64 `json:"cpu_ms"`
	Entries float64 `json:"entries"` // of an answer, mean
	Latency
}

// Export is a $export of everything, from the kick-off until its files can be fetched,
// and the fetching of them.
type Export struct {
	Bytes  int64   `json:"bytes"`
	CPU    float64 `json:"cpu_seconds"`
	Write  float64 `json:"write_seconds"`
	Fetch  float64 `json:"fetch_seconds"`
	Before int64   `json:"resident_before"` // bytes
	Peak   int64   `json:"resident_peak"`   // bytes, while it ran
}

func measureFHIR(ctx context.Context, b *bench) (any, error) {
	files, err := b.synth(ctx, "lean", fhirPatients, 1)
	if err != nil {
		return nil, err
	}
	f := FHIR{Patients: fhirPatients}
	if f.Resources, _, err = count(files); err != nil {
		return nil, err
	}
	p, err := b.serve(ctx, filepath.Join(b.tmp, "fhir-data"))
	if err != nil {
		return nil, err
	}
	if _, err = p.load(ctx, files, f.Resources); err == nil {
		err = f.measure(ctx, p)
	}
	return f, errors.Join(err, p.stop())
}

func (f *FHIR) measure(ctx context.Context, p *process) error {
	c, err := p.corpus(ctx)
	if err != nil {
		return err
	}
	page100, err := p.page(ctx, c.latest(c.often), 100)
	if err != nil {
		return err
	}
	for _, s := range []struct {
		name string
		bar  float64
		n    int
		path func() string
	}{
		{"Observations of a patient by code", 20, 2000, c.ofPatient},
		{"the latest 50 by code and date", 50, 500, func() string { return c.latest(c.code()) }},
		{"the same of the code there is most of", 50, 500, func() string { return c.latest(c.often) }},
		{"the hundredth page of it", 50, 500, func() string { return page100 }},
		{"active conditions, of a whole type", 0, 200, func() string { return "/fhir/Condition?clinical-status=active&_count=50" }},
		{"patients by the beginning of a name", 0, 200, func() string { return "/fhir/Patient?name=sm&_count=20" }},
	} {
		found, err := p.search(ctx, s.n, s.path)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		found.Name, found.Bar = s.name, s.bar
		fmt.Printf("fhir: %s: p99 %.2f ms, %.1f entries\n", s.name, found.P99, found.Entries)
		f.Searches = append(f.Searches, found)
	}
	f.Export, err = p.export(ctx)
	return err
}

// corpus is what there is to search for.
type corpus struct {
	random   *rand.Rand
	codes    []string    // as often as they are found
	often    string      // the most frequent
	patients [][2]string // patient and a code of theirs
}

func (c *corpus) code() string { return c.codes[c.random.IntN(len(c.codes))] }

func (c *corpus) ofPatient() string {
	pair := c.patients[c.random.IntN(len(c.patients))]
	return "/fhir/Observation?patient=" + url.QueryEscape(pair[0]) + "&code=" + url.QueryEscape(pair[1])
}

func (c *corpus) latest(code string) string {
	return "/fhir/Observation?code=" + url.QueryEscape(code) + "&date=ge1990&_sort=-date&_count=50"
}

func (p *process) corpus(ctx context.Context) (*corpus, error) {
	c := &corpus{random: rand.New(rand.NewPCG(1, 1))}
	path, seen := "/fhir/Observation?_count=1000&_elements=code,subject", map[string]int{}
	for range 20 {
		b, err := p.bundle(ctx, path)
		if err != nil {
			return nil, err
		}
		for _, e := range b.Entry {
			if len(e.Resource.Code.Coding) == 0 {
				continue
			}
			code := e.Resource.Code.Coding[0].System + "|" + e.Resource.Code.Coding[0].Code
			c.codes = append(c.codes, code)
			c.patients = append(c.patients, [2]string{strings.TrimPrefix(e.Resource.Subject.Reference, "Patient/"), code})
			if seen[code]++; seen[code] > seen[c.often] {
				c.often = code
			}
		}
		if path = b.next(); path == "" {
			break
		}
	}
	if len(c.codes) == 0 {
		return nil, errors.New("there are no observations")
	}
	return c, nil
}

// bundle is what the bench reads of a search's answer.
type bundle struct {
	Link []struct {
		Relation string `json:"relation"`
		URL      string `json:"url"`
	} `json:"link"`
	Entry []struct {
		Resource struct {
			Code struct {
				Coding []struct{ System, Code string } `json:"coding"`
			} `json:"code"`
			Subject struct {
				Reference string `json:"reference"`
			} `json:"subject"`
		} `json:"resource"`
	} `json:"entry"`
}

// next is the path of the next page.
func (b *bundle) next() string {
	for _, l := range b.Link {
		if l.Relation == "next" {
			if i := strings.Index(l.URL, "/fhir/"); i >= 0 {
				return l.URL[i:]
			}
		}
	}
	return ""
}

func (p *process) bundle(ctx context.Context, path string) (*bundle, error) {
	body, _, err := p.ask(ctx, http.MethodGet, path)
	if err != nil {
		return nil, err
	}
	b := new(bundle)
	return b, json.Unmarshal(body, b)
}

// ask is a request whose answer matters.
func (p *process) ask(ctx context.Context, method, path string) ([]byte, http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Prefer", "respond-async")
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s: %s: %.300s", path, resp.Status, body)
	}
	return body, resp.Header, err
}

// page follows a search's pages to the nth.
func (p *process) page(ctx context.Context, path string, n int) (string, error) {
	for i := 1; i < n; i++ {
		b, err := p.bundle(ctx, path)
		if err != nil {
			return "", err
		}
		if path = b.next(); path == "" {
			return "", fmt.Errorf("there is no page %d", i+1)
		}
	}
	return path, nil
}

// search asks n times, after a tenth of that which is not counted.
func (p *process) search(ctx context.Context, n int, path func() string) (s Search, err error) {
	var took []time.Duration
	var before time.Duration
	for i := -n / 10; i < n; i++ {
		if i == 0 {
			if before, err = p.cpu(); err != nil {
				return s, err
			}
		}
		began := time.Now()
		body, _, err := p.ask(ctx, http.MethodGet, path())
		if err != nil {
			return s, err
		}
		if i >= 0 {
			took = append(took, time.Since(began))
			s.Entries += float64(bytes.Count(body, []byte(`"fullUrl"`))) / float64(n)
		}
	}
	after, err := p.cpu()
	s.CPU, s.Latency = (after-before).Seconds()*1e3/float64(n), latency(took, 0)
	return s, err
}

// export has everything exported, and fetches it.
func (p *process) export(ctx context.Context) (e Export, err error) {
	if err = p.forgetPeak(); err != nil {
		return e, err
	}
	if e.Before, err = p.peak(); err != nil {
		return e, err
	}
	cpu, err := p.cpu()
	if err != nil {
		return e, err
	}
	began := time.Now()
	_, head, err := p.ask(ctx, http.MethodGet, "/fhir/$export")
	if err != nil {
		return e, err
	}
	files, err := p.finished(ctx, head.Get("Content-Location"))
	if err != nil {
		return e, err
	}
	e.Write = time.Since(began).Seconds()
	began = time.Now()
	for _, file := range files {
		status, n, err := p.download(ctx, file)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%s was answered by %d", file, status)
		}
		if err != nil {
			return e, err
		}
		e.Bytes += n
	}
	e.Fetch = time.Since(began).Seconds()
	after, err := p.cpu()
	if err != nil {
		return e, err
	}
	e.CPU = (after - cpu).Seconds()
	e.Peak, err = p.peak()
	fmt.Printf("fhir: export: %.0f MB in %.1f s, fetched in %.1f s\n", float64(e.Bytes)/1e6, e.Write, e.Fetch)
	return e, err
}

// forgetPeak makes the peak of resident memory what is resident now.
func (p *process) forgetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.cmd.Process.Pid), []byte("5"), 0)
}

// finished waits for a bulk job and gives the addresses of its files.
func (p *process) finished(ctx context.Context, location string) ([]string, error) {
	path := location[max(0, strings.Index(location, "/v1/")):]
	for {
		body, _, err := p.ask(ctx, http.MethodGet, path)
		if err != nil {
			return nil, err
		}
		var manifest struct {
			Output []struct {
				URL string `json:"url"`
			} `json:"output"`
		}
		if json.Unmarshal(body, &manifest) == nil && len(manifest.Output) > 0 {
			urls := make([]string, len(manifest.Output))
			for i, o := range manifest.Output {
				urls[i] = o.URL[max(0, strings.Index(o.URL, "/v1/")):]
			}
			return urls, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
}
