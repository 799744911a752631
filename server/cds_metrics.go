package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"ember/server/cds"
)

// hookMetrics count what CDS Hooks gave and what became of it. Labels are services,
// hooks and codes of our own tables.
type hookMetrics struct {
	answers   *prometheus.CounterVec
	cards     *prometheus.CounterVec
	feedback  *prometheus.CounterVec
	bytes     *prometheus.HistogramVec
	resources *prometheus.HistogramVec
}

func newHookMetrics() *hookMetrics {
	return &hookMetrics{
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ember_cds_answers_total", Help: "Calls of CDS services, by how they were answered: cards, incomplete (cards on incomplete data), empty, untrained, deadline, error."}, []string{"service", "hook", "how"}),
		cards: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ember_cds_cards_total", Help: "Cards given."}, []string{"service", "hook", "indicator"}),
		feedback: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ember_cds_feedback_total", Help: "Recommendations on cards that feedback came to, by outcome and coded reason."}, []string{"service", "outcome", "reason"}),
		bytes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ember_cds_request_bytes", Help: "Size of requests: what prefetch costs.", Buckets: prometheus.ExponentialBuckets(1<<10, 4, 8)}, []string{"service", "hook"}),
		resources: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ember_cds_resources", Help: "Resources that were sent or read for an answer.", Buckets: []float64{0, 10, 25, 50, 100, 200, 400, 1000, 5000}}, []string{"service", "hook"}),
	}
}

func (m *hookMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.answers, m.cards, m.feedback, m.bytes, m.resources}
}

func (m *hookMetrics) answered(r *cds.Request, a *cds.Answer) {
	m.answers.WithLabelValues(r.Service, r.Hook, a.How).Inc()
	m.bytes.WithLabelValues(r.Service, r.Hook).Observe(float64(a.Bytes))
	m.resources.WithLabelValues(r.Service, r.Hook).Observe(float64(a.Resources))
	for i := range a.Response.Cards {
		m.cards.WithLabelValues(r.Service, r.Hook, a.Response.Cards[i].Indicator).Inc()
	}
}

// shed: the hook is not known, because nothing was read.
func (m *hookMetrics) shed(id string) {
	if service, ok := cds.ServiceOf(id); ok {
		m.answers.WithLabelValues(service, "unknown", cds.Late).Inc()
	}
}

func (m *hookMetrics) failed(r *cds.Request) {
	m.answers.WithLabelValues(r.Service, r.Hook, "error").Inc()
}

func (m *hookMetrics) fedBack(outcomes []cds.Outcome) {
	for i := range outcomes {
		m.feedback.WithLabelValues(outcomes[i].Service, outcomes[i].Outcome, outcomes[i].ReasonLabel()).Inc()
	}
}
