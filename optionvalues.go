package tensorwire

import (
	"cmp"
	"os"

	"github.com/tensorwire/tensorwire/internal/app"
	"github.com/tensorwire/tensorwire/internal/engine/worker/control"
)

// set sets a setting unless the option has its zero value.
func set[T comparable](setting *T, option T) { *setting = cmp.Or(option, *setting) }

// setOrNone sets a size unless the option is zero. A negative option sets it to 0, which
// means none.
func setOrNone[T ~int | ~int64](setting *T, option T) {
	if option != 0 {
		*setting = max(option, 0)
	}
}

// app returns the options of the composition root.
func (o *Options) app() app.Options {
	options := app.Options{Version: control.Version(), Logger: o.Logger, WorkerPath: o.WorkerPath}
	if o.TuneHeap {
		options.HeapEnv = os.Getenv
	}
	return options
}
