package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ember/recommender"
)

// metrics are the server's own registry. Labels are the route's pattern, the
// method and the status, and nothing else.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	lag      prometheus.Gauge
	degraded prometheus.Gauge
	answers  *prometheus.CounterVec
	drift    *prometheus.GaugeVec
	hooks    *hookMetrics
	feedback *prometheus.CounterVec
	kept     *prometheus.GaugeVec
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
	m.answers = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ember_recommendations_total", Help: "Recommendations, by what was asked for and whether something was recommended, nothing was (abstained), or a source had failed (degraded)."}, []string{"want", "outcome"})
	m.drift = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "ember_recommender_drift", Help: "Population stability index of the decisions asked about since the model began to answer, against those of training; above 0.25 is a shift, before some hundred decisions it says nothing."}, []string{"want", "of"})
	m.feedback = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ember_feedback_total", Help: "Items of recommendations that somebody said something of, by what was done with them and why."}, []string{"want", "outcome", "reason"})
	m.kept = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "ember_recommender_calibration", Help: "At the last training, on patients that what answers had not learned from: ratio of the orders that came to those promised (1 is kept), and expected calibration error where more than 5 % was promised."}, []string{"want", "of"})
	m.hooks = newHookMetrics()
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.hooks.all()...)
	registry.MustRegister(m.requests, m.seconds, m.lag, m.degraded, m.answers, m.drift, m.feedback, m.kept,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
	return m
}

func (m *metrics) observe(method, route string, status int, took time.Duration) {
	method = methodLabel(method)
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route, method).Observe(took.Seconds())
}

func (m *metrics) answered(want recommender.Want, a *recommender.Answer) {
	outcome := "answered"
	switch {
	case a.Abstained:
		outcome = "abstained"
	case len(a.Degraded) > 0:
		outcome = "degraded"
	}
	m.answers.WithLabelValues(want.String(), outcome).Inc()
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
	for _, d := range s.deps.Recommender.Drift() {
		s.metrics.drift.WithLabelValues(d.Want.String(), d.Of).Set(d.Index)
	}
	s.metrics.kept.Reset()
	for _, k := range s.deps.Recommender.Calibration() {
		s.metrics.kept.WithLabelValues(k.Want, "ratio").Set(k.Ratio)
		s.metrics.kept.WithLabelValues(k.Want, "error").Set(k.Error)
	}
	s.metrics.handler.ServeHTTP(c.w, c.r)
	return nil
}
