package examples

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"ember/learn/nn"
)

// vocabulary numbers words; 0 is padding, 1 a word never seen.
type vocabulary map[string]float32

// encode writes texts as ids, padded behind to so many words.
func (v vocabulary) encode(texts []string, words int) nn.Tensor {
	x := nn.NewTensor(len(texts), words)
	for i, text := range texts {
		for j, word := range strings.Fields(text) {
			if j == words {
				break
			}
			x.Data[i*words+j] = 1
			if id, ok := v[word]; ok {
				x.Data[i*words+j] = id
			}
		}
	}
	return x
}

// notes writes sentences that say, or deny, one of two findings.
func notes(n int, seed uint64) (texts []string, y nn.Tensor) {
	rng := rand.New(rand.NewPCG(seed, 0))
	pick := func(words ...string) string { return words[rng.IntN(len(words))] }
	y = nn.NewTensor(n)
	for i := range n {
		finding := pick("fever", "cough")
		denied := rng.IntN(3) == 0
		verb := pick("reports", "has", "complains of")
		if denied {
			verb = pick("denies", "has no", "is without")
		}
		texts = append(texts, strings.Join([]string{pick("the patient", "she", "he"), verb, pick("", "any", "much"), finding, pick("today", "at night", "")}, " "))
		switch {
		case denied:
			y.Data[i] = 0
		case finding == "fever":
			y.Data[i] = 1
		default:
			y.Data[i] = 2
		}
	}
	return texts, y
}

// A classifier of texts: embedding, LSTM, softmax.
func Example_texts() {
	texts, y := notes(800, 1)
	words := vocabulary{}
	for _, text := range texts {
		for _, w := range strings.Fields(text) {
			if _, known := words[w]; !known {
				words[w] = float32(2 + len(words))
			}
		}
	}
	model, err := nn.Input(12).Embedding(2+len(words), 16).Masked().LSTM(32).Dense(3, "softmax").Build(1)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := nn.Fit(context.Background(), model, nn.Data{X: words.encode(texts, 12), Y: y}, nn.Options{Epochs: 8, Optimizer: nn.Optimizer{Rate: .01}}); err != nil {
		fmt.Println(err)
		return
	}
	ask := []string{"she reports fever today", "he denies any fever", "the patient has much cough", "he has no cough at night"}
	p, err := model.Predict(words.encode(ask, 12))
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, text := range ask {
		best := 0
		for c := range 3 {
			if p.Data[i*3+c] > p.Data[i*3+best] {
				best = c
			}
		}
		fmt.Printf("%s: %s\n", text, []string{"neither", "fever", "cough"}[best])
	}
	// Output:
	// she reports fever today: fever
	// he denies any fever: neither
	// the patient has much cough: cough
	// he has no cough at night: neither
}
