//go:build !linux

package ember_test

import "errors"

func trainParent([]string) error { return errors.New("only on Linux") }
