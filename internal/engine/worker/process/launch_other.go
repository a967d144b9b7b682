//go:build !linux

package process

import (
	"fmt"
	"os"
	"runtime"

	"github.com/tensorwire/tensorwire/internal/engine/worker/channel"
)

// launched is a running program. There is none on this operating system.
type launched struct{ control, alive, output *os.File }

func launch(*Options, []*os.File) (*launched, error) {
	return nil, fmt.Errorf("%w on %s", channel.ErrNotSupported, runtime.GOOS)
}

func (*launched) close()                 {}
func (*launched) pid() int               { return 0 }
func (*launched) waitExit()              {}
func (*launched) reap() *os.ProcessState { return nil }
func (*launched) kill()                  {}
