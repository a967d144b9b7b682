package config

import (
	"time"

	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// Config has the settings of a server. [Settings.Resolve] and [Default] make it.
type Config struct {
	// Listen are the addresses to listen on, with their options; see package listen.
	Listen []string
	// CORSOrigins are the origins whose pages may call the server; "*" is all.
	CORSOrigins []string
	// CORSHeaders are further header fields that they may send.
	CORSHeaders     []string
	CORSCredentials bool
	// PublicOrigins, AllowedHosts and TrustedProxies are of package server's Options.
	PublicOrigins, AllowedHosts, TrustedProxies []string
	// TLSCert and TLSKey are PEM files; both or neither.
	TLSCert, TLSKey string
	// TLSSelfSigned makes a certificate in memory instead.
	TLSSelfSigned bool
	// TLSClientCA is a PEM file with the authorities of client certificates. Empty: clients
	// need none. TLSClientAuth is require or optional.
	TLSClientCA, TLSClientAuth string
	// AuthTokens is the file with the clients' tokens. Empty: there is no authentication.
	AuthTokens string
	// AdminAccess says who may administer without a token: loopback, all or token. Empty: token
	// with AuthTokens, else loopback.
	AdminAccess string
	// ClientRate is in requests per second, of each client; ClientStreams bounds its open streams.
	// 0: no limit.
	ClientRate, ClientStreams int
	// DebugListen is the address of the profiles. Empty: none.
	DebugListen string
	// DebugHosts are the names of the server that the profiles accept in Host.
	DebugHosts []string
	// NetHTTP2 serves HTTP/2 with net/http.
	NetHTTP2 bool

	Models       string
	DefaultModel string
	ModelControl repository.Control
	PollInterval time.Duration
	// LoadModels are the models to load at the start under explicit control; "*" is all.
	LoadModels []string
	// LoadConcurrency is the number of models that load at once. 0: the repository's default.
	LoadConcurrency int
	LoadTimeout     time.Duration
	// UnloadBeforeLoad unloads a version before its replacement is loaded.
	UnloadBeforeLoad bool
	// DefaultVersions are the versions of a model without config.pbtxt that are served.
	DefaultVersions repository.Versions
	// FollowLinks says which symbolic links in Models are followed.
	FollowLinks repository.Links
	// ID is the server's name for clients.
	ID string

	// OnnxRuntimeLib is the path of the shared library. Empty: it is searched for.
	OnnxRuntimeLib string
	Isolation      string
	WorkerMemory   Size
	WorkerSpares   bool
	IntraOpThreads int
	// MaxOutputBytes bounds one output of a run, of models whose configuration has no
	// limit of its own.
	MaxOutputBytes Size

	// Instances is the number of concurrent runs of a model. 0: one for each CPU.
	Instances     int
	MaxQueue      int
	MaxQueueBytes Size
	// MaxDeadline bounds an inference. 0: the client's deadline alone.
	MaxDeadline time.Duration
	HangTimeout time.Duration
	// RunTimeout bounds one run of a model.
	RunTimeout time.Duration
	// ProbeInputBytes bounds the inputs that are kept to check a model's health. 0: none.
	ProbeInputBytes Size
	StreamWindow    int
	// ResponseCacheBytes bounds the response caches of all models together.
	ResponseCacheBytes Size

	MaxMessageBytes Size
	// MaxConnections and MaxConnectionsPerPeer bound open connections. 0: no limit.
	MaxConnections, MaxConnectionsPerPeer int
	// MaxConnectionAge is when connections end, after the requests in flight. 0: never.
	MaxConnectionAge time.Duration
	// MinReadRate and MinWriteRate are minimum transfer rates in bytes per second.
	MinReadRate, MinWriteRate Size
	TransferGrace             time.Duration
	// MemoryBudget bounds the memory of requests in progress. 0: no limit.
	MemoryBudget      Size
	MaxImagePixels    int64
	MaxImageRatio     int64
	AllowSharedMemory bool

	// StrictReadiness makes /readyz depend on every model.
	StrictReadiness                bool
	ShutdownDelay, ShutdownTimeout time.Duration

	LogLevel, LogFormat, AccessLog string

	// OTLPEndpoint and OTLPProtocol are those of a collector of traces. Empty: of the
	// environment, or none.
	OTLPEndpoint, OTLPProtocol string
	TraceSampleRatio           float64
}

// Default returns the defaults, which are valid. The memory budget depends on the
// machine.
func Default() *Config {
	return New().config
}
