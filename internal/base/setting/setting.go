// Package setting names the server's settings, so that a library can say which setting
// an error is about and need not know how the user spells it.
//
// A library formats errors with [Errorf] and passes each setting as a [Key]. The error's
// own text has the plain key, max-message-bytes. A program that knows its flags prints
// the error with [Text], which renders each key as its flag, --max-message-bytes.
//
// Clients of the server and its log do not see its flags: their texts have the plain key,
// in parentheses after the limit or the refusal, "the limit is 8 (max-image-pixels)".
package setting

// Key names one setting. It is the name of the flag without dashes, and the key in the
// configuration file.
type Key string

// The settings of the server that errors of libraries name.
const (
	AdminAccess       Key = "admin-access"
	AllowSharedMemory Key = "allow-shared-memory"
	AuthTokens        Key = "auth-tokens"
	ClientRate        Key = "client-rate"
	ClientStreams     Key = "client-streams"
	CORSOrigin        Key = "cors-origin"
	DebugHost         Key = "debug-host"
	CORSHeader        Key = "cors-header"
	CORSCredentials   Key = "cors-credentials"
	PublicOrigin      Key = "public-origin"
	AllowedHosts      Key = "allowed-hosts"
	TrustedProxies    Key = "trusted-proxies"
	DebugListen       Key = "debug-listen"
	DefaultModel      Key = "default-model"
	DefaultVersions   Key = "default-versions"
	FollowLinks       Key = "follow-links"
	Isolation         Key = "isolation"
	Listen            Key = "listen"
	LoadConcurrency   Key = "load-concurrency"
	LoadModel         Key = "load-model"
	LoadTimeout       Key = "load-timeout"
	MaxConnectionAge  Key = "max-connection-age"
	MaxConnections    Key = "max-connections"
	MaxDeadline       Key = "max-deadline"
	MaxImagePixels    Key = "max-image-pixels"
	MaxImageRatio     Key = "max-image-ratio"
	MaxMessageBytes   Key = "max-message-bytes"
	MaxOutputBytes    Key = "max-output-bytes"
	MemoryBudget      Key = "memory-budget"
	MinReadRate       Key = "min-read-rate"
	MinWriteRate      Key = "min-write-rate"
	ModelControl      Key = "model-control"
	Models            Key = "models"
	OnnxRuntimeLib    Key = "onnxruntime-lib"
	RunTimeout        Key = "run-timeout"
	ShutdownTimeout   Key = "shutdown-timeout"
	TLSCert           Key = "tls-cert"
	TLSKey            Key = "tls-key"
	TLSSelfSigned     Key = "tls-self-signed"
	TLSClientCA       Key = "tls-client-ca"
	TLSClientAuth     Key = "tls-client-auth"
	TransferGrace     Key = "transfer-grace"
	WorkerMemory      Key = "worker-memory"
)

// The settings of a download that errors of libraries name.
const (
	MaxBytes     Key = "max-bytes"
	Name         Key = "name"
	SHA256       Key = "sha256"
	StallTimeout Key = "stall-timeout"
	Version      Key = "version"
)
