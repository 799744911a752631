//go:build unix

package ember

import "golang.org/x/sys/unix"

// lowerPriority makes this process yield to those that serve. It is best effort:
// a system that refuses only makes training less polite.
func lowerPriority() { _ = unix.Setpriority(unix.PRIO_PROCESS, 0, 19) }
