//go:build !linux

package ember

import "syscall"

// endWithParent does nothing where the system cannot: the child ends when its
// output is not read any more.
func endWithParent() *syscall.SysProcAttr { return nil }
