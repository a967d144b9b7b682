package interop_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// proxy is a program in front of the server.
type proxy struct {
	// config is its configuration: %[1]s is the address to listen on, %[2]s the server's, and
	// %[3]s a directory for its files. grpc is the address of a listener for h2c, %[4]s.
	file, config string
	command      []string // %s is the file
}

var proxies = map[string]proxy{
	"nginx": {"nginx.conf", `
		daemon off; pid %[3]s/nginx.pid; error_log stderr; worker_processes 1;
		events {}
		http {
			access_log off; client_max_body_size 64m; client_body_buffer_size 64m; client_body_temp_path %[3]s/body; proxy_temp_path %[3]s/proxy;
			fastcgi_temp_path %[3]s/f; uwsgi_temp_path %[3]s/u; scgi_temp_path %[3]s/s;
			server {
				listen %[1]s;
				location / { proxy_pass http://%[2]s; }
			}
			server {
				listen %[4]s http2;
				location / { grpc_pass grpc://%[2]s; }
			}
		}`, []string{"nginx", "-c", "%s"}},
	"haproxy": {"haproxy.cfg", `
defaults
	mode http
	timeout connect 5s
	timeout client 30s
	timeout server 30s
frontend web
	bind %[1]s
	option forwardfor
	default_backend models
backend models
	server tensorwire %[2]s
frontend grpc
	bind %[4]s proto h2
	default_backend grpc
backend grpc
	server tensorwire %[2]s proto h2
# %[3]s
`, []string{"haproxy", "-db", "-f", "%s"}},
	"caddy": {"Caddyfile", `{
	admin off
	auto_https off
	storage file_system %[3]s
	servers {
		protocols h1 h2c
	}
}
http://%[1]s {
	bind 127.0.0.1
	reverse_proxy %[2]s
}
http://%[4]s {
	bind 127.0.0.1
	reverse_proxy h2c://%[2]s
}
`, []string{"caddy", "run", "--config", "%s", "--adapter", "caddyfile"}},
}

// TestProxies calls the server through reverse proxies with the configuration of their manuals:
// as a browser's page, with a large image, and by gRPC.
func TestProxies(t *testing.T) {
	if os.Getenv(enable) == "" {
		t.Skip("needs the proxies of make interop: run make interop")
	}
	repository := writeRepository(t)
	for name, p := range proxies {
		t.Run(name, func(t *testing.T) {
			web, grpc := freeAddress(t), freeAddress(t)
			server := serve(t, "--models", repository, "--model-control", "explicit", "--load-model", "digits",
				"--public-origin", "http://"+web, "--trusted-proxies", "127.0.0.1")
			p.start(t, web, server, grpc)
			t.Run("page", func(t *testing.T) {
				status, text := through(t, http.MethodGet, web, "/", "", nil)
				if status != http.StatusOK || !strings.Contains(text, "<html") {
					t.Errorf("%d %.200s", status, text)
				}
			})
			t.Run("prediction", func(t *testing.T) {
				status, text := through(t, http.MethodPost, web, "/modelserving.Predictor/Predict", `{"tensorData":[`+strings.TrimSuffix(strings.Repeat("0.5,", 784), ",")+`]}`,
					map[string]string{"Content-Type": "application/json", "Origin": "http://" + web})
				if status != http.StatusOK || !strings.Contains(text, `"predictions"`) {
					t.Errorf("%d %.200s", status, text)
				}
			})
			t.Run("foreign page", func(t *testing.T) {
				status, text := through(t, http.MethodPost, web, "/modelserving.Predictor/Predict", "{}",
					map[string]string{"Content-Type": "application/json", "Origin": "https://evil.example"})
				if status != http.StatusForbidden || !strings.Contains(text, "may not call this server") {
					t.Errorf("%d %.200s", status, text)
				}
			})
			t.Run("large", func(t *testing.T) {
				status, text := through(t, http.MethodPost, web, "/v2/models/digits/infer", strings.Repeat("x", 20<<20), map[string]string{"Content-Type": "image/png"})
				if status != http.StatusBadRequest || !strings.Contains(text, "error") {
					t.Errorf("%d %.200s", status, text)
				}
			})
			t.Run("gRPC", func(t *testing.T) {
				grpcurl := filepath.Join(root, "build/tools/grpcurl")
				if printed := run(t, nil, grpcurl, "-plaintext", "-d", `{"name":"digits"}`, grpc, "inference.GRPCInferenceService/ModelReady"); !strings.Contains(printed, `"ready": true`) {
					t.Errorf("%s", printed)
				}
				// The text of an error fits into the header of each proxy.
				name := strings.Repeat("ü", 3000)
				if printed := fails(t, grpcurl, "-plaintext", "-d", `{"name":"`+name+`"}`, grpc, "inference.GRPCInferenceService/ModelMetadata"); !strings.Contains(printed, "NotFound") {
					t.Errorf("%.300s", printed)
				}
			})
		})
	}
}

// start starts the proxy and waits until it listens.
func (p proxy) start(t *testing.T, web, server, grpc string) {
	t.Helper()
	if _, err := exec.LookPath(p.command[0]); err != nil {
		t.Skipf("%s is not installed: make setup-interop installs it", p.command[0])
	}
	dir := t.TempDir()
	file := filepath.Join(dir, p.file)
	if err := os.WriteFile(file, fmt.Appendf(nil, p.config, web, server, dir, grpc), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	args := make([]string, 0, len(p.command)-1)
	for _, arg := range p.command[1:] {
		args = append(args, strings.ReplaceAll(arg, "%s", file))
	}
	log := &lockedBuilder{}
	cmd := exec.CommandContext(ctx, p.command[0], args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it ends by the signal
		if t.Failed() {
			t.Logf("the proxy's log:\n%s", log)
		}
	})
	for deadline := time.Now().Add(clientTimeout); ; time.Sleep(50 * time.Millisecond) {
		if listens(web) && listens(grpc) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen:\n%s", p.command[0], log)
		}
	}
}

func listens(address string) bool {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// freeAddress returns an address that a program may listen on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// through sends a request to a proxy.
func through(t *testing.T, method, address, path, body string, header map[string]string) (status int, text string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for field, value := range header {
		request.Header.Set(field, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}
