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

// resolve reads the settings as the command does. The text of the error names settings
// as the command does.
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

func TestFlagsPrecedeTheEnvironmentAndDefaults(t *testing.T) {
	t.Parallel()
	env := map[string]string{"TENSORWIRE_LISTEN": ":1", "TENSORWIRE_MAX_QUEUE": "7", "TENSORWIRE_CORS_ORIGIN": "https://a.example, https://b.example"}
	c := parse(t, env, "--listen", ":2", "--shutdown-timeout=5s")
	if !slices.Equal(c.Listen, []string{":2"}) || c.MaxQueue != 7 || c.ShutdownTimeout != 5*time.Second || c.MaxMessageBytes != 64<<20 {
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
		{"--load-concurrency", "-1"},
		{"--load-timeout", "0s"},
		{"--stream-window", "0"},
		{"--max-message-bytes", "0"},
		{"--max-message-bytes", "4294967296"},
		{"--max-image-pixels", "-5"},
		{"--shutdown-delay", "-1s"},
		{"--shutdown-timeout", "0"},
		{"--tls-cert", "/nowhere/cert.pem", "--tls-key", "/nowhere/key.pem"},
		{"--tls-key", "key.pem"},
		{"--max-connections", "-1"},
		{"--max-connections-per-peer", "-1"},
		{"--min-read-rate", "0"},
		{"--min-write-rate", "0"},
		{"--transfer-grace", "0s"},
		{"--id", ""},
		{"--id", "two\nlines"},
		{"--id", "\xff"},
		{"--id", strings.Repeat("x", 256)},
		{"--default-versions", "newest"},
		{"--follow-links", "no"},
		{"--listen", ""},
		{"--listen", "localhost"},
		{"--listen", "127.0.0.1:65536"},
		{"--cors-origin", "*,app.example.com"},
	} {
		if _, err := resolve(nil, args...); !errors.Is(err, config.ErrUsage) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// keys returns the names of all settings.
func keys() []string {
	var names []string
	for _, group := range config.New().Groups() {
		group.Flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	}
	return names
}

func TestFlagsOfOneDash(t *testing.T) {
	t.Parallel()
	c := parse(t, nil, "-listen", ":1", "-models=m", "-allow-shared-memory", "-shutdown-timeout", "1s", "--max-queue=0x10", "-load-model", "-odd", "-model-control=explicit")
	if !slices.Equal(c.Listen, []string{":1"}) || c.Models != "m" || !c.AllowSharedMemory || c.ShutdownTimeout != time.Second || c.MaxQueue != 16 || !slices.Equal(c.LoadModels, []string{"-odd"}) {
		t.Errorf("config %+v", c)
	}
	if c := parse(t, nil, "-allow-shared-memory=false"); c.AllowSharedMemory {
		t.Error("shared memory is on")
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	config.New().AddTo(flags)
	args := []string{"-", "-h", "-1", "word", "-listen", "--", "-models", "-listen=x", "--", "-listen"}
	want := []string{"-", "-h", "-1", "word", "--listen", "--", "--models", "-listen=x", "--", "-listen"}
	if got := config.DoubleDashes(flags, args); !slices.Equal(got, want) {
		t.Errorf("%q becomes %q, want %q", args, got, want)
	}
}

// A setting with a list of accepted values accepts no other.
func TestOtherValuesThanTheChoicesAreRejected(t *testing.T) {
	t.Parallel()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	config.New().AddTo(flags)
	config.VisitChoices(flags, func(name string, values []string) {
		if _, err := resolve(nil, "--"+name, "other"); !errors.Is(err, config.ErrUsage) || !strings.Contains(err.Error(), "--"+name+` is "other": give `+values[0]) {
			t.Errorf("--%s other: %v", name, err)
		}
	})
}

func TestErrorsSayWhatIsAccepted(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		`--max-queue is "many": give a whole number`:                                 {"--max-queue", "many"},
		`--max-queue is "9999999999999999999": the number is too large`:              {"--max-queue", "9999999999999999999"},
		`--max-queue is 0: give 1 or more`:                                           {"--max-queue", "0"},
		`--poll-interval is "2": give a duration such as 500ms, 30s or 2m`:           {"--poll-interval", "2"},
		`--poll-interval is 1ms: give 100ms or more`:                                 {"--poll-interval", "1ms"},
		`--allow-shared-memory is "maybe": give true or false`:                       {"--allow-shared-memory=maybe"},
		`--memory-budget is -1: give 0 or more`:                                      {"--memory-budget", "-1"},
		`--max-queue-bytes is "lots": give a size such as 1073741824, 512MiB or 2GB`: {"--max-queue-bytes", "lots"},
		`--log-level is "loud": give debug, info, warn or error`:                     {"--log-level", "loud"},
		`--listen needs a value (addresses)`:                                         {"--listen"},
		`--listen is "8080": give host:port or :port with a port from 0 to 65535, such as 127.0.0.1:8080, or unix:/path, systemd: or fd:3`:     {"--listen", "8080"},
		`--cors-origin is "http://a.example/": give scheme://host or scheme://host:port without a path, such as https://app.example.com, or *`: {"--cors-origin", "http://a.example/"},
		`unknown flag --max-queu: did you mean --max-queue?`: {"-max-queu", "7"},
		`unknown flag --colour`:                              {"--colour", "blue"},
		"--hang-timeout is 0s: give a duration such as 1m, longer than any run of a model takes\n--shutdown-delay is -1s: give 0s or more": {"--hang-timeout", "0s", "--shutdown-delay", "-1s"},
	} {
		if _, err := resolve(nil, args...); !errors.Is(err, config.ErrUsage) || err.Error() != want {
			t.Errorf("%q: %v, want %s", args, err, want)
		}
	}
	_, err := resolve(map[string]string{"TENSORWIRE_MAX_QUEUE": "many"})
	if want := `TENSORWIRE_MAX_QUEUE is "many": give a whole number`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	_, err = resolve(map[string]string{"TENSORWIRE_MAX_QUEUE": "0"})
	if want := `TENSORWIRE_MAX_QUEUE is 0: give 1 or more`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
