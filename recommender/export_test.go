package recommender

import (
	"testing"

	"ember/record"
)

// TrainedWorld is an artifact and patients who were not in its training.
func TrainedWorld(t testing.TB) (*Artifact, []record.Timeline) {
	return shared(t), world{patients: 12, seed: 77}.timelines()
}
