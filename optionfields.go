package tensorwire

import "github.com/tensorwire/tensorwire/internal/base/setting"

// fields are the fields of Options that set the settings.
var fields = map[setting.Key]string{
	"listen":                   "Listen",
	"id":                       "ID",
	"cors-origin":              "CORSOrigins",
	"cors-header":              "CORSHeaders",
	"cors-credentials":         "CORSCredentials",
	"public-origin":            "PublicOrigins",
	"allowed-hosts":            "AllowedHosts",
	"trusted-proxies":          "TrustedProxies",
	"debug-listen":             "DebugListen",
	"debug-host":               "DebugHosts",
	"tls-cert":                 "TLSCertFile",
	"tls-key":                  "TLSKeyFile",
	"tls-self-signed":          "TLSSelfSigned",
	"tls-client-ca":            "TLSClientCAFile",
	"tls-client-auth":          "TLSClientAuth",
	"auth-tokens":              "AuthTokens",
	"admin-access":             "AdminAccess",
	"client-rate":              "ClientRate",
	"client-streams":           "ClientStreams",
	"models":                   "Models",
	"default-model":            "DefaultModel",
	"model-control":            "ModelControl",
	"poll-interval":            "PollInterval",
	"load-model":               "LoadModels",
	"default-versions":         "AllVersions",
	"follow-links":             "FollowAllLinks",
	"load-concurrency":         "LoadConcurrency",
	"load-timeout":             "LoadTimeout",
	"unload-before-load":       "UnloadBeforeLoad",
	"onnxruntime-lib":          "OnnxRuntimeLibrary",
	"intra-op-threads":         "IntraOpThreads",
	"instances":                "Instances",
	"max-queue":                "MaxQueue",
	"max-queue-bytes":          "MaxQueueBytes",
	"max-deadline":             "MaxDeadline",
	"hang-timeout":             "HangTimeout",
	"run-timeout":              "RunTimeout",
	"probe-input-bytes":        "ProbeInputBytes",
	"stream-window":            "StreamWindow",
	"response-cache-bytes":     "ResponseCacheBytes",
	"isolation":                "Isolation",
	"worker-memory":            "WorkerMemory",
	"worker-spares":            "WorkerSpares",
	"max-message-bytes":        "MaxMessageBytes",
	"max-output-bytes":         "MaxOutputBytes",
	"memory-budget":            "MemoryBudget",
	"max-connections":          "MaxConnections",
	"max-connections-per-peer": "MaxConnectionsPerPeer",
	"max-connection-age":       "MaxConnectionAge",
	"min-read-rate":            "MinReadRate",
	"min-write-rate":           "MinWriteRate",
	"transfer-grace":           "TransferGrace",
	"max-image-pixels":         "MaxImagePixels",
	"max-image-ratio":          "MaxImageRatio",
	"allow-shared-memory":      "AllowSharedMemory",
	"readiness":                "StrictReadiness",
	"shutdown-delay":           "ShutdownDelay",
	"shutdown-timeout":         "ShutdownTimeout",
	"access-log":               "AccessLog",
	"otlp-endpoint":            "OTLPEndpoint",
	"otlp-protocol":            "OTLPProtocol",
	"trace-sample-ratio":       "TraceSampleRatio",
}

// fieldName renders a setting as the field that sets it.
func fieldName(key setting.Key) string {
	if field := fields[key]; field != "" {
		return "Options." + field
	}
	return string(key)
}
