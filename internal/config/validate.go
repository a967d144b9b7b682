package config

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/forwarded"
	"github.com/tensorwire/tensorwire/internal/transport/origin"
	"github.com/tensorwire/tensorwire/internal/transport/wire/envelope"
)

// minPollInterval bounds the cost of scanning.
const minPollInterval = 100 * time.Millisecond

// Validate returns every setting that is wrong, joined. The errors name settings by
// [setting.Key].
func (c *Config) Validate() error {
	return errors.Join(
		c.validateListeners(),
		c.validateDebug(),
		c.validateOrigins(),
		c.validateAccess(),
		atLeast("intra-op-threads", c.IntraOpThreads, 1),
		checkText(setting.Isolation, c.Isolation, checkIsolation),
		atLeast(setting.WorkerMemory, c.WorkerMemory, 0),
		atLeast("instances", c.Instances, 0),
		atLeast("max-queue", c.MaxQueue, 1),
		atLeast("max-queue-bytes", c.MaxQueueBytes, 1),
		atLeast("response-cache-bytes", c.ResponseCacheBytes, 0),
		atLeast("stream-window", c.StreamWindow, 1),
		atLeast(setting.MaxMessageBytes, c.MaxMessageBytes, 1),
		atLeast(setting.MemoryBudget, c.MemoryBudget, 0),
		atLeast(setting.MaxConnections, c.MaxConnections, 0),
		atLeast("max-connections-per-peer", c.MaxConnectionsPerPeer, 0),
		atLeast(setting.MinReadRate, c.MinReadRate, 1),
		atLeast(setting.MinWriteRate, c.MinWriteRate, 1),
		above0(setting.TransferGrace, c.TransferGrace, "30s"),
		atLeast(setting.MaxOutputBytes, c.MaxOutputBytes, 1),
		atLeast(setting.MaxImagePixels, c.MaxImagePixels, 1),
		atLeast(setting.MaxImageRatio, c.MaxImageRatio, 0),
		c.validateMessageBytes(),
		atLeast("poll-interval", c.PollInterval, minPollInterval),
		atLeast(setting.LoadConcurrency, c.LoadConcurrency, 0),
		above0(setting.LoadTimeout, c.LoadTimeout, "10m, longer than the load of any model takes"),
		above0("hang-timeout", c.HangTimeout, "1m, longer than any run of a model takes"),
		above0(setting.RunTimeout, c.RunTimeout, "5m"),
		atLeast("probe-input-bytes", c.ProbeInputBytes, 0),
		atLeast(setting.MaxDeadline, c.MaxDeadline, 0),
		atLeast(setting.MaxConnectionAge, c.MaxConnectionAge, 0),
		atLeast("shutdown-delay", c.ShutdownDelay, 0),
		above0(setting.ShutdownTimeout, c.ShutdownTimeout, "30s"),
		c.validateLoadModels(),
		checkText("id", c.ID, checkID),
		checkText("log-level", c.LogLevel, checkLogLevel),
		checkText("log-format", c.LogFormat, checkLogFormat),
		checkText("access-log", c.AccessLog, checkAccessLog),
		checkText("otlp-endpoint", c.OTLPEndpoint, checkEndpoint),
		checkText("otlp-protocol", c.OTLPProtocol, checkProtocol),
		checkFraction("trace-sample-ratio", c.TraceSampleRatio),
	)
}

func atLeast[T int | int64 | Size | time.Duration](key setting.Key, found, minimum T) error {
	if found >= minimum {
		return nil
	}
	return setting.Errorf("%s is %v: give %v or more", key, found, minimum)
}

func above0(key setting.Key, found time.Duration, example string) error {
	if found > 0 {
		return nil
	}
	return setting.Errorf("%s is %v: give a duration such as %s", key, found, example)
}

func (c *Config) validateDebug() error {
	var err error
	if c.DebugListen != "" {
		err = validateAddress(setting.DebugListen, c.DebugListen)
	}
	for _, host := range c.DebugHosts {
		if strings.ContainsAny(host, ":/*@ []") {
			err = errors.Join(err, setting.Errorf("%s is %q: give a name without scheme and port, such as gpu1.internal", setting.DebugHost, host))
		}
	}
	return err
}

func validateAddress(key setting.Key, address string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = new(net.Resolver).LookupPort(context.Background(), "tcp", port) // reads no network
	}
	if err == nil {
		return nil
	}
	return setting.Errorf("%s is %q: give host:port or :port with a port from 0 to 65535, such as 127.0.0.1:8080", key, address)
}

// validateOrigins rejects what package server would reject, before the models are loaded.
func (c *Config) validateOrigins() error {
	_, err := origin.New(origin.Options{
		Allowed: c.CORSOrigins, Credentials: c.CORSCredentials, Public: c.PublicOrigins, Hosts: c.AllowedHosts, Listen: c.HostPorts(),
	})
	_, proxies := forwarded.ParseProxies(c.TrustedProxies)
	if proxies != nil {
		proxies = setting.Errorf("%s: %w", setting.TrustedProxies, proxies)
	}
	return errors.Join(err, proxies)
}

func (c *Config) validateMessageBytes() error {
	if c.MaxMessageBytes <= envelope.MaxMessageSize {
		return nil
	}
	return setting.Errorf("%s is %v: the length of a message has four bytes on the wire, give %d or less", setting.MaxMessageBytes, c.MaxMessageBytes, envelope.MaxMessageSize)
}

func (c *Config) validateLoadModels() error {
	names := strings.Join(c.LoadModels, ",")
	switch {
	case len(c.LoadModels) == 0:
		return nil
	case c.ModelControl != repository.ControlExplicit:
		return setting.Errorf("%s is %s: %s %v loads every model; give it with %s explicit", setting.LoadModel, names, setting.ModelControl, c.ModelControl, setting.ModelControl)
	case len(c.LoadModels) > 1 && slices.Contains(c.LoadModels, "*"):
		return setting.Errorf("%s is %s: * is every model, give it alone", setting.LoadModel, names)
	}
	return nil
}

// checkFraction returns an error for a number that is not between 0 and 1.
func checkFraction(key setting.Key, found float64) error {
	if found >= 0 && found <= 1 {
		return nil
	}
	return setting.Errorf("%s is %v: give a number from 0 to 1", key, found)
}

// checkText returns the error of a text that must pass check.
func checkText(key setting.Key, found string, check func(string) error) error {
	if err := check(found); err != nil {
		return setting.Errorf("%s is %q: %w", key, found, err)
	}
	return nil
}

// maxID bounds the server's name, in bytes.
const maxID = 255

func checkID(text string) error {
	if text == "" || len(text) > maxID || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return fmt.Errorf("give a name of at most %d bytes in UTF-8 without control characters", maxID)
	}
	return nil
}

func checkLogLevel(text string) error {
	if _, err := telemetry.ParseLogLevels(text); err != nil {
		return errors.New("give debug, info, warn or error")
	}
	return nil
}

func checkLogFormat(text string) error {
	if text != "text" && text != "json" {
		return errors.New("give text or json")
	}
	return nil
}

func checkAccessLog(text string) error {
	if _, err := telemetry.ParseAccessLog(text); err != nil {
		return errors.New("give debug, info or off")
	}
	return nil
}

// CheckMemoryBudget returns an error where the memory budget has no room for the largest
// message.
func (c *Config) CheckMemoryBudget() error {
	needed := c.MaxMessageBytes * heldTimes
	if c.MemoryBudget <= 0 || c.MemoryBudget >= needed {
		return nil
	}
	return setting.Errorf("%s is %v, and a message of %s, %d, takes %v: give that much or more, 0 for no limit, or lower %s to %d",
		setting.MemoryBudget, c.MemoryBudget, setting.MaxMessageBytes, int64(c.MaxMessageBytes), needed, setting.MaxMessageBytes, int64(c.MemoryBudget/heldTimes))
}
