package server_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
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

const (
	overloadDeadline = 400 * time.Millisecond
	overloadTakes    = 50 * time.Millisecond
	overloadRunning  = 4
	overloadRate     = 5 * overloadRunning * int(time.Second/overloadTakes) // 400 a second
	overloadSeconds  = 2
	overloadCan      = int64(overloadRunning * int(time.Second/overloadTakes) * overloadSeconds)
	overloadSlack    = 100 * time.Millisecond // of a machine that others use too
)

// overloaded is what came of an overload.
type overloaded struct {
	cards, empty, late int64
	longest            time.Duration
	stalled            time.Duration // how late a timer of this process was
}

// TestCDSFiveTimesOverload offers five times what can be answered: nothing comes later
// than the deadline, and what can be answered still is, with cards. Where the machine
// itself lets timers wait, a try says nothing.
func TestCDSFiveTimesOverload(t *testing.T) {
	w := openWard(t, cds.Options{}, func(d *server.Deps) {
		known, _ := knowledge()
		f := d.Recommender.(*fake)
		service, err := cds.New(cds.Options{Deadline: overloadDeadline, Running: overloadRunning, Secret: []byte("secret"), Quiet: -1}, cds.Deps{
			Reader: fhir.NewMapper(known), Charts: hookCharts{f}, Recommender: slowRecommender{f, overloadTakes}, Rules: testRules{},
			Memory: cache.NewMemory(10000, 8<<20, time.Now), Feedback: &kept{cards: map[string]cds.Shown{}}, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		d.CDS.Hooks, d.Clock = service, time.Now
	})
	face := httptest.NewServer(w.Server)
	defer face.Close()
	const tries = 5
	for range tries {
		o := overload(t, face.URL)
		t.Logf("%d with cards of the %d that can be, %d empty, %d late, the longest %s, timers %s late", o.cards, overloadCan, o.empty, o.late, o.longest, o.stalled)
		if o.late == 0 && o.cards >= overloadCan*8/10 {
			return
		}
		if o.stalled < overloadSlack/4 {
			t.Fatalf("%d answers came later than %s, the latest after %s; %d of %d had cards", o.late, overloadDeadline, o.longest, o.cards, overloadCan)
		}
	}
	t.Skipf("the machine was too busy for its own timers in each of %d tries", tries)
}

// overload calls at fixed times for a while.
func overload(t *testing.T, face string) (o overloaded) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	defer client.CloseIdleConnections()
	var mu sync.Mutex
	var all sync.WaitGroup
	start := time.Now()
	for i := range overloadRate * overloadSeconds {
		due := start.Add(time.Duration(i) * time.Second / time.Duration(overloadRate))
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
		}
		o.stalled = max(o.stalled, time.Since(due))
		all.Go(func() {
			cards, took := overloadCall(t, client, face, i)
			mu.Lock()
			defer mu.Unlock()
			o.longest = max(o.longest, took)
			switch {
			case took > overloadDeadline+overloadSlack:
				o.late++
			case cards:
				o.cards++
			default:
				o.empty++
			}
		})
	}
	all.Wait()
	return o
}

func overloadCall(t *testing.T, client *http.Client, face string, i int) (cards bool, took time.Duration) {
	body := strings.ReplaceAll(hookBody("patient-view", "", aPatient), "p1", fmt.Sprint("p", i))
	begun := time.Now()
	resp, err := client.Post(face+"/cds-services/treatments", "application/json", strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return false, 0
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("status %d, %v", resp.StatusCode, err)
	}
	return string(answer) != `{"cards":[]}`, time.Since(begun)
}
