package telemetry

import (
	"context"
	"fmt"
	"io"
	"runtime/pprof"
	"time"
)

// CPUProfile is the name of a profile that is taken over a time.
const CPUProfile = "cpu"

// WriteProfile writes a profile of this process: a CPUProfile over duration, or until ctx is
// done, of which one can be taken at a time; or one of package runtime/pprof, such as
// goroutine or heap, for which debug is as for [pprof.Profile.WriteTo].
func WriteProfile(ctx context.Context, out io.Writer, name string, debug int, duration time.Duration) error {
	if name == CPUProfile {
		if err := pprof.StartCPUProfile(out); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
		select {
		case <-time.After(duration):
		case <-ctx.Done():
		}
		return nil
	}
	found := pprof.Lookup(name)
	if found == nil {
		return fmt.Errorf("no profile %q: give cpu or a profile of runtime/pprof, such as goroutine or heap", name)
	}
	return found.WriteTo(out, debug)
}
