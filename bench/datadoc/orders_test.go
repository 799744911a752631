package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sort"
	"testing"
	"time"
)

// most is the share of orders of real hospitals that may be blocked: those are
// orders clinicians gave, and most of them will have had their reason.
const most = 0.03

func TestOrdersThatWereReallyGiven(t *testing.T) {
	if testing.Short() {
		t.Skip("reads much data")
	}
	const data = "../../../shared/data"
	if _, err := os.Stat(data); errors.Is(err, fs.ErrNotExist) {
		t.Skip("needs the project's shared data: ", data)
	}
	s, err := newSurveyor(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for _, src := range sources {
		if !src.orders || src.heavy {
			continue
		}
		v, err := s.survey(context.Background(), src, data)
		if err != nil {
			t.Fatal(err)
		}
		j := v.judged
		t.Logf("%s: %d orders, %d unchecked, %d renewals, %d blocked, %d warned, %d blocked together", src.name, j.orders, j.unchecked, j.renewals, j.blocked, j.warned, j.together)
		for _, rule := range sorted(j.samples) {
			t.Logf("  %s: %v", rule, top(j.samples[rule], 6))
		}
		if checked := j.orders - j.unchecked; checked == 0 || float64(j.blocked) > most*float64(checked) {
			t.Errorf("%s: %d of %d orders blocked, more than %.0f %%", src.name, j.blocked, checked, 100*most)
		}
		if v.same.of < v.same.all {
			t.Errorf("%s: %d of %d resources are not stored with their bytes", src.name, v.same.all-v.same.of, v.same.all)
		}
	}
}

func sorted(m map[string]counts) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool { return m[keys[i]].sum() > m[keys[j]].sum() })
	return keys
}
