package config

import (
	"errors"
	"fmt"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/spf13/pflag"

	"github.com/tensorwire/tensorwire/internal/base/bytesize"
	"github.com/tensorwire/tensorwire/internal/imageinput"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// Annotations of flags.
const (
	// defaultNote describes a default that depends on the machine or has no value.
	defaultNote = "tensorwire_default"
	// choices are the accepted values of a setting, where they are few.
	choices = "tensorwire_choices"
)

// VisitChoices calls do for each flag with a list of accepted values, for shell
// completion.
func VisitChoices(flags *pflag.FlagSet, do func(name string, values []string)) {
	flags.VisitAll(func(f *pflag.Flag) {
		if values := f.Annotations[choices]; len(values) > 0 {
			do(f.Name, values)
		}
	})
}

// note sets an annotation of a flag, and returns the flag.
func note(f *pflag.Flag, name string, values ...string) *pflag.Flag {
	if f.Annotations == nil {
		f.Annotations = map[string][]string{}
	}
	f.Annotations[name] = values
	return f
}

func (s *Settings) fileFlags() *pflag.FlagSet {
	f := newFlags()
	f.text(&s.file, "", string(FileKey), "YAML `file` with settings; its keys are the names of the flags")
	return f.FlagSet
}

func (c *Config) listenerFlags() *pflag.FlagSet {
	f := newFlags()
	f.listOr(&c.Listen, "127.0.0.1:8080", "listen", "`addresses` to listen on: host:port (port 0 picks a free one), unix:/path, systemd: or fd:3, with options such as ?tls=off&proxy-protocol=on; separate by commas or repeat")
	note(f.list(&c.CORSOrigins, "cors-origin", "`origins` whose pages may call the server, such as https://app.example.com; separate by commas or repeat; * allows all"),
		defaultNote, "same origin only")
	f.text(&c.ID, "tensorwire", "id", "`name` of the server in its metadata for clients")
	note(f.list(&c.CORSHeaders, "cors-header", "further header `fields` that these pages may send; separate by commas or repeat"),
		defaultNote, "none")
	f.bool(&c.CORSCredentials, "cors-credentials", "let these pages send cookies and client certificates")
	note(f.list(&c.PublicOrigins, "public-origin", "`origins` by which browsers reach the server through a proxy, such as https://models.example.com; separate by commas or repeat"),
		defaultNote, "none")
	note(f.list(&c.AllowedHosts, "allowed-hosts", "`hosts` by which the server may be reached besides IP addresses, localhost and names without a dot, such as models.example.com or *.example.com; without them, only browsers are restricted"),
		defaultNote, "none")
	note(f.list(&c.TrustedProxies, "trusted-proxies", "`addresses` and networks of proxies, such as 10.0.0.0/8, whose Forwarded or X-Forwarded-For, -Host and -Proto header fields are read"),
		defaultNote, "none")
	f.text(&c.TLSCert, "", "tls-cert", "PEM `file` with the certificate chain; enables TLS")
	f.text(&c.TLSKey, "", "tls-key", "PEM `file` with the private key of the certificate")
	f.bool(&c.TLSSelfSigned, "tls-self-signed", "make a certificate in memory, for development; the log has its fingerprint")
	note(f.text(&c.TLSClientCA, "", "tls-client-ca", "PEM `file` with the authorities of client certificates"),
		defaultNote, "clients need no certificate")
	note(f.checked(&c.TLSClientAuth, "require", "tls-client-auth", "`rule` for client certificates with --tls-client-ca: require, or optional (verified if there is one)", checkClientAuth), choices, "require", "optional")
	note(scalar(f, &c.NetHTTP2, false, "http2", textKind, "HTTP/2 `implementation`: auto (Tensorwire's) or net/http (Go's)", func(text string) (bool, error) {
		if text != "auto" && text != "net/http" {
			return false, errors.New("give auto or net/http")
		}
		return text == "net/http", nil
	}), choices, "auto", "net/http")
	note(f.Lookup("http2"), defaultNote, "auto")
	note(f.text(&c.DebugListen, "", "debug-listen", "`address` of profiles and of the list of workers, such as 127.0.0.1:6060; without TLS and authentication"),
		defaultNote, "none")
	note(f.list(&c.DebugHosts, "debug-host", "`names` of the server that requests for profiles may have in Host, such as gpu1.internal; separate by commas or repeat; localhost and IP addresses are accepted anyway"),
		defaultNote, "none")
	return f.FlagSet
}

func (c *Config) modelFlags() *pflag.FlagSet {
	f := newFlags()
	f.text(&c.Models, "models", "models", "model repository `directory`, with files <model>/<version>/model.onnx")
	note(f.text(&c.DefaultModel, "", "default-model", "`name` of the model for requests that name none"),
		defaultNote, "the only model")
	note(scalar(f, &c.ModelControl, repository.ControlPoll, "model-control", textKind, "`mode` of loading: none (once, at the start), poll (follow the directory) or explicit (on request)", func(text string) (control repository.Control, err error) {
		if control.UnmarshalText([]byte(text)) != nil {
			return 0, errors.New("give none, poll or explicit")
		}
		return control, nil
	}), choices, "none", "poll", "explicit")
	f.duration(&c.PollInterval, repository.DefaultPollInterval, "poll-interval", "`interval` between scans of the model repository")
	note(f.list(&c.LoadModels, "load-model", "`names` of models to load at the start with --model-control explicit; separate by commas or repeat; * loads all"),
		defaultNote, "none")
	note(f.int(&c.LoadConcurrency, 0, "load-concurrency", "`models` that load at once"), defaultNote, "one for each CPU, at least 2 and at most 4")
	f.duration(&c.LoadTimeout, repository.DefaultLoadTimeout, "load-timeout", "maximum `duration` of the load of a version with its warmups")
	f.bool(&c.UnloadBeforeLoad, "unload-before-load", "unload a version before its replacement is loaded, for machines without memory for both")
	note(scalar(f, &c.DefaultVersions, repository.VersionsLatest, "default-versions", textKind, "`versions` of a model without config.pbtxt that are served: latest (the newest) or all", func(text string) (versions repository.Versions, err error) {
		return versions, versions.UnmarshalText([]byte(text))
	}), choices, "latest", "all")
	note(scalar(f, &c.FollowLinks, repository.LinksInside, "follow-links", textKind, "symbolic `links` in the model repository that are followed: inside (to places in it) or all", func(text string) (links repository.Links, err error) {
		return links, links.UnmarshalText([]byte(text))
	}), choices, "inside", "all")
	note(f.text(&c.OnnxRuntimeLib, "", "onnxruntime-lib", "`path` of ONNX Runtime's shared library"),
		defaultNote, "next to the executable, in ../lib, then in the system")
	f.int(&c.IntraOpThreads, 1, "intra-op-threads", "`threads` of one run within an operator")
	return f.FlagSet
}

func (c *Config) schedulingFlags() *pflag.FlagSet {
	f := newFlags()
	note(f.int(&c.Instances, 0, "instances", "concurrent `runs` of one model"), defaultNote, "one for each CPU")
	f.int(&c.MaxQueue, defaultMaxQueue, "max-queue", "maximum queued `requests` of one model; more are refused as unavailable")
	f.size(&c.MaxQueueBytes, defaultMaxQueueBytes, "max-queue-bytes", "maximum `size` of queued inputs of one model; more are refused as unavailable")
	note(f.duration(&c.MaxDeadline, 0, "max-deadline", "maximum `duration` of an inference, also if the client allows more"), defaultNote, "no limit")
	f.duration(&c.HangTimeout, defaultHangTimeout, "hang-timeout", "`duration` without a finished run after which a busy model is marked unhealthy")
	f.duration(&c.RunTimeout, defaultRunTimeout, "run-timeout", "maximum `duration` of one run of a model; config.pbtxt may set its own")
	f.size(&c.ProbeInputBytes, defaultProbeInputBytes, "probe-input-bytes", "maximum `size` of the inputs of one successful request of a model that are kept, to distinguish a broken model from a bad input; 0 keeps none")
	f.int(&c.StreamWindow, defaultStreamWindow, "stream-window", "`frames` in flight in one stream")
	f.size(&c.ResponseCacheBytes, defaultResponseCacheBytes, "response-cache-bytes", "maximum `size` of cached responses, of all models with response_cache enabled")
	return f.FlagSet
}

func (c *Config) limitFlags() *pflag.FlagSet {
	f := newFlags()
	f.size(&c.MaxMessageBytes, defaultMaxMessageBytes, "max-message-bytes", "maximum `size` of a request message, decompressed")
	note(scalar(f, &c.MemoryBudget, defaultMemoryBudget(memlimit.FromCgroup, memlimit.FromSystem), "memory-budget", sizeKind, fmt.Sprintf("maximum `size` of memory for requests in progress, their messages and responses, such as 512MiB or 2GB; a message takes %d times its size or more; requests beyond are refused as unavailable, most before they are read; 0 is no limit. Go's soft memory limit follows from it, unless GOMEMLIMIT is set", heldTimes), bytesize.Parse),
		defaultNote, "half of the memory limit of the cgroup or the machine")
	f.int(&c.MaxConnections, defaultMaxConnections, "max-connections", "maximum open `connections`; further ones are closed at once; 0 is no limit")
	f.int(&c.MaxConnectionsPerPeer, defaultMaxConnectionsPerPeer, "max-connections-per-peer", "maximum open `connections` of one IPv4 address or IPv6 /64 network; 0 is no limit")
	note(f.duration(&c.MaxConnectionAge, 0, "max-connection-age", "`duration` after which a connection takes no new requests, give or take a tenth, so that clients connect again and reach new replicas; requests in flight end normally"), defaultNote, "no limit")
	f.size(&c.MinReadRate, defaultMinReadRate, "min-read-rate", "minimum `size` per second of a request message that arrives; slower ones are cut off, after --transfer-grace")
	f.size(&c.MinWriteRate, defaultMinWriteRate, "min-write-rate", "minimum `size` per second that a client reads of a response; slower ones are cut off, after --transfer-grace")
	f.duration(&c.TransferGrace, defaultTransferGrace, "transfer-grace", "`duration` that a message has beyond the time at the minimum rate, and the longest pause within it")
	f.size(&c.MaxOutputBytes, defaultMaxOutputBytes, "max-output-bytes", "maximum `size` of one output of a run; a model's parameter max_output_bytes overrides it")
	f.int64(&c.MaxImagePixels, defaultMaxImagePixels, "max-image-pixels", "maximum `pixels` of an image, width times height")
	f.int64(&c.MaxImageRatio, defaultMaxImageRatio, "max-image-ratio", fmt.Sprintf("maximum `pixels` of an image for each pixel of the model's input; does not apply to images up to %d pixels; 0 is no limit", imageinput.FreePixels))
	f.bool(&c.AllowSharedMemory, "allow-shared-memory", "let local clients register POSIX shared memory (/dev/shm) for tensors")
	return f.FlagSet
}

func (c *Config) lifecycleFlags() *pflag.FlagSet {
	f := newFlags()
	note(scalar(f, &c.StrictReadiness, false, "readiness", textKind, "`rule` of /readyz and of gRPC health of the server: started (the loads of the start have finished) or strict (every model is ready, as /v2/health/ready)", func(text string) (bool, error) {
		if text != "started" && text != "strict" {
			return false, errors.New("give started or strict")
		}
		return text == "strict", nil
	}), choices, "started", "strict")
	note(f.Lookup("readiness"), defaultNote, "started")
	f.duration(&c.ShutdownDelay, 0, "shutdown-delay", "`duration` between not ready and closing the listener, for load balancers to notice")
	f.duration(&c.ShutdownTimeout, 30*time.Second, "shutdown-timeout", "maximum `duration` of the drain of requests in flight")
	return f.FlagSet
}

func (c *Config) logFlags() *pflag.FlagSet {
	f := newFlags()
	note(f.checked(&c.LogLevel, "info", "log-level", "lowest `level` of logged messages: debug, info, warn or error", checkLogLevel), choices, "debug", "info", "warn", "error")
	note(f.checked(&c.LogFormat, "text", "log-format", "log `format`: text or json", checkLogFormat), choices, "text", "json")
	note(f.checked(&c.AccessLog, "debug", "access-log", "`level` of the line that each request of an API has in the log: debug, info or off", checkAccessLog), choices, "debug", "info", "off")
	return f.FlagSet
}
