// Package config has the one tree of settings: defaults, then the environment,
// then flags.
package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/vision"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/sched/respcache"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
	"github.com/tensorwire/tensorwire/internal/transport/server"
)

// EnvPrefix begins the name of each setting's environment variable: --cors-origin
// is TENSORWIRE_CORS_ORIGIN.
const EnvPrefix = "TENSORWIRE_"

// leastPollInterval keeps a server from doing nothing but looking.
const leastPollInterval = 100 * time.Millisecond

// ErrHelp says that help was asked for and has been printed.
var ErrHelp = flag.ErrHelp

// ErrUsage says that the settings are wrong; its text says which and what fits.
var ErrUsage = errors.New("usage")

// Config is what a server can be told.
type Config struct {
	Listen         string
	Models         string
	DefaultModel   string
	ModelControl   repository.Control
	PollInterval   time.Duration
	LoadModels     []string
	OnnxRuntimeLib string
	IntraOpThreads int
	Instances      int
	MaxQueue       int
	MaxQueueBytes  int64
	MaxDeadline    time.Duration
	HangTimeout    time.Duration
	// ResponseCacheBytes bounds the answers that are kept of the models that ask for it.
	ResponseCacheBytes int64
	StreamWindow       int

	MaxMessageBytes int64
	MemoryBudget    Size
	MaxImagePixels  int64

	TLSCert     string
	TLSKey      string
	CORSOrigins []string
	// NetHTTP2 has HTTP/2 served by net/http.
	NetHTTP2 bool

	AllowSharedMemory bool

	ShutdownDelay   time.Duration
	ShutdownTimeout time.Duration

	LogLevel  string
	LogFormat string
}

// Parse reads the settings of `tensorwire serve` from the environment and args,
// which go before it. Where args ask for help, it goes to out. A Config that is
// returned is valid.
func Parse(args []string, getenv func(string) string, out io.Writer) (*Config, error) {
	c := &Config{}
	flags := c.flags()
	var fromEnv error
	flags.VisitAll(func(f *flag.Flag) {
		name := envName(f.Name)
		if value := getenv(name); value != "" {
			if err := flags.Set(f.Name, value); err != nil {
				fromEnv = errors.Join(fromEnv, fmt.Errorf("%w: %s=%q: %w", ErrUsage, name, value, err))
			}
		}
	})
	if fromEnv != nil {
		return nil, fromEnv
	}
	// A flag that repeats adds to its own kind; flags as a whole replace the
	// environment's.
	originsFromEnv, modelsFromEnv := c.CORSOrigins, c.LoadModels
	c.CORSOrigins, c.LoadModels = nil, nil
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			usage(flags, out)
			return nil, ErrHelp
		}
		return nil, fmt.Errorf("%w: %w; see tensorwire serve --help", ErrUsage, err)
	}
	if c.CORSOrigins == nil {
		c.CORSOrigins = originsFromEnv
	}
	if c.LoadModels == nil {
		c.LoadModels = modelsFromEnv
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("%w: serve takes no arguments, found %q; see tensorwire serve --help", ErrUsage, flags.Arg(0))
	}
	return c, errors.Join(c.validate(), c.checkBudget(flags))
}

func envName(flagName string) string {
	return EnvPrefix + strings.ToUpper(strings.ReplaceAll(flagName, "-", "_"))
}

func splitList(value string) []string {
	var items []string
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

func (c *Config) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("tensorwire serve", flag.ContinueOnError)
	// What flag itself prints would come twice: Parse returns its errors.
	flags.SetOutput(io.Discard)
	flags.StringVar(&c.Listen, "listen", "127.0.0.1:8080", "`address` to listen on; port 0 takes a free one")
	flags.StringVar(&c.Models, "models", "models", "`directory` of the models, laid out as <model>/<version>/model.onnx")
	flags.StringVar(&c.DefaultModel, "default-model", "", "`name` of the model that answers requests without one (default: the only model)")
	flags.TextVar(&c.ModelControl, "model-control", repository.ControlPoll, "`when` models are loaded: none (what is there at the start), poll (the directory is followed) or explicit (by request)")
	flags.DurationVar(&c.PollInterval, "poll-interval", repository.DefaultPollInterval, "`time` between looks at the models directory")
	flags.Func("load-model", "`name` of a model to load at the start, with --model-control explicit; several by commas or by repeating; * is all (default: none)", func(value string) error {
		c.LoadModels = append(c.LoadModels, splitList(value)...)
		return nil
	})
	flags.StringVar(&c.OnnxRuntimeLib, "onnxruntime-lib", "", "`path` of ONNX Runtime's shared library (default: looked for beside the executable, in installed packages, in the system)")
	flags.IntVar(&c.IntraOpThreads, "intra-op-threads", 1, "`threads` that one call uses within an operator")
	flags.IntVar(&c.Instances, "instances", 0, "`calls` of one model that run at once (default: one for each CPU)")
	flags.IntVar(&c.MaxQueue, "max-queue", scheduler.DefaultMaxQueue, "`calls` of one model that may wait; more are answered unavailable")
	flags.Int64Var(&c.MaxQueueBytes, "max-queue-bytes", scheduler.DefaultMaxQueueBytes, "most `bytes` of inputs that wait for one model; more are answered unavailable")
	flags.DurationVar(&c.MaxDeadline, "max-deadline", 0, "most `time` that an inference may take, whatever deadline its caller gives (default: as long as the caller waits)")
	flags.DurationVar(&c.HangTimeout, "hang-timeout", scheduler.DefaultHangTimeout, "`time` that a model may take for a call; where none of its instances has come back for so long, it is taken for failing")
	flags.Int64Var(&c.ResponseCacheBytes, "response-cache-bytes", respcache.DefaultMaxBytes, "most `bytes` of answers that are kept, of all models whose configuration has response_cache")
	flags.IntVar(&c.StreamWindow, "stream-window", infer.DefaultStreamWindow, "`frames` of one stream in flight at once")
	flags.Int64Var(&c.MaxMessageBytes, "max-message-bytes", server.DefaultMaxMessageBytes, "most `bytes` of one request message, decompressed")
	flags.TextVar(&c.MemoryBudget, "memory-budget", defaultMemoryBudget(system()), "most `bytes`, such as 512MiB or 2GB, that requests' messages may take of memory at once, each of them up to "+strconv.Itoa(server.HeldTimes)+" times its size; a request that finds no room is answered unavailable before it is read. Go's soft memory limit follows from it, unless GOMEMLIMIT is set. 0 is no bound. By default half of the memory that the process may use, its cgroup's or the machine's")
	flags.Int64Var(&c.MaxImagePixels, "max-image-pixels", vision.DefaultMaxPixels, "most `pixels` of one image, width times height")
	flags.StringVar(&c.TLSCert, "tls-cert", "", "PEM `file` of the certificate; the listener then speaks TLS")
	flags.StringVar(&c.TLSKey, "tls-key", "", "PEM `file` of the certificate's key")
	flags.Func("cors-origin", "`origin` whose pages may call, such as https://app.example.com; several by commas or by repeating; * is all (default: none but the server's own)", func(value string) error {
		c.CORSOrigins = append(c.CORSOrigins, splitList(value)...)
		return nil
	})
	flags.Func("http2", "`server` of HTTP/2: auto (Tensorwire's own) or net/http (Go's, to compare) (default: auto)", func(value string) error {
		if value != "auto" && value != "net/http" {
			return errors.New("give auto or net/http")
		}
		c.NetHTTP2 = value == "net/http"
		return nil
	})
	flags.BoolVar(&c.AllowSharedMemory, "allow-shared-memory", false, "let clients on this machine register objects of /dev/shm, and have tensors read from them and written to them")
	flags.DurationVar(&c.ShutdownDelay, "shutdown-delay", 0, "`time` between turning not ready and closing the listener, for load balancers to notice")
	flags.DurationVar(&c.ShutdownTimeout, "shutdown-timeout", 30*time.Second, "`time` that running requests have to finish")
	flags.StringVar(&c.LogLevel, "log-level", "info", "debug, info, warn or error")
	flags.StringVar(&c.LogFormat, "log-format", "text", "text or json")
	return flags
}

func usage(flags *flag.FlagSet, out io.Writer) {
	fmt.Fprint(out, "Serve ONNX models over Connect, gRPC and gRPC-Web, with a page, from one port.\n\n  tensorwire serve [flags]\n\nEvery flag can be given as an environment variable: --max-queue is TENSORWIRE_MAX_QUEUE.\n\n")
	PrintFlags(flags, out)
}

// PrintFlags prints each flag with what it is for and its default.
func PrintFlags(flags *flag.FlagSet, out io.Writer) {
	flags.VisitAll(func(f *flag.Flag) {
		name, text := flag.UnquoteUsage(f)
		fmt.Fprintf(out, "  %s\n        %s", strings.TrimSpace("--"+f.Name+" "+name), text)
		if f.DefValue != "" && f.DefValue != "0" && f.DefValue != "0s" && f.DefValue != "false" {
			fmt.Fprintf(out, " (default: %s)", f.DefValue)
		}
		fmt.Fprintln(out)
	})
}

// checkBudget reports a memory budget that has no room for the largest message. The
// default is what the machine has: there, such a message is refused when it comes.
func (c *Config) checkBudget(flags *flag.FlagSet) error {
	given := false
	flags.Visit(func(f *flag.Flag) { given = given || f.Name == "memory-budget" })
	least := Size(c.MaxMessageBytes * server.HeldTimes)
	if !given || c.MemoryBudget == 0 || c.MemoryBudget >= least {
		return nil
	}
	return fmt.Errorf("%w: --memory-budget is %v, and a message of --max-message-bytes, %d, takes %v: give that much or more, 0 for no bound, or lower --max-message-bytes to %d", ErrUsage, c.MemoryBudget, c.MaxMessageBytes, least, c.MemoryBudget/server.HeldTimes)
}

// validate reports every setting that does not fit.
func (c *Config) validate() error {
	var errs []error
	wrong := func(name string, found any, fits string) {
		errs = append(errs, fmt.Errorf("%w: --%s is %v: %s", ErrUsage, name, found, fits))
	}
	atLeast := func(name string, found, least int64) {
		if found < least {
			wrong(name, found, fmt.Sprintf("give %d or more", least))
		}
	}
	atLeast("intra-op-threads", int64(c.IntraOpThreads), 1)
	atLeast("instances", int64(c.Instances), 0)
	atLeast("max-queue", int64(c.MaxQueue), 1)
	atLeast("max-queue-bytes", c.MaxQueueBytes, 1)
	atLeast("response-cache-bytes", c.ResponseCacheBytes, 0)
	atLeast("stream-window", int64(c.StreamWindow), 1)
	atLeast("max-message-bytes", c.MaxMessageBytes, 1)
	atLeast("max-image-pixels", c.MaxImagePixels, 1)
	if c.MaxMessageBytes > 1<<32-1 {
		wrong("max-message-bytes", c.MaxMessageBytes, "a message's length has four bytes on the wire: give 4294967295 or less")
	}
	if c.PollInterval < leastPollInterval {
		wrong("poll-interval", c.PollInterval, fmt.Sprintf("give a time of %v or more", leastPollInterval))
	}
	if len(c.LoadModels) > 0 && c.ModelControl != repository.ControlExplicit {
		wrong("load-model", strings.Join(c.LoadModels, ","), fmt.Sprintf("--model-control %v loads every model; give it with --model-control explicit", c.ModelControl))
	}
	if len(c.LoadModels) > 1 && slices.Contains(c.LoadModels, "*") {
		wrong("load-model", strings.Join(c.LoadModels, ","), "* is every model: give it alone")
	}
	if c.HangTimeout <= 0 {
		wrong("hang-timeout", c.HangTimeout, "give a time such as 1m, longer than any call of a model takes")
	}
	if c.MaxDeadline < 0 {
		wrong("max-deadline", c.MaxDeadline, "give a time such as 30s")
	}
	if c.ShutdownDelay < 0 {
		wrong("shutdown-delay", c.ShutdownDelay, "give a time such as 5s")
	}
	if c.ShutdownTimeout <= 0 {
		wrong("shutdown-timeout", c.ShutdownTimeout, "give a time such as 30s")
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		errs = append(errs, fmt.Errorf("%w: --tls-cert and --tls-key go together: give both or neither", ErrUsage))
	}
	for name, file := range map[string]string{"tls-cert": c.TLSCert, "tls-key": c.TLSKey} {
		if file == "" {
			continue
		}
		if _, err := os.Stat(file); err != nil {
			wrong(name, file, "it cannot be read: "+err.Error())
		}
	}
	return errors.Join(errs...)
}
