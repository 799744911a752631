package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are the server's own registry. Labels are the route's pattern, the
// method and the status, and nothing else.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	lag      prometheus.Gauge
	degraded prometheus.Gauge
	handler  http.Handler
}

func newMetrics() *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ember_http_requests_total", Help: "Requests answered.",
		}, []string{"route", "method", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ember_http_request_seconds", Help: "Time from the request's header to the end of the answer.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 5, 30, 300},
		}, []string{"route", "method"}),
		lag: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ember_index_lag", Help: "Changes stored and not yet indexed."}),
		degraded: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ember_degraded", Help: "Parts that do not work as they should; /v1/status names them."}),
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.requests, m.seconds, m.lag, m.degraded,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
	return m
}

func (m *metrics) observe(method, route string, status int, took time.Duration) {
	method = methodLabel(method)
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route, method).Observe(took.Seconds())
}

// methodLabel keeps invented methods out of labels and logs.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions:
		return method
	}
	return "other"
}

// exposeMetrics is GET /metrics.
func (s *Server) exposeMetrics(ctx context.Context, c *call) error {
	state := s.state(ctx)
	s.metrics.lag.Set(float64(state.IndexLag))
	s.metrics.degraded.Set(float64(len(state.Degraded)))
	s.metrics.handler.ServeHTTP(c.w, c.r)
	return nil
}
