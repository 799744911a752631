package ember

import (
	"strings"
	"testing"

	"ember/models"
)

func TestDecide(t *testing.T) {
	better, worse := models.Estimate{Value: .02, Low: .01, High: .03, N: 100}, models.Estimate{Value: -.01, Low: -.02, High: .001, N: 100}
	maybe := models.Estimate{Value: .001, Low: -.03, High: .03, N: 100}
	ranker, baseline := &models.Manifest{Version: "r0", Kind: "ranker"}, &models.Manifest{Version: "b0", Kind: "baseline"}
	few := comparison{Patients: 3, Why: "only 3 patients"}
	for _, c := range []struct {
		name         string
		overBaseline models.Estimate
		against      comparison
		served       *models.Manifest
		kind, says   string
	}{
		{"first, good", better, comparison{Why: "nothing"}, nil, "ranker", "better"},
		{"first, bad", worse, comparison{Why: "nothing"}, nil, "baseline", "not better"},
		{"better than what serves", better, comparison{Patients: 100, Ranker: better, Baseline: worse}, ranker, "ranker", "the ranker against what serves (r0), on 100 patients"},
		{"worse than what serves", better, comparison{Patients: 100, Ranker: worse, Baseline: worse}, ranker, "", "goes on serving"},
		{"perhaps worse than what serves", better, comparison{Patients: 100, Ranker: maybe, Baseline: worse}, ranker, "", "may be worse"},
		{"bad ranker, better baseline", worse, comparison{Patients: 100, Ranker: worse, Baseline: better}, baseline, "baseline", "the baseline against what serves (b0)"},
		{"bad ranker, worse baseline", worse, comparison{Patients: 100, Ranker: better, Baseline: worse}, ranker, "", "goes on serving"},
		{"not compared, good", better, few, ranker, "ranker", "not compared with what serves (r0): only 3 patients"},
		{"not compared, bad, a ranker serves", worse, few, ranker, "", "goes on serving"},
		{"not compared, bad, a baseline serves", worse, few, baseline, "baseline", "not compared"},
	} {
		v := decide(c.overBaseline, c.against, c.served)
		if v.kind != c.kind || !strings.Contains(v.why, c.says) {
			t.Errorf("%s: %q, %s", c.name, v.kind, v.why)
		}
	}
}
