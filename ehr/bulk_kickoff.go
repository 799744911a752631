package ehr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// kickOff begins the export and remembers where to ask for it.
func (w *pull) kickOff(ctx context.Context) error {
	r := w.state.Run
	query := url.Values{"_outputFormat": {"application/fhir+ndjson"}}
	if r.Since != "" {
		query.Set("_since", r.Since)
	}
	if len(w.want.Types) > 0 {
		query.Set("_type", strings.Join(w.want.Types, ","))
	}
	path := "/$export"
	if w.want.Level != "" {
		path = "/" + w.want.Level + path
	}
	q := request{doing: "kick-off of the export", method: http.MethodGet, address: w.Client.base + path + "?" + query.Encode(), header: map[string]string{"Prefer": "respond-async"}}
	resp, err := w.Client.ask(ctx, q)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	at := resp.Header.Get("Content-Location")
	if resp.StatusCode != http.StatusAccepted || at == "" {
		return &Failure{Doing: q.doing, Status: resp.StatusCode, Why: "the answer is not 202 with a Content-Location", Hint: "the EHR may not know the Bulk Data Access guide"}
	}
	u, err := w.Client.allowed(at)
	if err != nil {
		return &Failure{Doing: q.doing, Why: "Content-Location is not usable: " + err.Error()}
	}
	r.Status = u.String()
	return w.save(true)
}

// Between two questions for an export: at least, and when the EHR does not say.
const (
	leastPoll = 100 * time.Millisecond
	firstPoll = time.Second
	mostPoll  = time.Minute
)

// await asks until the manifest is there.
func (w *pull) await(ctx context.Context) error {
	r := w.state.Run
	q := request{doing: "asking how far the export is", method: http.MethodGet, address: r.Status, header: map[string]string{"Accept": "application/json"}}
	for n := 0; ; n++ {
		resp, err := w.Client.ask(ctx, q)
		if err != nil {
			return forgotten(err)
		}
		if resp.StatusCode == http.StatusAccepted {
			w.want.Progress("the EHR prepares the export", percentOf(resp.Header.Get("X-Progress")), 100)
			after, told := retryAfter(resp.Header, w.Client.opt.Now())
			if !told {
				after = min(firstPoll<<min(n, 10), mostPoll)
			}
			resp.Body.Close()
			if err := w.Client.opt.Wait(ctx, max(after, leastPoll)); err != nil {
				return err
			}
			continue
		}
		b, err := w.Client.document(q, resp)
		if err != nil {
			return err
		}
		return w.take(ctx, b)
	}
}

// forgotten turns "there is nothing here" into what begins anew.
func forgotten(err error) error {
	var f *Failure
	if errors.As(err, &f) && (f.Status == http.StatusNotFound || f.Status == http.StatusGone) {
		return fmt.Errorf("%w: %w", errForgotten, err)
	}
	return err
}

var percent = regexp.MustCompile(`(\d{1,3})(?:\.\d+)?\s*%`)

// percentOf is the only thing of X-Progress that is shown: it is free text.
func percentOf(progress string) int {
	m := percent.FindStringSubmatch(progress)
	if m == nil {
		return 0
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return 0
	}
	return min(n, 100)
}

// manifest is what the EHR answers when the export is there.
type manifest struct {
	TransactionTime     string     `json:"transactionTime"`
	RequiresAccessToken *bool      `json:"requiresAccessToken"`
	Output              []exported `json:"output"`
	Deleted             []exported `json:"deleted"`
	Error               []exported `json:"error"`
	Link                []struct {
		Relation string `json:"relation"`
		URL      string `json:"url"`
	} `json:"link"`
}

type exported struct {
	Type  string `json:"type"`
	URL   string `json:"url"`
	Count *int   `json:"count"`
}

// mostManifests bounds how many pages a manifest has.
const mostManifests = 1000

// take reads the manifest and the pages behind it.
func (w *pull) take(ctx context.Context, b []byte) error {
	const doing = "reading the manifest of the export"
	r := w.state.Run
	var files []*file
	for page := 0; ; page++ {
		var m manifest
		if json.Unmarshal(b, &m) != nil || m.TransactionTime == "" {
			return &Failure{Doing: doing, Why: "it has no transactionTime"}
		}
		if _, err := time.Parse(time.RFC3339Nano, m.TransactionTime); err != nil {
			return &Failure{Doing: doing, Why: "transactionTime is no instant"}
		}
		if page == 0 {
			r.Time, r.Token = m.TransactionTime, m.RequiresAccessToken == nil || *m.RequiresAccessToken
		}
		for _, list := range []struct {
			kind  string
			files []exported
		}{{"output", m.Output}, {"deleted", m.Deleted}, {"error", m.Error}} {
			for _, e := range list.files {
				u, err := w.Client.allowed(e.URL)
				if err != nil {
					return &Failure{Doing: doing, Why: "a file lies where it may not be read: " + err.Error()}
				}
				f := &file{URL: u.String(), Type: e.Type, Kind: list.kind, Count: -1}
				if e.Count != nil {
					f.Count = *e.Count
				}
				files = append(files, f)
			}
		}
		next := ""
		for _, l := range m.Link {
			if l.Relation == "next" {
				next = l.URL
			}
		}
		if next == "" {
			break
		}
		if page+1 == mostManifests {
			return &Failure{Doing: doing, Why: "it has too many pages"}
		}
		var err error
		if b, _, err = w.Client.get(ctx, request{doing: doing, address: next, header: map[string]string{"Accept": "application/json"}}); err != nil {
			return forgotten(err)
		}
	}
	r.Files, r.Ready = files, true
	return w.save(true)
}
