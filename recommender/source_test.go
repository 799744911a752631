package recommender_test

import (
	"slices"
	"testing"

	"ember/recommender"
	"ember/recommender/sourcetest"
)

func TestSourcesConform(t *testing.T) {
	a, timelines := recommender.TrainedWorld(t)
	var charts []*recommender.Chart
	for _, line := range timelines {
		samples := slices.Collect(recommender.Samples(line, recommender.EvaluationLandmarks()))
		for _, s := range []recommender.Sample{samples[0], samples[len(samples)-1]} {
			charts = append(charts, a.Chart(s.Past, s.Visit))
		}
	}
	labels := map[recommender.Want]int{recommender.Treatments: a.Labels(recommender.Treatments), recommender.Tests: a.Labels(recommender.Tests)}
	names := map[string]bool{}
	for _, s := range a.Sources() {
		names[s.Name()] = true
		sourcetest.Run(t, s, charts, labels)
	}
	if len(names) != 9 {
		t.Errorf("sources %v, want nine", names)
	}
}
