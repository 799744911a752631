//go:build !unix

package ember

// lowerPriority does nothing where priorities are not known.
func lowerPriority() {}
