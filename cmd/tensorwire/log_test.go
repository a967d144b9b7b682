package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// separate is the program as a process of its own, with pipes as its outputs.
type separate struct {
	url            string
	stdout, stderr *os.File // to read
	cmd            *exec.Cmd
}

// startSeparate starts the program and waits until its models are loaded. It reads standard
// output until then, and standard error never.
func startSeparate(t *testing.T, args ...string) *separate {
	t.Helper()
	pipe := func() (r, w *os.File) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
		return r, w
	}
	stdout, stdoutWriter := pipe()
	stderr, stderrWriter := pipe()
	s := &separate{stdout: stdout, stderr: stderr}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // bounds the test
	t.Cleanup(cancel)
	s.cmd = exec.CommandContext(ctx, os.Args[0], append([]string{"serve", "--listen", "127.0.0.1:0", "--log-level", "debug"}, args...)...)
	s.cmd.Env = append(os.Environ(), asProgram+"=1")
	s.cmd.Stdout, s.cmd.Stderr = stdoutWriter, stderrWriter
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if s.cmd.ProcessState == nil {
			_ = s.cmd.Wait() // it was killed
		}
	})
	_ = errors.Join(stdoutWriter.Close(), stderrWriter.Close()) // the process has its own
	reader := bufio.NewReader(stdout)
	var printed strings.Builder
	for s.url == "" {
		line, err := reader.ReadString('\n')
		if err != nil {
			t.Fatalf("the server ended: %v, it printed %s", err, printed.String())
		}
		printed.WriteString(line)
		if match := pageLine.FindStringSubmatch(line); match != nil {
			s.url = match[1]
		}
	}
	return s
}

// request sends a request whose line in the access log has length bytes and more.
func (s *separate) request(t *testing.T, client *http.Client, length int) {
	t.Helper()
	res, err := client.Get(s.url + "/v2/models/" + strings.Repeat("x", length))
	if err != nil {
		t.Fatalf("a request is not answered: %v", err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusNotFound {
		t.Fatalf("a request is answered with %s, %v", res.Status, err)
	}
}

// end sends SIGTERM and expects the exit code 0.
func (s *separate) end(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
}

var droppedLines = regexp.MustCompile(`(?m)^tensorwire_log_lines_dropped_total ([1-9]\S*)$`)

// A reader of the log that stops reading blocks no request, and neither the end of the
// server. When it reads again, the log reports the dropped lines.
func TestALogThatNobodyReadsBlocksNoRequest(t *testing.T) {
	s := startSeparate(t, "--models", root+"/models")
	client := newClient(t, false, nil)
	// Three megabytes: more than the pipe and the log writer hold.
	for range 400 {
		s.request(t, client, 8000)
	}
	if text := metrics(t, &process{url: s.url}); !droppedLines.MatchString(text) {
		t.Errorf("the metrics have no dropped lines:\n%s", text)
	}
	found := make(chan bool)
	go func() {
		lines := bufio.NewReader(s.stderr)
		for reported := false; ; {
			line, err := lines.ReadString('\n')
			if !reported && strings.Contains(line, "lines of the log were dropped") {
				reported = true
				found <- true
			}
			if err != nil {
				close(found)
				return
			}
		}
	}()
	if !<-found {
		t.Error("the log does not report the dropped lines")
	}
	s.request(t, client, 1)
	s.end(t)
	<-found
}

func TestTheServerEndsWhileNobodyReadsItsLog(t *testing.T) {
	s := startSeparate(t, "--models", root+"/models")
	client := newClient(t, false, nil)
	for range 50 { // more than the pipe holds
		s.request(t, client, 8000)
	}
	s.end(t)
}

// The reader of a broken pipe is gone: the server continues and ends in order.
func TestTheServerOutlivesTheReadersOfItsOutput(t *testing.T) {
	s := startSeparate(t, "--models", root+"/models")
	if err := errors.Join(s.stdout.Close(), s.stderr.Close()); err != nil {
		t.Fatal(err)
	}
	client := newClient(t, false, nil)
	for range 20 {
		s.request(t, client, 100)
	}
	s.end(t)
}

// An error at the start is in the output before the program ends.
func TestErrorsAtTheStartArePrinted(t *testing.T) {
	var stdout, stderr buffer
	code := run(t.Context(), []string{"serve", "--models", t.TempDir(), "--default-model", "m", "--log-level", "error"}, libraryEnv, nil, &stdout, &stderr)
	if code != exitError || !strings.Contains(stderr.String(), `tensorwire: not found: --default-model is "m"`) {
		t.Errorf("%d: %s", code, stderr.String())
	}
}
