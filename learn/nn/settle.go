package nn

// Settle gives the model the weights that [Fit] would leave it with if this were
// the last epoch: the best, or the averaged ones. A checkpoint function that ends
// training by an error calls it before it returns that.
func (c *Checkpoint) Settle() { c.t.finish() }
