package tensorwire

import (
	"log/slog"
	"time"
)

// ModelControl selects when models are loaded.
type ModelControl uint8

const (
	// ControlPoll loads all models and follows changes of the directory.
	ControlPoll ModelControl = iota
	// ControlNone loads all models once.
	ControlNone
	// ControlExplicit loads Options.LoadModels, and others when a client requests it.
	ControlExplicit
)

// Options configure a server. The zero value of each field selects its default, which is
// the default of the flag of `tensorwire serve` in parentheses. docs/settings.md describes
// the flags.
type Options struct {
	// Models is the model repository, with files <model>/<version>/model.onnx. Empty:
	// "models" in the working directory (--models).
	Models string
	// OnnxRuntimeLibrary is the path of ONNX Runtime's shared library. Empty: it is
	// searched for next to the executable and in the system's library path
	// (--onnxruntime-lib).
	OnnxRuntimeLibrary string
	// Listen are the addresses of ListenAndServe, separated by commas: host:port, unix:/path,
	// systemd: or fd:3, with options as docs/operations.md describes. Empty:
	// "127.0.0.1:8080" (--listen).
	Listen string
	// ID is the server's name in its metadata for clients. Empty: "tensorwire" (--id).
	ID string
	// Logger receives the log. nil: slog.Default().
	Logger *slog.Logger

	// TLSCertFile and TLSKeyFile are PEM files; both or neither. With them Serve and
	// ListenAndServe speak TLS (--tls-cert, --tls-key).
	TLSCertFile, TLSKeyFile string
	// TLSSelfSigned makes a certificate in memory instead, for development
	// (--tls-self-signed).
	TLSSelfSigned bool
	// TLSClientCAFile is a PEM file with the authorities of client certificates. Empty:
	// clients need none. TLSClientAuth is "require" or "optional". Empty: "require"
	// (--tls-client-ca, --tls-client-auth).
	TLSClientCAFile, TLSClientAuth string
	// AuthTokens is the YAML file with the tokens of clients, which `tensorwire token new` writes.
	// Clients need one for all but probes and the page. Empty: no authentication (--auth-tokens).
	AuthTokens string
	// AdminAccess says which clients without a token may load models, change settings, use shared
	// memory and take profiles: "loopback" (this machine, not through a proxy), "all" or "token"
	// (none). Empty: "token" with AuthTokens, else "loopback" (--admin-access).
	AdminAccess string
	// ClientRate and ClientStreams bound the requests per second and the open streams of each
	// client, by its token or else its address. 0: no limit (--client-rate, --client-streams).
	ClientRate, ClientStreams int
	// DebugListen is the address of the profiles of the server and its workers, and of the
	// list of workers, such as "127.0.0.1:6060". It has no TLS, and AdminAccess says who may use it. Serve
	// and ListenAndServe listen there. Empty: none (--debug-listen).
	DebugListen string
	// DebugHosts are names of the server that requests for profiles may have in Host;
	// localhost and IP addresses are accepted anyway (--debug-host).
	DebugHosts []string
	// CORSOrigins are the origins whose pages may call the server; "*" allows all. Empty:
	// same origin only (--cors-origin).
	CORSOrigins []string
	// CORSHeaders are further header fields that these pages may send (--cors-header), and
	// CORSCredentials lets them send cookies and client certificates (--cors-credentials).
	CORSHeaders     []string
	CORSCredentials bool
	// PublicOrigins are the origins by which browsers reach the server through a proxy
	// (--public-origin).
	PublicOrigins []string
	// AllowedHosts are further names by which the server may be reached. If there are any,
	// requests by unknown names are rejected; otherwise only those of browsers are
	// (--allowed-hosts).
	AllowedHosts []string
	// TrustedProxies are the addresses and networks of proxies whose Forwarded and X-Forwarded
	// header fields are read (--trusted-proxies).
	TrustedProxies []string

	// DefaultModel is the model of requests that name none. Empty: the only model
	// (--default-model).
	DefaultModel string
	// ModelControl selects when models are loaded (--model-control).
	ModelControl ModelControl
	// PollInterval is the interval between scans of the repository. 0: 2 s
	// (--poll-interval).
	PollInterval time.Duration
	// LoadConcurrency is the number of models that load at once. 0: one for each CPU, at
	// least 2 and at most 4 (--load-concurrency).
	LoadConcurrency int
	// LoadTimeout bounds the load of a version with its warmups. 0: 10 minutes
	// (--load-timeout).
	LoadTimeout time.Duration
	// AllVersions serves all versions of a model without config.pbtxt. Otherwise its newest
	// one is served (--default-versions).
	AllVersions bool
	// FollowAllLinks follows symbolic links out of Models too. Otherwise only those to places
	// in it are followed (--follow-links).
	FollowAllLinks bool
	// UnloadBeforeLoad unloads a version before its replacement is loaded
	// (--unload-before-load).
	UnloadBeforeLoad bool
	// LoadModels are loaded at the start under ControlExplicit; "*" is all
	// (--load-model).
	LoadModels []string

	// IntraOpThreads is the number of threads of one run within an operator. 0: 1
	// (--intra-op-threads).
	IntraOpThreads int
	// MaxOutputBytes bounds one output of a run, of models whose configuration has no limit
	// of its own. 0: 1 GiB (--max-output-bytes).
	MaxOutputBytes int64
	// Instances is the number of concurrent runs of one model. 0: one for each CPU
	// (--instances).
	Instances int
	// MaxQueue and MaxQueueBytes bound the queued requests of one model and the bytes of
	// their inputs; more are refused as unavailable. 0: 1024 and 1 GiB (--max-queue,
	// --max-queue-bytes).
	MaxQueue      int
	MaxQueueBytes int64
	// MaxDeadline bounds an inference, also if its client allows more. 0: no limit
	// (--max-deadline).
	MaxDeadline time.Duration
	// HangTimeout is the time without a finished run after which a busy model is marked
	// unhealthy. 0: 1 minute (--hang-timeout).
	HangTimeout time.Duration
	// RunTimeout bounds one run of a model. 0: 5 minutes (--run-timeout).
	RunTimeout time.Duration
	// ProbeInputBytes bounds the kept input of an earlier success, with which a failing model
	// is probed. 0: 64 KiB; negative: none is kept (--probe-input-bytes).
	ProbeInputBytes int64
	// StreamWindow is the number of frames in flight in one stream. 0: 8
	// (--stream-window).
	StreamWindow int
	// ResponseCacheBytes bounds the cached responses of the models that enable
	// response_cache. 0: 64 MiB; negative: no cache (--response-cache-bytes).
	ResponseCacheBytes int64

	// MaxMessageBytes bounds a request message, decompressed. 0: 64 MiB
	// (--max-message-bytes).
	MaxMessageBytes int64
	// MemoryBudget bounds the memory of request messages, in bytes. 0: half of the memory
	// limit of the cgroup or the machine; negative: no limit (--memory-budget).
	MemoryBudget int64
	// MaxConnections and MaxConnectionsPerPeer bound the open connections of Serve and
	// ListenAndServe, in total and of one IPv4 address or IPv6 /64 network; further ones are
	// closed at once. 0: 16,384 and 4,096; negative: no limit (--max-connections,
	// --max-connections-per-peer).
	MaxConnections, MaxConnectionsPerPeer int
	// MaxConnectionAge is the time after which a connection takes no new requests, give or
	// take a tenth. Requests in flight end normally. 0: no limit (--max-connection-age).
	MaxConnectionAge time.Duration
	// MinReadRate and MinWriteRate are the minimum transfer rates of a request message and of
	// a response, in bytes per second, and TransferGrace the time beyond that. 0: 16,000 each,
	// and 30 s (--min-read-rate, --min-write-rate, --transfer-grace).
	MinReadRate, MinWriteRate int64
	TransferGrace             time.Duration
	// MaxImagePixels bounds an image, width times height. 0: 50 million
	// (--max-image-pixels).
	MaxImagePixels int64
	// MaxImageRatio bounds the pixels of an image for each pixel of the model's input, above
	// 25 million. 0: 500; negative: no limit (--max-image-ratio).
	MaxImageRatio int64
	// AllowSharedMemory lets local clients register POSIX shared memory for tensors
	// (--allow-shared-memory).
	AllowSharedMemory bool

	// StrictReadiness makes /readyz succeed only while every model that should be loaded is
	// ready. Otherwise it does from the end of the startup loads on, unless none of the
	// models could be loaded (--readiness).
	StrictReadiness bool
	// ShutdownDelay and ShutdownTimeout are the times of ListenAndServe between not ready
	// and closing the listener, and for requests in flight to finish. 0: no delay, 30 s
	// (--shutdown-delay, --shutdown-timeout).
	ShutdownDelay, ShutdownTimeout time.Duration

	// AccessLog is the level of the line that each request of an API has in the log: "debug",
	// "info" or "off". Empty: "debug" (--access-log).
	AccessLog string
	// OTLPEndpoint is the URL of a collector of OpenTelemetry traces, such as
	// "http://localhost:4318", and OTLPProtocol "http/protobuf" or "grpc". Headers, timeout and
	// certificate are those of the variables OTEL_EXPORTER_OTLP_. Empty: no traces,
	// "http/protobuf" (--otlp-endpoint, --otlp-protocol).
	OTLPEndpoint, OTLPProtocol string
	// TraceSampleRatio is the part of the requests that is traced, unless the client sends a
	// traceparent. 0: 1, all; negative: none (--trace-sample-ratio).
	TraceSampleRatio float64

	// Isolation says which processes run models: "version", "shared", "off" or "auto".
	// Empty: "auto" (--isolation).
	Isolation string
	// WorkerMemory bounds the memory of one worker process, in bytes. 0: four fifths of the
	// memory limit of the cgroup or the machine; negative: no limit (--worker-memory).
	WorkerMemory int64
	// WorkerSpares keeps a second process ready for a model whose worker died recently
	// (--worker-spares).
	WorkerSpares bool
	// WorkerPath is the program `tensorwire`, of the same version, which runs models in
	// worker processes. Empty: this program, if it calls RunWorker.
	WorkerPath string

	// TuneHeap sets Go's soft memory limit and the pace of the garbage collector for
	// MemoryBudget until the server is shut down, as `tensorwire serve` does, where
	// GOMEMLIMIT and GOGC are not set. Both are settings of the process.
	TuneHeap bool
}
