//go:build !linux

package ember

import "errors"

// deviceOf knows devices on Linux only.
func deviceOf(string) (string, error) { return "", errors.ErrUnsupported }
