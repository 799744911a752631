//go:build !amd64

package nn

// levels are the sets this processor can run.
func levels() []level { return []level{portable} }

// tileSize is the shape of the GEMM tile.
func (l level) tileSize() (rows, cols int) { return 2, 4 }

func (l level) dot(x, y []float32) float32     { return dotPortable(x, y[:len(x)]) }
func (l level) reluDot(x, y []float32) float32 { return reluDotPortable(x, y[:len(x)]) }
func (l level) axpy(a float32, x, y []float32) { axpyPortable(a, x, y) }
func (l level) add(x, y, z []float32)          { addPortable(x, y, z) }
func (l level) max(x, y, z []float32)          { maxPortable(x, y, z) }
func (l level) relu(x []float32)               { reluPortable(x) }

func (l level) adam(p, g, m, v []float32, c *adamConstants) { adamPortable(p, g, m, v, c) }

// tile adds the product of a block of A (rows × k, strides row and col) and a
// packed panel of B (k × cols) to a tile of C.
func (l level) tile(k int, a []float32, row, col int, b, c []float32, ldc int) {
	tilePortable(k, a, row, col, b, c, ldc)
}

// layer writes max(floor, bias + A·B) to a tile of C; see tile. bias is as wide
// as the tile.
func (l level) layer(floor float32, k int, a []float32, row, col int, b, c []float32, ldc int, bias []float32) {
	layerPortable(floor, k, a, row, col, b, c, ldc, bias)
}

// placed is layer for rows of A that lie anywhere: row i is made of segments of k
// elements, the first at a[rows[i]], each other pitch elements behind the one
// before.
func (l level) placed(floor float32, segments, k int, a []float32, rows []int32, pitch int, b, c []float32, ldc int, bias []float32) {
	placedPortable(floor, segments, k, a, rows, pitch, b, c, ldc, bias)
}
