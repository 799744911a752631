package server

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"ember/recommender"
)

// TestQuote holds the strings written by hand to encoding/json's reading.
func TestQuote(t *testing.T) {
	for _, s := range []string{"", "plain", `a"b\c`, "line\nand\ttab\r", "\x00\x1f\x7f", "Größe ≤ 5 µg/l 😀", "bad\xffutf\xc3", "\u2028<&>", strings.Repeat("x", 1000)} {
		var got string
		if err := json.Unmarshal(quote(nil, s), &got); err != nil || got != strings.ToValidUTF8(s, "\uFFFD") {
			t.Errorf("%q comes back as %q: %v", s, got, err)
		}
	}
}

func FuzzQuote(f *testing.F) {
	f.Add("a\"\\\n\xff")
	f.Fuzz(func(t *testing.T, s string) {
		var got, want string
		if err := json.Unmarshal(quote(nil, s), &got); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		b, _ := json.Marshal(s)
		_ = json.Unmarshal(b, &want)
		if got != want {
			t.Fatalf("%q comes back as %q, want %q", s, got, want)
		}
	})
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{0: "0", .5: "0.5", 1: "1", -1.25: "-1.25", 1.0 / 3: "0.333333", 1e-9: "0", 123456.1234567: "123456.123457", 1e300: "1" + strings.Repeat("0", 300), math.Inf(1): "null", math.NaN(): "null"} {
		if got := string(number(nil, "", v)); got != want {
			t.Errorf("%v is %s, want %s", v, got, want)
		}
	}
}

func TestNothingInfiniteGoesOut(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for _, a := range []recommender.Answer{
			{Items: []recommender.Item{{Probability: v}}}, {Items: []recommender.Item{{Reasons: []recommender.Reason{{Weight: v}}}}},
			{Blocked: []recommender.Blocked{{Probability: v}}}, {Explained: &recommender.Explanation{Item: recommender.Item{Probability: v}}},
		} {
			if _, _, err := appendAnswer(nil, "id", question{}, about{}, &a); err == nil {
				t.Errorf("%v goes out", v)
			}
		}
	}
}
