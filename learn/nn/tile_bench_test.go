package nn

import "testing"

func BenchmarkTile(b *testing.B) {
	for _, k := range []int{9, 96, 128, 256} {
		b.Run(itoa(k), func(b *testing.B) {
			rows, cols := active.tileSize()
			a, p, c := make([]float32, rows*k), make([]float32, k*cols), make([]float32, rows*cols)
			for b.Loop() {
				for range 100 {
					active.tile(k, a, k, 1, p, c, cols)
				}
			}
			b.ReportMetric(100*2*float64(rows*cols*k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}

func itoa(k int) string {
	return string(rune('0'+k/100)) + string(rune('0'+k/10%10)) + string(rune('0'+k%10))
}
