package server_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ember/cache"
	"ember/fhir"
	"ember/recommender"
	"ember/server"
	"ember/server/cds"
)

// slowRecommender needs a while for each answer, and no processor.
type slowRecommender struct {
	cds.Recommender
	takes time.Duration
}

// Recommend implements cds.Recommender.
func (s slowRecommender) Recommend(ctx context.Context, q recommender.Query) (recommender.Answer, error) {
	select {
	case <-time.After(s.takes):
		return s.Recommender.Recommend(ctx, q)
	case <-ctx.Done():
		return recommender.Answer{}, ctx.Err()
	}
}

// TestCDSFiveTimesOverload offers five times what can be answered: nothing comes later
// than the deadline, and what can be answered still is, with cards.
func TestCDSFiveTimesOverload(t *testing.T) {
	const (
		deadline = 400 * time.Millisecond
		takes    = 50 * time.Millisecond
		running  = 4
		rate     = 5 * running * int(time.Second/takes) // 400 a second
		seconds  = 2
		slack    = 100 * time.Millisecond // of a machine that others use too
	)
	w := openWard(t, cds.Options{}, func(d *server.Deps) {
		known, _ := knowledge()
		f := d.Recommender.(*fake)
		service, err := cds.New(cds.Options{Deadline: deadline, Running: running, Secret: []byte("secret"), Quiet: -1}, cds.Deps{
			Reader: fhir.NewMapper(known), Charts: hookCharts{f}, Recommender: slowRecommender{f, takes}, Rules: testRules{},
			Memory: cache.NewMemory(10000, 8<<20, time.Now), Feedback: &kept{cards: map[string]cds.Shown{}}, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		d.CDS.Hooks, d.Clock = service, time.Now
	})
	face := httptest.NewServer(w.Server)
	defer face.Close()
	face.Config.SetKeepAlivesEnabled(true)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	var withCards, empty, late atomic.Int64
	var longest atomic.Int64
	var all sync.WaitGroup
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for i := range rate * seconds {
		<-tick.C
		all.Go(func() {
			body := strings.ReplaceAll(hookBody("patient-view", "", aPatient), "p1", fmt.Sprint("p", i))
			begun := time.Now()
			resp, err := client.Post(face.URL+"/cds-services/treatments", "application/json", strings.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			var b [64]byte
			n, _ := resp.Body.Read(b[:])
			took := time.Since(begun)
			for was := longest.Load(); int64(took) > was && !longest.CompareAndSwap(was, int64(took)); was = longest.Load() {
			}
			switch {
			case resp.StatusCode != http.StatusOK:
				t.Errorf("status %d", resp.StatusCode)
			case took > deadline+slack:
				late.Add(1)
			case string(b[:n]) == `{"cards":[]}`:
				empty.Add(1)
			default:
				withCards.Add(1)
			}
		})
	}
	all.Wait()
	can := int64(running * int(time.Second/takes) * seconds)
	t.Logf("%d with cards of the %d that can be, %d empty, %d late, the longest %s", withCards.Load(), can, empty.Load(), late.Load(), time.Duration(longest.Load()))
	if late.Load() > 0 {
		t.Errorf("%d answers came later than %s, the latest after %s", late.Load(), deadline, time.Duration(longest.Load()))
	}
	if withCards.Load() < can*8/10 {
		t.Errorf("%d answers had cards, %d can be computed", withCards.Load(), can)
	}
}
