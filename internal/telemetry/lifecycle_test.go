package telemetry_test

import (
	"sync"
	"testing"

	"github.com/tensorwire/tensorwire/internal/telemetry"
)

func TestLifecycle(t *testing.T) {
	var l telemetry.Lifecycle
	draining := l.Draining()
	if l.Ready() {
		t.Error("a server that starts is ready")
	}
	l.SetReady(true)
	select {
	case <-draining:
		t.Error("a ready server drains")
	default:
	}
	l.Stop()
	l.SetReady(true) // a model that was loading is ready now
	if l.Ready() {
		t.Error("a server that stops is ready")
	}
	select {
	case <-draining:
		t.Error("a server that stops drains")
	default:
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(l.Drain)
	}
	group.Wait()
	<-draining
	if l.Ready() {
		t.Error("a server that drains is ready")
	}
}
