//go:build !amd64

package nn

func (l level) exp(x []float32)     { expPortable(x) }
func (l level) sigmoid(x []float32) { sigmoidPortable(x) }
func (l level) tanh(x []float32)    { tanhPortable(x) }

func (l level) lstm(gates, before, cell, curved, h []float32) {
	lstmPortable(gates, before, cell, curved, h)
}

func (l level) lstmBack(gates, before, curved, dh, dc []float32) {
	lstmBackPortable(gates, before, curved, dh, dc)
}

func (l level) row(k int, a []float32, col int, b, c []float32) { rowPortable(k, a, col, b, c) }

func (l level) reluBack(y, dy, dx []float32) { reluBackPortable(y, dy, dx) }

func (l level) give(x, y, left, dx []float32) { givePortable(x, y, left, dx) }
