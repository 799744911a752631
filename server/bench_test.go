package server_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"ember/recommender"
	"ember/recommender/feedback"
	"ember/record"
	"ember/server"
	"ember/server/auth"
)

// discard is a response writer that keeps its header map and nothing else.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

type silent struct{}

func (silent) Record(context.Context, ...auth.Entry) error { return nil }

// BenchmarkRecommend is what the server itself takes of a recommendation: the
// recommender, the chart and the audit record cost nothing here. Ten items with
// five reasons each, a token, the access log written.
func BenchmarkRecommend(b *testing.B) {
	f := newFake()
	item := f.answer.Items[0]
	item.Reasons = nil
	for range 5 {
		item.Reasons = append(item.Reasons, recommender.Reason{Text: "essential hypertension, since 2019", Weight: .73125, Sources: []string{"Condition/8f6e2d1c", "Observation/1f2e3d4c"}})
	}
	f.answer.Items = nil
	for range 10 {
		f.answer.Items = append(f.answer.Items, item)
	}
	quick := fixed{f.answer, f.timeline}
	s, err := server.New(server.Options{}, server.Deps{Loader: f, Writer: f, Resources: f, Charts: quick, Bundles: f, Recommender: quick, Searcher: f,
		Health: f, Auditor: silent{}, Tokens: tokenTable, Clock: time.Now, Log: slog.New(slog.NewJSONHandler(io.Discard, nil))})
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/v1/patients/p1/recommendations?want=treatments&limit=10", nil)
	r.Header.Set("Authorization", "Bearer recommender")
	for _, c := range []struct{ name, encoding string }{{"plain", ""}, {"gzip", "gzip"}} {
		b.Run(c.name, func(b *testing.B) {
			r.Header.Set("Accept-Encoding", c.encoding)
			w := &discard{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				s.ServeHTTP(w, r)
			}
		})
	}
}

// fixed answers at once.
type fixed struct {
	answer   recommender.Answer
	timeline record.Timeline
}

func (f fixed) Recommend(context.Context, recommender.Query) (recommender.Answer, error) {
	return f.answer, nil
}

func (f fixed) Chart(context.Context, string) (server.Chart, error) {
	return server.Chart{Timeline: f.timeline, Version: "v", Key: "k"}, nil
}

func (f fixed) Card() (recommender.Card, error) {
	return recommender.Card{Name: "baseline", Version: "0", Parts: []recommender.Part{{Title: "Purpose", Attributes: []recommender.Attribute{{Name: "Intended use", Text: "Decision support."}}}}}, nil
}

func (f fixed) Calibration() []recommender.Kept {
	return []recommender.Kept{{Want: "tests", Decisions: 90, Ratio: 1.25, Error: .02}}
}

func (f fixed) Learned() (feedback.Learned, error) { return feedback.Learned{}, nil }

func (f fixed) Drift() []recommender.Drift {
	return []recommender.Drift{{Want: recommender.Tests, Of: "age", Index: .125, Decisions: 500}}
}
