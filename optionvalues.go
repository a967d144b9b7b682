package tensorwire

import (
	"cmp"
	"os"
	"strings"

	"github.com/tensorwire/tensorwire/internal/app"
	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/engine/worker/control"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// controls has the repository's control for each of ours.
var controls = map[ModelControl]repository.Control{
	ControlPoll: repository.ControlPoll, ControlNone: repository.ControlNone, ControlExplicit: repository.ControlExplicit,
}

// config returns the options over the defaults. The result is not validated.
func (o *Options) config() *config.Config {
	c := config.Default()
	if o.Listen != "" {
		c.Listen = splitList(o.Listen)
	}
	set(&c.ID, o.ID)
	set(&c.TLSCert, o.TLSCertFile)
	set(&c.TLSKey, o.TLSKeyFile)
	c.TLSSelfSigned = o.TLSSelfSigned
	set(&c.TLSClientCA, o.TLSClientCAFile)
	set(&c.TLSClientAuth, o.TLSClientAuth)
	c.CORSOrigins, c.CORSHeaders, c.CORSCredentials = o.CORSOrigins, o.CORSHeaders, o.CORSCredentials
	c.AuthTokens, c.AdminAccess, c.ClientRate, c.ClientStreams = o.AuthTokens, o.AdminAccess, o.ClientRate, o.ClientStreams
	c.PublicOrigins, c.AllowedHosts, c.TrustedProxies = o.PublicOrigins, o.AllowedHosts, o.TrustedProxies
	set(&c.DebugListen, o.DebugListen)
	c.DebugHosts = o.DebugHosts
	set(&c.Models, o.Models)
	set(&c.DefaultModel, o.DefaultModel)
	c.ModelControl = controls[o.ModelControl]
	set(&c.PollInterval, o.PollInterval)
	set(&c.LoadConcurrency, o.LoadConcurrency)
	set(&c.LoadTimeout, o.LoadTimeout)
	c.UnloadBeforeLoad = o.UnloadBeforeLoad
	c.LoadModels = o.LoadModels
	if o.AllVersions {
		c.DefaultVersions = repository.VersionsAll
	}
	if o.FollowAllLinks {
		c.FollowLinks = repository.LinksAll
	}
	set(&c.OnnxRuntimeLib, o.OnnxRuntimeLibrary)
	set(&c.IntraOpThreads, o.IntraOpThreads)
	set(&c.MaxOutputBytes, config.Size(o.MaxOutputBytes))
	set(&c.Instances, o.Instances)
	set(&c.MaxQueue, o.MaxQueue)
	set(&c.MaxQueueBytes, config.Size(o.MaxQueueBytes))
	set(&c.MaxDeadline, o.MaxDeadline)
	set(&c.HangTimeout, o.HangTimeout)
	set(&c.RunTimeout, o.RunTimeout)
	setOrNone(&c.ProbeInputBytes, config.Size(o.ProbeInputBytes))
	set(&c.StreamWindow, o.StreamWindow)
	setOrNone(&c.ResponseCacheBytes, config.Size(o.ResponseCacheBytes))
	set(&c.Isolation, o.Isolation)
	setOrNone(&c.WorkerMemory, config.Size(o.WorkerMemory))
	c.WorkerSpares = o.WorkerSpares
	set(&c.MaxMessageBytes, config.Size(o.MaxMessageBytes))
	setOrNone(&c.MemoryBudget, config.Size(o.MemoryBudget))
	setOrNone(&c.MaxConnections, o.MaxConnections)
	setOrNone(&c.MaxConnectionsPerPeer, o.MaxConnectionsPerPeer)
	set(&c.MaxConnectionAge, o.MaxConnectionAge)
	set(&c.MinReadRate, config.Size(o.MinReadRate))
	set(&c.MinWriteRate, config.Size(o.MinWriteRate))
	set(&c.TransferGrace, o.TransferGrace)
	set(&c.MaxImagePixels, o.MaxImagePixels)
	set(&c.MaxImageRatio, o.MaxImageRatio)
	c.MaxImageRatio = max(c.MaxImageRatio, 0)
	c.AllowSharedMemory = o.AllowSharedMemory
	c.StrictReadiness = o.StrictReadiness
	set(&c.ShutdownDelay, o.ShutdownDelay)
	set(&c.ShutdownTimeout, o.ShutdownTimeout)
	set(&c.AccessLog, o.AccessLog)
	set(&c.OTLPEndpoint, o.OTLPEndpoint)
	set(&c.OTLPProtocol, o.OTLPProtocol)
	set(&c.TraceSampleRatio, o.TraceSampleRatio)
	c.TraceSampleRatio = max(c.TraceSampleRatio, 0)
	return c
}

// validate checks options that the configuration cannot represent.
func (o *Options) validate() error {
	if _, ok := controls[o.ModelControl]; !ok {
		return setting.Errorf("%s is %d: give ControlPoll, ControlNone or ControlExplicit", setting.ModelControl, o.ModelControl)
	}
	return nil
}

// set sets a setting unless the option has its zero value.
func set[T comparable](setting *T, option T) { *setting = cmp.Or(option, *setting) }

// splitList returns the items of a list that are separated by commas.
func splitList(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// setOrNone sets a size unless the option is zero. A negative option sets it to 0, which
// means none.
func setOrNone[T ~int | ~int64](setting *T, option T) {
	if option != 0 {
		*setting = max(option, 0)
	}
}

// app returns the options of the composition root.
func (o *Options) app() app.Options {
	options := app.Options{Version: control.Version(), Logger: o.Logger, WorkerPath: o.WorkerPath}
	if o.TuneHeap {
		options.HeapEnv = os.Getenv
	}
	if o.OTLPEndpoint != "" {
		options.OTelEnv = os.Getenv
	}
	return options
}
