package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// full is what testdata/full.good.yaml sets.
var full = config.Config{
	Listen:             []string{"0.0.0.0:9090", "unix:/run/t.sock?mode=0660&proxy-protocol=on"},
	TLSClientAuth:      "optional",
	MaxConnectionAge:   30 * time.Minute,
	CORSOrigins:        []string{"https://a.example", "https://b.example", "https://c.example"},
	CORSHeaders:        []string{"X-Team"},
	CORSCredentials:    true,
	PublicOrigins:      []string{"https://models.example"},
	AllowedHosts:       []string{"models.example", "*.models.example"},
	TrustedProxies:     []string{"10.0.0.0/8"},
	NetHTTP2:           true,
	DebugListen:        "127.0.0.1:6060",
	DebugHosts:         []string{"gpu1.internal", "gpu1"},
	AuthTokens:         "/etc/tensorwire/tokens.yaml",
	AdminAccess:        "loopback",
	ClientRate:         50,
	ClientStreams:      5,
	Models:             "/srv/models",
	DefaultModel:       "digits",
	ID:                 "models-eu",
	DefaultVersions:    repository.VersionsAll,
	FollowLinks:        repository.LinksAll,
	ModelControl:       repository.ControlExplicit,
	PollInterval:       15 * time.Second,
	LoadModels:         []string{"digits", "cats"},
	Isolation:          "shared",
	WorkerMemory:       4 << 30,
	WorkerSpares:       true,
	OnnxRuntimeLib:     "/opt/libonnxruntime.so",
	IntraOpThreads:     2,
	Instances:          3,
	MaxQueue:           16,
	MaxQueueBytes:      10_000_000,
	MaxOutputBytes:     2 << 30,
	MaxDeadline:        30 * time.Second,
	HangTimeout:        2 * time.Minute,
	LoadConcurrency:    3,
	LoadTimeout:        20 * time.Minute,
	UnloadBeforeLoad:   true,
	RunTimeout:         3 * time.Minute,
	ProbeInputBytes:    32 << 10,
	StreamWindow:       4,
	ResponseCacheBytes: 0,
	MaxMessageBytes:    1 << 20,
	MemoryBudget:       2 << 30,
	MaxImagePixels:     1_000_000,

	MaxConnections:        100,
	MaxConnectionsPerPeer: 0,
	MinReadRate:           20_000,
	MinWriteRate:          30_000,
	TransferGrace:         20 * time.Second,

	MaxImageRatio:     100,
	AllowSharedMemory: true,
	StrictReadiness:   true,
	ShutdownDelay:     5 * time.Second,
	ShutdownTimeout:   90 * time.Second,
	LogLevel:          "debug",
	LogFormat:         "json",
	AccessLog:         "info",
	OTLPEndpoint:      "http://collector:4317",
	OTLPProtocol:      "grpc",
	TraceSampleRatio:  0.25,
}

func TestGoodFiles(t *testing.T) {
	t.Parallel()
	aliased := *config.Default()
	aliased.Listen, aliased.Models = []string{"127.0.0.1:1"}, "127.0.0.1:1"
	for name, want := range map[string]*config.Config{
		"full":    &full,
		"comment": config.Default(),
		"empty":   config.Default(),
		"alias":   &aliased,
	} {
		got := parse(t, nil, "--config", filepath.Join("testdata", name+".good.yaml"))
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s gives %+v\nwant  %+v", name, got, want)
		}
	}
}

// TestTheFullFileHasEverySetting compares the file with the list of settings.
func TestTheFullFileHasEverySetting(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("testdata/full.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys() {
		if strings.HasPrefix(key, "tls-") || key == string(config.FileKey) {
			continue // they need existing files; not in a file
		}
		if !strings.Contains(string(content), "\n"+key+":") {
			t.Errorf("full.good.yaml does not set %s", key)
		}
	}
}

func TestBadFiles(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]string{
		"unknown": {
			`2: unknown setting "max-qeue"; did you mean max-queue?`,
			`3: unknown setting "colour"; see tensorwire serve --help for the settings`,
			`4: unknown setting "max_queue"; did you mean max-queue?`,
		},
		"types": {
			`1: max-queue: found the string many, accepted is a whole number`,
			`2: max-queue-bytes: found the number 1.5, accepted is a string such as 64MiB, or a number of bytes`,
			`3: max-deadline: found the number 30, accepted is a string such as 30s`,
			`4: allow-shared-memory: found the string yes, accepted is true or false`,
			`5: models: found the number 7, accepted is a string`,
			`6: log-level: found no value, accepted is a string`,
			`7: cors-origin: found the string https://a.example, accepted is a list of strings`,
			`8: load-model: found the number 7, accepted is a list of strings`,
			`9: listen: found a mapping, accepted is a string or a list of strings`,
			`10: default-model: found a list, accepted is a string`,
		},
		"values": {
			`1: model-control is "sometimes": give none, poll or explicit`,
			`2: poll-interval is "quickly": give a duration such as 500ms, 30s or 2m`,
			`3: memory-budget is "10XB": give a size such as 1073741824, 512MiB or 2GB`,
			`4: http2 is "http/3": give auto or net/http`,
			`5: log-format is "xml": give text or json`,
			`6: max-queue: found the number 99999999999999999999, accepted is a whole number`,
		},
		"twice":     {`3: listen is set twice, first at line 1`},
		"config":    {`1: config cannot be set in a file: give --config or TENSORWIRE_CONFIG`},
		"list":      {`1: found a list, accepted are lines of the form key: value`},
		"text":      {`1: found the string just text, accepted are lines of the form key: value`},
		"documents": {`2: a second document begins, one is accepted`},
		"syntax":    {`2: not YAML: did not find expected node content`},
	} {
		file := filepath.Join("testdata", name+".bad.yaml")
		for i := range want {
			want[i] = file + ":" + want[i]
		}
		_, err := resolve(nil, "--config", file)
		if !errors.Is(err, config.ErrUsage) || err.Error() != strings.Join(want, "\n") {
			t.Errorf("%s gives\n%v\nwant\n%s", name, err, strings.Join(want, "\n"))
		}
	}
	_, err := resolve(nil, "--config", "testdata/anchor.bad.yaml")
	if want := "testdata/anchor.bad.yaml: not YAML: unknown anchor 'nowhere' referenced"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// Errors of validation name the place of a setting in the file.
func TestInvalidSettingsNameTheirPlace(t *testing.T) {
	t.Parallel()
	file := "testdata/invalid.bad.yaml"
	_, err := resolve(nil, "--config", file, "--max-message-bytes", "30MB")
	want := []string{
		"max-queue (" + file + ":1) is 0: give 1 or more",
		"load-model (" + file + ":2) is digits: --model-control poll loads every model; give it with --model-control explicit",
		"memory-budget (" + file + ":3) is 40000000, and a message of --max-message-bytes, 30000000, takes 60000000: give that much or more, 0 for no limit, or lower --max-message-bytes to 20000000",
	}
	if !errors.Is(err, config.ErrUsage) || err.Error() != strings.Join(want, "\n") {
		t.Errorf("%v\nwant\n%s", err, strings.Join(want, "\n"))
	}
}

func TestFlagsBeforeTheEnvironmentBeforeTheFile(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"TENSORWIRE_CONFIG":      "testdata/full.good.yaml",
		"TENSORWIRE_MAX_QUEUE":   "7",
		"TENSORWIRE_CORS_ORIGIN": "https://env.example",
		"TENSORWIRE_LOAD_MODEL":  "env",
	}
	c := parse(t, env, "--load-model", "flag", "--stream-window", "9")
	if c.StreamWindow != 9 || c.MaxQueue != 7 || c.Instances != 3 {
		t.Errorf("config %+v", c)
	}
	if !slices.Equal(c.LoadModels, []string{"flag"}) || !slices.Equal(c.CORSOrigins, []string{"https://env.example"}) {
		t.Errorf("models %q, origins %q", c.LoadModels, c.CORSOrigins)
	}
	if c := parse(t, env, "--config", "testdata/empty.good.yaml", "--model-control", "explicit"); c.Instances != 0 || c.MaxQueue != 7 {
		t.Errorf("the flag names another file: %+v", c)
	}
}

// The file is checked also where a flag overrides it.
func TestOverriddenSettingsAreChecked(t *testing.T) {
	t.Parallel()
	_, err := resolve(nil, "--config", "testdata/values.bad.yaml", "--http2", "auto")
	if err == nil || !strings.Contains(err.Error(), `values.bad.yaml:4: http2 is "http/3"`) {
		t.Errorf("%v", err)
	}
}

func TestMissingFile(t *testing.T) {
	t.Parallel()
	for variable, args := range map[string][]string{"--config": {"--config", "testdata/none.yaml"}, "TENSORWIRE_CONFIG": nil} {
		_, err := resolve(map[string]string{"TENSORWIRE_CONFIG": "testdata/none.yaml"}, args...)
		if !errors.Is(err, config.ErrUsage) || !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), variable) {
			t.Errorf("%v, want %s in it", err, variable)
		}
	}
}
