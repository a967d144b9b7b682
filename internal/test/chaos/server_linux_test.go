package chaos_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const root = "../../.."

// server is a server of `make build` with a repository of its own.
type server struct {
	address string // host:port
	pid     int
	// repository is the path of the models for this process. Where the server has a private
	// tmpfs it leads through the server's mount namespace.
	repository string
	private    bool
	log        string // path
	exited     chan struct{}
	exit       error // once exited is closed
}

var pageLine = regexp.MustCompile(`page +https?://(\S+)/`)

// binary returns the path of the built server.
func binary(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, "bin/tensorwire"))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Skipf("%v: run make build", err)
	}
	return path
}

// inTmpfs runs a program after it has mounted a tmpfs over the repository $0, of $1 bytes,
// and has copied the models of $2 into it. The namespace is private, so the mount ends with
// the server. Each step replaces the process, so the process ID stays.
const inTmpfs = `set -e; mount -t tmpfs -o size="$1" chaos "$0"; cp -r "$2"/. "$0"; shift 2; exec "$@"`

// tmpfsBytes is the size of the private tmpfs.
const tmpfsBytes = 64 << 20

// mayMount reports whether this user can mount a private tmpfs.
func mayMount() bool {
	return exec.Command("unshare", "--mount", "sh", "-c", "mount -t tmpfs chaos /mnt").Run() == nil
}

// start starts the server with the models in seed, and waits until it prints its address. At
// the end of the test it must exit with code 0.
func start(t *testing.T, seed string, private bool, flags ...string) *server {
	t.Helper()
	s := &server{repository: seed, private: private, log: filepath.Join(t.TempDir(), "log"), exited: make(chan struct{})}
	dir := seed
	if private {
		dir = t.TempDir()
	}
	args := append([]string{binary(t), "serve", "--listen", "127.0.0.1:0", "--models", dir}, flags...)
	if private {
		args = append([]string{"unshare", "--mount", "sh", "-c", inTmpfs, dir, strconv.Itoa(tmpfsBytes), seed}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	log, err := os.Create(s.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stderr = log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.pid = cmd.Process.Pid
	if private {
		s.repository = fmt.Sprintf("/proc/%d/root%s", s.pid, dir)
	}
	addresses := make(chan string, 1)
	var output sync.WaitGroup
	output.Go(func() { readAddress(stdout, addresses) })
	go func() {
		output.Wait() // Wait closes the pipe
		s.exit = cmd.Wait()
		close(s.exited)
	}()
	t.Cleanup(func() { s.stop(t, cmd.Process) })
	if s.address = <-addresses; s.address == "" {
		t.Fatalf("the server exited before it was ready:\n%s", s.logTail())
	}
	return s
}

// readAddress sends the address that the server prints, or "", and discards the rest.
func readAddress(stdout io.Reader, addresses chan<- string) {
	defer close(addresses)
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if match := pageLine.FindStringSubmatch(lines.Text()); match != nil {
			addresses <- match[1]
			_, _ = io.Copy(io.Discard, stdout)
			return
		}
	}
}

// stop ends the server.
func (s *server) stop(t *testing.T, process *os.Process) {
	select {
	case <-s.exited:
		t.Errorf("the server exited by itself: %v", s.exit)
	default:
		if err := process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		kill := time.AfterFunc(2*time.Minute, func() { _ = process.Kill() })
		defer kill.Stop()
		if <-s.exited; s.exit != nil {
			t.Errorf("the server on SIGTERM: %v", s.exit)
		}
	}
	if t.Failed() {
		t.Logf("the end of the server's log:\n%s", s.logTail())
	}
}

// logTail returns the end of the log.
func (s *server) logTail() string {
	content, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return string(content[max(0, len(content)-16<<10):])
}

var startedLine = regexp.MustCompile(`msg="a worker has started" worker=("[^"]*"|\S+) pid=(\d+)`)

// alone ends the name of a worker that runs one request alone.
const alone = `(one request)"`

// serving returns the process IDs of the workers that serve, or have served: not of those
// that run one request alone.
func (s *server) serving() map[int]bool {
	content, err := os.ReadFile(s.log)
	if err != nil {
		return nil
	}
	pids := map[int]bool{}
	for _, match := range startedLine.FindAllSubmatch(content, -1) {
		if pid, err := strconv.Atoi(string(match[2])); err == nil && !bytes.HasSuffix(match[1], []byte(alone)) {
			pids[pid] = true
		}
	}
	return pids
}

// get returns the body of a path of the server.
func (s *server) get(path string) (status int, body string, err error) {
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + s.address + path)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return response.StatusCode, string(content), err
}

// metric returns a metric without labels.
func (s *server) metric(name string) (float64, error) {
	_, body, err := s.get("/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(body) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			return strconv.ParseFloat(strings.TrimSpace(rest), 64)
		}
	}
	return 0, fmt.Errorf("no metric %s", name)
}

// alive reports whether the server's process is the first one and answers.
func (s *server) alive() error {
	select {
	case <-s.exited:
		return fmt.Errorf("process %d has ended: %w", s.pid, s.exit)
	default:
	}
	status, body, err := s.get("/livez")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("/livez: status %d, %s", status, body)
	}
	return err
}

// watch checks every second, and at the end, that the server is alive.
func (s *server) watch(ctx context.Context, t *testing.T) {
	for done := false; !done; {
		wait(ctx, time.Second)
		done = ctx.Err() != nil
		if err := s.alive(); err != nil {
			t.Error(err)
			return
		}
	}
}

// waitReady waits until every model in names can be run.
func (s *server) waitReady(names ...string) error {
	return poll(3*time.Minute, func() error {
		for _, name := range names {
			if status, body, err := s.get("/v2/models/" + name + "/ready"); err != nil || status != http.StatusOK {
				return fmt.Errorf("model %s: status %d, %s, %w", name, status, body, err)
			}
		}
		return nil
	})
}

// poll calls check until it succeeds, and returns its last error at the deadline.
func poll(limit time.Duration, check func() error) error {
	for deadline := time.Now().Add(limit); ; {
		err := check()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}
