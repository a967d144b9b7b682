package interop_test

import (
	"bufio"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var pageLine = regexp.MustCompile(`page +https?://(\S+)/`)

// serve starts the server of `make build` on a free port, waits until it prints its
// address, and returns it as host:port. At the end of the test the server must exit with
// code 0; its log is printed if the test failed.
func serve(t *testing.T, flags ...string) string {
	t.Helper()
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--log-level", "warn"}, flags...)
	server := exec.Command(filepath.Join(root, "bin/tensorwire"), args...)
	log := &lockedBuilder{}
	server.Stderr = log
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		// Kills a server that does not stop.
		kill := time.AfterFunc(time.Minute, func() { _ = server.Process.Kill() })
		defer kill.Stop()
		if err := server.Wait(); err != nil {
			t.Errorf("the server on SIGTERM: %v", err)
		}
		if t.Failed() {
			t.Logf("the server's log:\n%s", log)
		}
	})
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if match := pageLine.FindStringSubmatch(lines.Text()); match != nil {
			go func() { _, _ = io.Copy(io.Discard, stdout) }() // discards further output
			return match[1]
		}
	}
	t.Fatalf("the server exited before it was ready:\n%s", log)
	return ""
}

// lockedBuilder is a strings.Builder that is safe for concurrent use.
type lockedBuilder struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuilder) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuilder) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
