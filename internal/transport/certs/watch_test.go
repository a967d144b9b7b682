package certs_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/transport/certs"
	"github.com/tensorwire/tensorwire/internal/transport/certs/certstest"
)

// lines are the log. The bubble's clock orders its reads and writes, which the race detector does
// not know.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// watched is a Store that follows files in a bubble of synctest.
type watched struct {
	*certs.Store
	t         *testing.T
	authority *certstest.Authority
	dir       string
	log       lines
}

func (w *watched) path(name string) string { return filepath.Join(w.dir, name) }

func (w *watched) write(pair certstest.Pair) {
	w.t.Helper()
	certstest.Write(w.t, w.path("tls.crt"), pair.Cert)
	certstest.Write(w.t, w.path("tls.key"), pair.Key)
}

// looks lets the store look at its files that often.
func (w *watched) looks(n int) {
	time.Sleep(time.Duration(n) * 5 * time.Second)
	synctest.Wait()
}

func watch(t *testing.T, do func(w *watched)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Second) // the looks are between the changes
		w := &watched{t: t, authority: certstest.NewAuthority(t, "authority"), dir: dir}
		w.write(w.authority.Issue("first", time.Hour))
		certstest.Write(t, w.path("ca.crt"), w.authority.PEM())
		store, err := certs.Open(certs.Options{
			CertFile: w.path("tls.crt"), KeyFile: w.path("tls.key"), ClientCAFile: w.path("ca.crt"),
			Logger: slog.New(slog.NewTextHandler(&w.log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		w.Store = store
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go store.Watch(ctx)
		do(w)
	})
}

func TestRenewedCertificatesAreLoaded(t *testing.T) {
	watch(t, func(w *watched) {
		before, expires := w.Fingerprint(), w.NotAfter()
		w.looks(3)
		if w.Fingerprint() != before || w.log.String() != "" {
			t.Errorf("files that did not change: %s", w.log.String())
		}
		w.write(w.authority.Issue("second", 2*time.Hour))
		w.looks(1)
		if w.Fingerprint() == before || !w.NotAfter().After(expires) || w.Failing() {
			t.Errorf("the certificate is still the first: %s", w.log.String())
		}
	})
}

// Kubernetes replaces a link to a directory. A file of a volume is a link through it.
func TestLinksToOtherDirectoriesAreFollowed(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		authority := certstest.NewAuthority(t, "authority")
		for _, version := range []string{"1", "2"} {
			if err := os.Mkdir(filepath.Join(dir, version), 0o755); err != nil {
				t.Fatal(err)
			}
			pair := authority.Issue(version, time.Hour)
			certstest.Write(t, filepath.Join(dir, version, "tls.crt"), pair.Cert)
			certstest.Write(t, filepath.Join(dir, version, "tls.key"), pair.Key)
		}
		for link, target := range map[string]string{"..data": "1", "tls.crt": "..data/tls.crt", "tls.key": "..data/tls.key", "..next": "2"} {
			if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
				t.Fatal(err)
			}
		}
		store, err := certs.Open(certs.Options{CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key"), Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		before := store.Fingerprint()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go store.Watch(ctx)
		if err := os.Rename(filepath.Join(dir, "..next"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Second)
		synctest.Wait()
		if store.Fingerprint() == before {
			t.Error("the certificate is still the first")
		}
	})
}

func TestFilesThatCannotBeLoadedKeepTheCertificate(t *testing.T) {
	tests := map[string]struct {
		damage func(w *watched)
		reason string
	}{
		"a key of another certificate": {func(w *watched) {
			certstest.Write(t, w.path("tls.key"), w.authority.Issue("x", time.Hour).Key)
		}, "private key does not match"},
		"a certificate without its key": {func(w *watched) {
			certstest.Write(t, w.path("tls.crt"), w.authority.Issue("x", time.Hour).Cert)
		}, "private key does not match"},
		"half a file": {func(w *watched) {
			certstest.Write(t, w.path("tls.crt"), w.authority.Issue("x", time.Hour).Cert[:99])
		}, "tls-cert"},
		"an empty file":           {func(w *watched) { certstest.Write(t, w.path("tls.key"), nil) }, "tls-key"},
		"a file that is too long": {func(w *watched) { certstest.Write(t, w.path("tls.key"), make([]byte, 1<<20+1)) }, "maximum"},
		"a file that is gone":     {func(w *watched) { _ = os.Remove(w.path("tls.crt")) }, "no such file"},
		"no authority":            {func(w *watched) { certstest.Write(t, w.path("ca.crt"), []byte("none")) }, "found no certificate"},
		"half an authority": {func(w *watched) {
			content := w.authority.PEM()
			certstest.Write(t, w.path("ca.crt"), append(content, content[:99]...))
		}, "incomplete"},
		"an expired certificate": {func(w *watched) { w.write(w.authority.Issue("x", -time.Minute)) }, "expired"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			watch(t, func(w *watched) {
				before := w.Fingerprint()
				test.damage(w)
				w.looks(1)
				if w.log.String() != "" || w.Failing() {
					t.Errorf("reported at the first look, when a file may be missing: %s", w.log.String())
				}
				w.looks(5)
				if w.Fingerprint() != before || !w.Failing() {
					t.Error("the certificate is not the first any more, or is not failing")
				}
				if text := w.log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, test.reason) {
					t.Errorf("the log is %q, want one line with %q", text, test.reason)
				}
				w.write(w.authority.Issue("good", time.Hour))
				certstest.Write(t, w.path("ca.crt"), w.authority.PEM())
				w.looks(1)
				if w.Fingerprint() == before || w.Failing() {
					t.Error("a good pair is not loaded afterwards")
				}
			})
		})
	}
}
