package tracing

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// The protocols of OTLP, as OTEL_EXPORTER_OTLP_PROTOCOL has them.
const (
	ProtocolGRPC = "grpc"
	ProtocolHTTP = "http/protobuf"

	defaultTimeout = 10 * time.Second
)

// Endpoint is a collector.
type Endpoint struct {
	URL string
	// Protocol is ProtocolGRPC or ProtocolHTTP.
	Protocol string
	// Headers are sent with each export.
	Headers map[string]string
	// Timeout bounds one attempt of an export.
	Timeout time.Duration
	// TLS is for URLs with https. nil: the certificate authorities of the system.
	TLS *tls.Config

	// complete: URL has the path of the traces.
	complete bool
}

// CheckURL returns an error for the URL of a collector that is not one of http or https.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("give a URL such as http://localhost:4318")
	}
	return nil
}

// ResolveEndpoint returns the collector of the settings base and protocol, and of OpenTelemetry's
// environment variables (opentelemetry.io/docs/specs/otel/protocol/exporter), which getenv returns.
// Settings have precedence. nil: there is no collector.
func ResolveEndpoint(base, protocol string, getenv func(string) string) (*Endpoint, error) {
	if strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") || base == "" && getenv("OTEL_TRACES_EXPORTER") == "none" {
		return nil, nil //nolint:nilnil // documented
	}
	env := func(name string) (value, variable string) {
		for _, variable := range []string{"OTEL_EXPORTER_OTLP_TRACES_" + name, "OTEL_EXPORTER_OTLP_" + name} {
			if value := getenv(variable); value != "" {
				return value, variable
			}
		}
		return "", ""
	}
	e := &Endpoint{URL: base, Protocol: protocol, Timeout: defaultTimeout}
	if e.URL == "" {
		var variable string
		if e.URL, variable = env("ENDPOINT"); e.URL == "" {
			return nil, nil //nolint:nilnil // documented
		}
		if err := CheckURL(e.URL); err != nil {
			return nil, fmt.Errorf("%s is %q: %w", variable, e.URL, err)
		}
		e.complete = variable == "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	}
	return e, e.fromEnv(env)
}

func (e *Endpoint) fromEnv(env func(string) (value, variable string)) error {
	if e.Protocol == "" {
		e.Protocol = ProtocolHTTP
		if value, variable := env("PROTOCOL"); value != "" {
			if value != ProtocolGRPC && value != ProtocolHTTP {
				return fmt.Errorf("%s is %q: accepted are %s and %s", variable, value, ProtocolGRPC, ProtocolHTTP)
			}
			e.Protocol = value
		}
	}
	if value, variable := env("TIMEOUT"); value != "" {
		ms, err := strconv.Atoi(value)
		if err != nil || ms <= 0 {
			return fmt.Errorf("%s is %q: give milliseconds", variable, value)
		}
		e.Timeout = time.Duration(ms) * time.Millisecond
	}
	if value, variable := env("HEADERS"); value != "" {
		headers, err := parseHeaders(value)
		if err != nil { // the value can be a secret
			return fmt.Errorf("%s: %w", variable, err)
		}
		e.Headers = headers
	}
	if value, variable := env("CERTIFICATE"); value != "" {
		pem, err := os.ReadFile(value)
		if err != nil {
			return fmt.Errorf("%s: %w", variable, err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return fmt.Errorf("%s is %q: the file has no certificate in PEM", variable, value)
		}
		e.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return nil
}

// parseHeaders parses key=value,key=value, with values in percent-encoding.
func parseHeaders(text string) (map[string]string, error) {
	headers := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		name, value, ok := strings.Cut(pair, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		value, err := url.PathUnescape(value)
		if !ok || err != nil || name == "" || strings.ContainsAny(name, " :\r\n") || strings.ContainsAny(value, "\r\n") {
			return nil, errors.New("give name=value, separated by commas, with values in percent-encoding")
		}
		headers[name] = value
	}
	return headers, nil
}
