package config

import (
	"errors"

	"github.com/tensorwire/tensorwire/internal/base/setting"
)

// ErrUsage marks errors of wrong flags, environment variables and settings. Their text
// has the setting, what was found and what is accepted.
var ErrUsage = errors.New("usage")

// usageError is an [ErrUsage] with the text of another error.
type usageError struct{ error }

func (e usageError) Unwrap() []error { return []error{ErrUsage, e.error} }

// Usagef formats an [ErrUsage] as [setting.Errorf] does.
func Usagef(format string, args ...any) error {
	return usageError{setting.Errorf(format, args...)}
}
