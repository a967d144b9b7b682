package config_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// resolve reads the settings as the command does. The error's text names settings as
// the user wrote them.
func resolve(env map[string]string, args ...string) (*config.Config, error) {
	settings := config.New()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	settings.AddTo(flags)
	if err := flags.Parse(config.DoubleDashes(flags, args)); err != nil {
		return nil, config.FlagError(flags, err)
	}
	c, err := settings.Resolve(func(name string) string { return env[name] })
	if err != nil {
		return nil, &renderedError{err, setting.Text(err, settings.Name)}
	}
	return c, nil
}

type renderedError struct {
	error
	text string
}

func (e *renderedError) Error() string { return e.text }
func (e *renderedError) Unwrap() error { return e.error }

func parse(t *testing.T, env map[string]string, args ...string) *config.Config {
	t.Helper()
	c, err := resolve(env, args...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFlagsGoBeforeTheEnvironmentBeforeDefaults(t *testing.T) {
	t.Parallel()
	env := map[string]string{"TENSORWIRE_LISTEN": ":1", "TENSORWIRE_MAX_QUEUE": "7", "TENSORWIRE_CORS_ORIGIN": "https://a.example, https://b.example"}
	c := parse(t, env, "--listen", ":2", "--shutdown-timeout=5s")
	if c.Listen != ":2" || c.MaxQueue != 7 || c.ShutdownTimeout != 5*time.Second || c.MaxMessageBytes != 64<<20 {
		t.Errorf("config %+v", c)
	}
	if !slices.Equal(c.CORSOrigins, []string{"https://a.example", "https://b.example"}) {
		t.Errorf("origins %q", c.CORSOrigins)
	}
	c = parse(t, env, "--cors-origin", "https://c.example", "--cors-origin", "https://d.example,https://e.example")
	if !slices.Equal(c.CORSOrigins, []string{"https://c.example", "https://d.example", "https://e.example"}) {
		t.Errorf("origins %q", c.CORSOrigins)
	}
}

func TestModelControl(t *testing.T) {
	t.Parallel()
	c := parse(t, nil)
	if c.ModelControl != repository.ControlPoll || c.PollInterval != repository.DefaultPollInterval || c.LoadModels != nil {
		t.Errorf("by default %v, %v, %q", c.ModelControl, c.PollInterval, c.LoadModels)
	}
	env := map[string]string{"TENSORWIRE_MODEL_CONTROL": "explicit", "TENSORWIRE_LOAD_MODEL": "a,b", "TENSORWIRE_POLL_INTERVAL": "15s"}
	c = parse(t, env)
	if c.ModelControl != repository.ControlExplicit || c.PollInterval != 15*time.Second || !slices.Equal(c.LoadModels, []string{"a", "b"}) {
		t.Errorf("from the environment %v, %v, %q", c.ModelControl, c.PollInterval, c.LoadModels)
	}
	c = parse(t, env, "--load-model", "c", "--load-model=d,e")
	if !slices.Equal(c.LoadModels, []string{"c", "d", "e"}) {
		t.Errorf("flags give %q", c.LoadModels)
	}
	_, err := resolve(nil, "--load-model", "digits")
	if err == nil || !strings.Contains(err.Error(), "--model-control explicit") {
		t.Errorf("--load-model without explicit: %v", err)
	}
}

func TestValuesThatDoNotFit(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--instances", "-1"},
		{"--model-control", "sometimes"},
		{"--poll-interval", "0s"},
		{"--poll-interval", "1ms"},
		{"--load-model", "digits"},
		{"--load-model", "digits", "--model-control", "none"},
		{"--load-model", "*,digits", "--model-control", "explicit"},
		{"--intra-op-threads", "0"},
		{"--stream-window", "0"},
		{"--max-message-bytes", "0"},
		{"--max-message-bytes", "4294967296"},
		{"--max-image-pixels", "-5"},
		{"--shutdown-delay", "-1s"},
		{"--shutdown-timeout", "0"},
		{"--tls-cert", "/nowhere/cert.pem", "--tls-key", "/nowhere/key.pem"},
		{"--tls-key", "key.pem"},
	} {
		if _, err := resolve(nil, args...); !errors.Is(err, config.ErrUsage) {
			t.Errorf("%q: %v", args, err)
		}
	}
}
