package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// modelServer serves the sample model at /model.onnx and a page at /page. The first cuts
// downloads end after half of the model.
func modelServer(t *testing.T, cuts int) (url string, model []byte) {
	t.Helper()
	model, err := os.ReadFile(filepath.Join(root, "models", "digits", "1", "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/model.onnx", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"one"`)
		if cuts > 0 {
			cuts--
			_, _ = w.Write(model[:len(model)/2])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(model))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/page" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte("<!DOCTYPE html><title>Models</title>"))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL, model
}

// command runs the program and returns its output.
func command(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, err buffer
	code = run(ctx, args, libraryEnv, nil, &out, &err)
	return code, out.String(), err.String()
}

// TestAPulledModelIsServed pulls the sample model over a connection that breaks, and
// serves it.
func TestAPulledModelIsServed(t *testing.T) {
	url, model := modelServer(t, 1)
	dir := t.TempDir()
	sum := sha256.Sum256(model)
	args := []string{"models", "pull", "--models", dir, url + "/model.onnx", "--name", "digits", "--sha256", hex.EncodeToString(sum[:])}
	code, stdout, stderr := command(t.Context(), args...)
	path := filepath.Join(dir, "digits", "1", "model.onnx")
	if code != exitOK || stdout != path+"\n" || !strings.Contains(stderr, "connection lost") || !strings.Contains(stderr, "100 %") {
		t.Fatalf("code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if found, err := os.ReadFile(path); err != nil || !bytes.Equal(found, model) {
		t.Errorf("the model has %d bytes, %v", len(found), err)
	}
	code, stdout, stderr = command(t.Context(), args...)
	if code != exitOK || stdout != path+"\n" || !strings.Contains(stderr, "already") {
		t.Errorf("the second time: code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if p := start(t, "--models", dir); !strings.Contains(p.out.String(), "serves 1 of 1 models") {
		t.Errorf("the server prints %s", p.out)
	}
}

func TestAnInterruptedPullResumes(t *testing.T) {
	url, model := modelServer(t, 1)
	dir := t.TempDir()
	args := []string{"models", "pull", url + "/model.onnx", "--name", "digits", "--models", dir}
	ctx, stop := context.WithCancel(t.Context())
	var stdout, stderr buffer
	exited := make(chan int, 1)
	go func() { exited <- run(ctx, args, libraryEnv, nil, &stdout, &stderr) }()
	for !strings.Contains(stderr.String(), "retrying in") {
		select {
		case code := <-exited:
			t.Fatalf("ended with %d: %s", code, stderr.String())
		case <-time.After(time.Millisecond):
		}
	}
	stop()
	if code := <-exited; code != exitError || stdout.String() != "" || !strings.Contains(stderr.String(), "repeat the pull to resume") {
		t.Errorf("code %d, stdout %q, stderr %q", code, stdout.String(), stderr.String())
	}
	code, out, errors := command(t.Context(), args...)
	sum := sha256.Sum256(model)
	if code != exitOK || out == "" || !strings.Contains(errors, "resuming after") || !strings.Contains(errors, "warning") || !strings.Contains(errors, "--sha256 "+hex.EncodeToString(sum[:])) {
		t.Errorf("code %d, stdout %q, stderr %q", code, out, errors)
	}
}

func TestPullsThatFail(t *testing.T) {
	url, _ := modelServer(t, 0)
	dir := t.TempDir()
	digest := strings.Repeat("0", 64)
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no subcommand":     {[]string{"models"}, exitUsage, "pull"},
		"wrong subcommand":  {[]string{"models", "push"}, exitUsage, `"push"`},
		"no URL":            {[]string{"models", "pull", "--name", "cats"}, exitUsage, "URL is missing"},
		"two URLs":          {[]string{"models", "pull", url, "--name", "cats", url}, exitUsage, "one URL"},
		"no name":           {[]string{"models", "pull", url}, exitUsage, "--name is missing"},
		"name with a slash": {[]string{"models", "pull", url, "--name", "../cats"}, exitUsage, `--name is "../cats"`},
		"no such flag":      {[]string{"models", "pull", url, "--nome", "cats"}, exitUsage, "nome"},
		"flag after --":     {[]string{"models", "pull", "--name", "cats", "--", url, "--version"}, exitUsage, "one URL"},
		"empty digest":      {[]string{"models", "pull", url, "--name", "cats", "--sha256", ""}, exitUsage, "--sha256 is empty"},
		"short digest":      {[]string{"models", "pull", url, "--name", "cats", "--sha256=abc"}, exitUsage, `--sha256 is "abc"`},
		"version 0":         {[]string{"models", "pull", url, "--name", "cats", "--version", "0"}, exitUsage, "--version is 0"},
		"version -1":        {[]string{"models", "pull", url, "--name", "cats", "--version=-1"}, exitUsage, "--version is -1"},
		"size -1":           {[]string{"models", "pull", url, "--name", "cats", "--max-bytes=-1"}, exitUsage, "--max-bytes is "},
		"stall timeout -1s": {[]string{"models", "pull", url, "--name", "cats", "--stall-timeout=-1s"}, exitUsage, "--stall-timeout is -1s"},
		"no directory":      {[]string{"models", "pull", url, "--name", "cats", "--models", filepath.Join(dir, "none")}, exitError, `none" does not exist: create it, or set --models to another`},
		"404":               {[]string{"models", "pull", url + "/none", "--name", "cats", "--models", dir}, exitError, "404"},
		"a page":            {[]string{"models", "pull", url + "/page", "--name", "cats", "--models", dir}, exitError, "it is a web page (HTML): download the file itself"},
		"another digest":    {[]string{"models", "pull", url + "/model.onnx", "--name", "cats", "--models", dir, "--sha256", digest}, exitError, digest},
		"too large":         {[]string{"models", "pull", url + "/model.onnx", "--name", "cats", "--models", dir, "--max-bytes", "1000"}, exitError, "raise --max-bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := command(t.Context(), c.args...)
			if code != c.code || stdout != "" || !strings.Contains(stderr, c.says) {
				t.Errorf("code %d, stdout %q, stderr %q; want code %d and %q", code, stdout, stderr, c.code, c.says)
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
				t.Errorf("the repository holds %v, %v", entries, err)
			}
		})
	}
}

func TestHelpOfModels(t *testing.T) {
	for _, test := range []struct {
		says string
		args []string
	}{
		{"tensorwire models pull", []string{"models", "--help"}},
		{"tensorwire models pull", []string{"models", "help"}},
		{"tensorwire models pull", []string{"models", "help", "pull"}},
		{"--stall-timeout", []string{"models", "pull", "https://host/model.onnx", "--help"}},
	} {
		if code, stdout, stderr := command(t.Context(), test.args...); code != exitOK || !strings.Contains(stdout, test.says) || stderr != "" {
			t.Errorf("%q: code %d, stdout %q, stderr %q", test.args, code, stdout, stderr)
		}
	}
}

// TestPullFollowsTheServersDirectory: TENSORWIRE_MODELS is the directory of the server
// and of pull.
func TestPullFollowsTheServersDirectory(t *testing.T) {
	url, _ := modelServer(t, 0)
	dir := t.TempDir()
	env := func(name string) string { return map[string]string{"TENSORWIRE_MODELS": dir}[name] }
	var stdout, stderr buffer
	if code := run(t.Context(), []string{"models", "pull", "--name", "digits", "--version", "3", url + "/model.onnx"}, env, nil, &stdout, &stderr); code != exitOK {
		t.Fatalf("code %d: %s", code, stderr.String())
	}
	if _, err := os.Stat(filepath.Join(dir, "digits", "3", "model.onnx")); err != nil {
		t.Error(err)
	}
	// A version that exists is not replaced.
	code, _, text := command(t.Context(), "models", "pull", "--models", dir, "--name", "digits", "--version", "3", url+"/model.onnx")
	if code != exitError || !strings.Contains(text, "use --version 4, or remove it") {
		t.Errorf("the second time: code %d: %s", code, text)
	}
}
