package config

import (
	"errors"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/tensorwire/tensorwire/internal/telemetry/tracing"
)

func (c *Config) tracingFlags() *pflag.FlagSet {
	f := newFlags()
	note(f.checked(&c.OTLPEndpoint, "", "otlp-endpoint", "`URL` of the collector that receives OpenTelemetry traces, such as http://localhost:4318", checkEndpoint),
		defaultNote, "OTEL_EXPORTER_OTLP_ENDPOINT; without it, no traces")
	protocol := note(f.checked(&c.OTLPProtocol, "", "otlp-protocol", "`protocol` of the collector: http/protobuf or grpc", checkProtocol),
		defaultNote, "OTEL_EXPORTER_OTLP_PROTOCOL, or http/protobuf")
	note(protocol, choices, tracing.ProtocolHTTP, tracing.ProtocolGRPC)
	f.fraction(&c.TraceSampleRatio, 1, "trace-sample-ratio", "`part` of the requests that is traced, 0 to 1; a client that sends a traceparent decides itself")
	return f.FlagSet
}

// fraction declares a number between 0 and 1.
func (f flags) fraction(p *float64, to float64, name, usage string) {
	scalar(f, p, to, name, fractionKind, usage, func(text string) (float64, error) {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !(n >= 0 && n <= 1) { // NaN is neither
			return 0, errors.New("give a number from 0 to 1")
		}
		return n, nil
	})
}

func checkEndpoint(text string) error {
	if text == "" {
		return nil
	}
	return tracing.CheckURL(text)
}

func checkProtocol(text string) error {
	if text != "" && text != tracing.ProtocolHTTP && text != tracing.ProtocolGRPC {
		return errors.New("give http/protobuf or grpc")
	}
	return nil
}
