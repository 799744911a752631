package recommender

import (
	"errors"
	"runtime"
	"slices"
	"sync"
)

// parallel calls do for 0..n-1 on all processors and returns the error of the
// lowest index that failed in its part.
func parallel(n int, do func(i int) error) error {
	workers := max(1, min(runtime.GOMAXPROCS(0), n))
	errs := make([]error, workers)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for i := w; i < n && errs[w] == nil; i += workers {
				errs[w] = do(i)
			}
		})
	}
	wait.Wait()
	return errors.Join(slices.DeleteFunc(errs, func(e error) bool { return e == nil })...)
}
