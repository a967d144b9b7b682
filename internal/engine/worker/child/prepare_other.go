//go:build !linux

package child

import (
	"os"

	"github.com/tensorwire/tensorwire/internal/engine/worker/channel"
	"github.com/tensorwire/tensorwire/internal/engine/worker/control"
)

func inherited(fd uintptr, name string) *os.File { return os.NewFile(fd, name) }

func closeOthers(int) error { return nil }

func limit(control.Setup) error { return channel.ErrNotSupported }
