package recommender

import (
	"syscall"
	"testing"
	"time"
)

// cpuTime is the processor time the process has used.
func cpuTime(t testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Skipf("no processor times here: %v", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
