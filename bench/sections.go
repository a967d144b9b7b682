package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"google.golang.org/grpc"

	"github.com/tensorwire/tensorwire/bench/report"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
)

// The groups of sections.
const (
	product   = "product"   // measures Tensorwire
	transport = "transport" // compares it with other servers
)

// section is a part of the report. Its name is the one in the documents' markers.
type section struct {
	group, name, title string
	run                func(context.Context, *bench) (report.Report, error)
}

func allSections() []section {
	return []section{
		{product, "encodings", "Encodings", encodings},
		{product, "json", "JSON numbers", jsonNumbers},
		{product, "roundtrips", "Round trips", roundTrips},
		{product, "share", "The model's share", share},
		{product, "reload", "Memory", reload},
		{product, "batching", "Batching", batching},
		{product, "efficiency", "Efficiency", efficiency},
		{product, "instances", "Instances", instances},
		{product, "overload", "Overload", overload},
		{product, "cancelled", "Canceled requests", canceled},
		{product, "latest", "Live video", latest},
		{product, "machine", "Machine", machine},
		{transport, "grpc-baseline", "The baseline", grpcBaseline},
		{transport, "grpc-requests", "Large requests", grpcRequests},
		{transport, "grpc-answers", "Large responses", grpcResponses},
		{transport, "grpc-identity", "The identity model", grpcIdentity},
		{transport, "grpc-streams", "Streams", grpcStreams},
		{transport, "grpc-link", "A long round trip", grpcLink},
		{transport, "grpc-idle", "Idle connections", grpcIdle},
		{transport, "python", "Servers in Python", pythonServers},
		{transport, "grpc-machine", "Machine", grpcMachine},
		{transport, beforeAfter, "Before and after", beforeAndAfter},
	}
}

// beforeAfter is the section that needs -before.
const beforeAfter = "before-after"

func sectionNames() (names []string) {
	for _, s := range allSections() {
		names = append(names, s.name)
	}
	return names
}

// selectSections returns the sections with these names or in these groups, separated by
// commas. Groups have the section before-after only if there is a build to compare with.
func selectSections(only string, hasBefore bool) (selected []section, _ error) {
	wanted, known := strings.Split(only, ","), append(sectionNames(), product, transport)
	for _, name := range wanted {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("%w: -only: no section or group %q; use some of %s", errUsage, name, strings.Join(known, ", "))
		}
		if name == beforeAfter && !hasBefore {
			return nil, fmt.Errorf("%w: section %s needs another build of Tensorwire: add -before PATH", errUsage, name)
		}
	}
	for _, s := range allSections() {
		if slices.Contains(wanted, s.name) || slices.Contains(wanted, s.group) && (s.name != beforeAfter || hasBefore) {
			selected = append(selected, s)
		}
	}
	return selected, nil
}

func machine(_ context.Context, b *bench) (report.Report, error) {
	engine, err := onnx.Open(b.library, onnx.Options{})
	if err != nil {
		return nil, err
	}
	return b.machineReport("make bench", "ONNX Runtime "+engine.Version()), engine.Close()
}

func grpcMachine(_ context.Context, b *bench) (report.Report, error) {
	return b.machineReport("make bench-transport", "grpc-go "+grpc.Version), nil
}

// machineReport describes the machine and the measurement, and the command that repeats
// it.
func (b *bench) machineReport(command, library string) report.Report {
	cpu := "unknown CPU"
	text, _ := os.ReadFile("/proc/cpuinfo") // which not all systems have
	if name := regexp.MustCompile(`(?m)^model name\s*: (.*)$`).FindSubmatch(text); name != nil {
		cpu = string(name[1])
	}
	return report.Report{report.Paragraphf("%s, %d cores for clients and servers together, %s/%s, %s, %s. Medians of %d rounds of %v in which the rows take turns. To measure on your machine:\n\n```sh\n%s BENCHTIME=%v BENCHFLAGS='-rounds %d'\n```",
		cpu, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), library, b.rounds, b.duration, command, b.duration, b.rounds)}
}
