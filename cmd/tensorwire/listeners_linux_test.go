package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/test/digitstest"
	"github.com/tensorwire/tensorwire/internal/transport/certs/certstest"
)

var fingerprintInLog = regexp.MustCompile(`fingerprint=([0-9a-f]{64})`)

func TestServeListensOnSeveralAddresses(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	p := start(t, "--models", root+"/models", "--tls-self-signed", "--listen", "unix:"+socket+"?tls=off&mode=0600")
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has %v, %v", info.Mode(), err)
	}
	over, err := tls.Dial("tcp", strings.TrimPrefix(p.url, "https://"), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}) //nolint:gosec // its fingerprint is compared
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(over.ConnectionState().PeerCertificates[0].Raw)
	_ = over.Close()
	if logged := fingerprintInLog.FindStringSubmatch(p.out.String()); logged == nil || logged[1] != hex.EncodeToString(sum[:]) {
		t.Errorf("the certificate is %x, the log is %s", sum, p.out)
	}
	if text := p.out.String(); !strings.Contains(text, "-k --pinnedpubkey 'sha256//") {
		t.Errorf("the example call does not pin the certificate: %s", text)
	}
	for _, h2 := range []bool{false, true} {
		tr := &http.Transport{Protocols: new(http.Protocols), DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}}
		tr.Protocols.SetHTTP1(!h2)
		tr.Protocols.SetUnencryptedHTTP2(h2)
		defer tr.CloseIdleConnections()
		response, err := client(&http.Client{Transport: tr}, "http://localhost").FastPredict(t.Context(), &modelserving.FastInferenceRequest{RawImage: digitstest.Load(t, root, 7).PNG(t, 0)})
		if err != nil || len(response.GetClassifications()) == 0 {
			t.Errorf("HTTP/2 %t: %v, %v", h2, response, err)
		}
	}
	p.end(t)
	if _, err := os.Lstat(socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// All addresses are bound, or none, before a model loads.
func TestAnAddressThatCannotBeBoundEndsTheStart(t *testing.T) {
	dir := t.TempDir()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for address, says := range map[string]string{
		taken.Addr().String(): "is in use by another program: stop it, or set another address with --listen",
		"unix:" + file:        "is no socket: remove it, or give another path",
		"systemd:":            "systemd has passed no sockets",
		"fd:99":               "descriptor 99 is no socket that listens",
	} {
		var out bytes.Buffer
		first := filepath.Join(dir, "first")
		args := []string{"serve", "--models", root + "/models", "--isolation", "off", "--listen", "unix:" + first, "--listen", address}
		if code := run(t.Context(), args, libraryEnv, nil, io.Discard, &out); code != exitError || !strings.Contains(out.String(), says) {
			t.Errorf("%s: code %d, %s", address, code, out.String())
		}
		if strings.Contains(out.String(), "model=") {
			t.Errorf("%s: models were loaded: %s", address, out.String())
		}
		if _, err := os.Lstat(first); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the first socket is still there: %v", address, err)
		}
	}
}

func TestTheMetricsHaveTheExpiryOfTheCertificate(t *testing.T) {
	dir := t.TempDir()
	authority := certstest.NewAuthority(t, "authority")
	pair := authority.Issue("server", 48*time.Hour)
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certstest.Write(t, cert, pair.Cert)
	certstest.Write(t, key, pair.Key)
	p := start(t, "--models", root+"/models", "--isolation", "off", "--tls-cert", cert, "--tls-key", key)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := newClient(t, false, authority.Pool()).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^tensorwire_tls_certificate_expiry_timestamp_seconds 1\.\d+e\+09$`).Match(text) || !strings.Contains(string(text), "\ntensorwire_tls_certificates_failing 0\n") {
		t.Errorf("the metrics are %s", text)
	}
}
