package process

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/engine"
)

// Only an end that the server did not want is an error.
func TestDeathsAreErrors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		death *Death
		want  string
	}{
		"crash":      {&Death{Signal: "SIGSEGV"}, "level=ERROR"},
		"time limit": {&Death{Signal: "SIGKILL", Cause: engine.ErrTimeLimit}, "level=ERROR"},
		"other":      {&Death{Signal: "SIGKILL", Cause: errors.New("it does not answer")}, "level=ERROR"},
		"stop":       {&Death{Cause: ErrStopped}, "level=INFO"},
		"unload":     {&Death{Signal: "SIGKILL", Cause: engine.ErrClosed}, "level=INFO"},
	} {
		var log bytes.Buffer
		test.death.log(slog.New(slog.NewTextHandler(&log, nil)))
		if !strings.Contains(log.String(), test.want) {
			t.Errorf("%s: %q, want %s", name, &log, test.want)
		}
	}
}
