package tokenfile_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
	"github.com/tensorwire/tensorwire/internal/transport/auth/tokenfile"
)

func entry(name, token string) tokenfile.Entry {
	return tokenfile.Entry{Name: name, SHA256: tokenfile.DigestOf(token).String(), Models: []string{"*"}, Actions: []string{"infer"}}
}

func content(t *testing.T, entries ...tokenfile.Entry) []byte {
	t.Helper()
	text := []byte("tokens:\n")
	for i := range entries {
		lines, err := entries[i].Lines()
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, lines...)
	}
	return text
}

func authenticate(s *tokenfile.Store, field string) (*permission.Client, error) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	if field != "" {
		r.Header.Set("Authorization", field)
	}
	return s.Authenticate(r.Context(), r)
}

func TestFilesWithErrors(t *testing.T) {
	good := entry("a", "t")
	digest := good.SHA256
	for text, want := range map[string]string{
		"tokens: [{name: a, sha256: " + digest + ", models: [x], actions: [infer], expire: x}]": "expire",
		"tokens: [{sha256: " + digest + ", models: [x], actions: [infer]}]":                     "name has 0 bytes",
		"tokens: [{name: a b, sha256: " + digest + ", models: [x], actions: [infer]}]":          "without spaces",
		"tokens: [{name: a, sha256: abc, models: [x], actions: [infer]}]":                       "sha256 has 3 characters",
		"tokens: [{name: a, sha256: " + digest + ", actions: [infer]}]":                         "models is empty",
		"tokens: [{name: a, sha256: " + digest + ", models: [x]}]":                              "actions is empty",
		"tokens: [{name: a, sha256: " + digest + ", models: ['[x'], actions: [infer]}]":         `model "[x"`,
		"tokens: [{name: a, sha256: " + digest + ", models: [x], actions: [root]}]":             "give infer, read or admin",
		"tokens: []\n---\ntokens: []":                                                           "more than one YAML document",
		string(content(t, good, entry("a", "u"))):                                               `another with the name "a"`,
		string(content(t, good, entry("b", "t"))):                                               `it has the sha256 of "a"`,
		"tokens:\n# " + strings.Repeat("x", 1<<20):                                              "more than 1048576 bytes",
		"tokens: [{name: a, expires: not a date}]\n":                                            "not a date",
	} {
		if _, err := tokenfile.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: %v, want %s", text, err, want)
		}
	}
}

// The same error for each credential that is not valid.
func TestAuthenticate(t *testing.T) {
	expired := entry("old", "old-token")
	expired.Expires = time.Now().Add(-time.Second)
	name := filepath.Join(t.TempDir(), "tokens.yaml")
	if err := os.WriteFile(name, content(t, entry("a", "good-token"), expired), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := tokenfile.Open(name, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if c, err := authenticate(s, "bearer good-token"); err != nil || c.Name != "a" {
		t.Errorf("%v, %v", c, err)
	}
	if c, err := authenticate(s, ""); c != nil || err != nil {
		t.Errorf("no credential: %v, %v", c, err)
	}
	for _, field := range []string{"Bearer bad-token", "Bearer old-token", "Bearer", "Basic good-token", "Bearer good-token x", "good-token", "Bearer " + tokenfile.DigestOf("good-token").String()} {
		if c, err := authenticate(s, field); c != nil || err != permission.ErrUnauthenticated { //nolint:errorlint // the very error, so that nothing differs
			t.Errorf("%s: %v, %v", field, c, err)
		}
	}
}

func TestNewTokensDiffer(t *testing.T) {
	a, b := tokenfile.New(), tokenfile.New()
	if a == b || len(a) != 46 || !strings.HasPrefix(a, "tw_") {
		t.Errorf("%s and %s", a, b)
	}
}

func TestOpenReportsTheSetting(t *testing.T) {
	if _, err := tokenfile.Open(filepath.Join(t.TempDir(), "none"), slog.New(slog.DiscardHandler)); err == nil || !strings.HasPrefix(err.Error(), "auth-tokens") {
		t.Error(err)
	}
}

// lines is a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

// Kubernetes replaces the link ..data, to which the names in a mounted Secret lead.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	swap := func(version string, text []byte) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, version, "tokens.yaml"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(version, filepath.Join(dir, "..tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(dir, "tokens.yaml")
	swap("1", content(t, entry("a", "a"), entry("b", "b")))
	if err := os.Symlink("..data/tokens.yaml", name); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		log := &lines{}
		s, err := tokenfile.Open(name, slog.New(slog.NewTextHandler(log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		go s.Watch(t.Context())
		a, _ := authenticate(s, "Bearer a")
		b, _ := authenticate(s, "Bearer b")

		swap("2", content(t, entry("a", "a"), entry("c", "c")))
		time.Sleep(2 * time.Second)
		if kept, err := authenticate(s, "Bearer a"); err != nil || kept != a || !a.Valid() {
			t.Errorf("a client that has not changed: %v, %v", kept, err)
		}
		if _, err := authenticate(s, "Bearer b"); !errors.Is(err, permission.ErrUnauthenticated) || b.Valid() {
			t.Errorf("a removed client: %v, valid %v", err, b.Valid())
		}
		if _, err := authenticate(s, "Bearer c"); err != nil {
			t.Errorf("a new client: %v", err)
		}

		swap("3", []byte("tokens: [{name: broken"))
		time.Sleep(5 * time.Second)
		if _, err := authenticate(s, "Bearer c"); err != nil {
			t.Errorf("a broken file ends clients: %v", err)
		}
		if n := log.count("tokens are not reloaded"); n != 1 {
			t.Errorf("%d lines about the broken file", n)
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if _, err := authenticate(s, "Bearer c"); err != nil {
			t.Errorf("a missing file ends clients: %v", err)
		}
	})
}

// Requests authenticate while the file changes.
func TestReloadUnderLoad(t *testing.T) {
	name := filepath.Join(t.TempDir(), "tokens.yaml")
	write := func(i int) {
		if err := os.WriteFile(name+".new", content(t, entry("a", "a"), entry(fmt.Sprint("b", i), fmt.Sprint("b", i))), 0o600); err != nil {
			t.Error(err)
		}
		if err := os.Rename(name+".new", name); err != nil {
			t.Error(err)
		}
	}
	write(0)
	synctest.Test(t, func(t *testing.T) {
		s, err := tokenfile.Open(name, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		go s.Watch(t.Context())
		var callers sync.WaitGroup
		for range 4 {
			callers.Go(func() {
				for range 2000 {
					if _, err := authenticate(s, "Bearer a"); err != nil {
						t.Error(err)
					}
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
		for i := range 15 {
			write(i)
			time.Sleep(time.Second)
		}
		callers.Wait()
		if _, err := authenticate(s, "Bearer b14"); err != nil {
			t.Error(err)
		}
	})
}

func TestAddKeepsTheFile(t *testing.T) {
	for name, before := range map[string]string{
		"no file":        "-",
		"an empty file":  "",
		"an empty list":  "tokens: []\n",
		"no list":        "tokens:\n",
		"an entry":       "# ours\n" + string(content(t, entry("first", "first"))),
		"no last line":   strings.TrimSuffix(string(content(t, entry("first", "first"))), "\n"),
		"an indentation": "tokens:\n  - name: first\n    sha256: " + tokenfile.DigestOf("first").String() + "\n    models: ['*']\n    actions: [read]\n",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "tokens.yaml")
			if before != "-" {
				if err := os.WriteFile(file, []byte(before), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			for _, added := range []string{"x", "y"} {
				e := entry(added, added)
				if err := tokenfile.Add(file, &e); err != nil {
					t.Fatal(err)
				}
			}
			entries, err := tokenfile.Read(file)
			if err != nil || entries[len(entries)-1].Name != "y" || strings.Contains(before, "first") && (entries[0].Name != "first" || len(entries) != 3) {
				t.Errorf("%v, %v", entries, err)
			}
			text, err := os.ReadFile(file)
			if err != nil || strings.Contains(before, "# ours") && !strings.Contains(string(text), "# ours") {
				t.Errorf("%s, %v", text, err)
			}
			duplicate := entry("x", "z")
			if err := tokenfile.Add(file, &duplicate); err == nil {
				t.Error("a second entry of that name is added")
			}
		})
	}
}

func FuzzTokenFile(f *testing.F) {
	f.Add("tokens: [{name: a, sha256: " + tokenfile.DigestOf("a").String() + ", models: [x], actions: [infer], expires: 2030-01-01T00:00:00Z}]")
	f.Add("tokens:\n- name: a\n")
	f.Add("a: &a [*a]")
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := tokenfile.Parse([]byte(text))
		if err != nil {
			return
		}
		for i := range entries {
			if _, err := entries[i].Lines(); err != nil {
				t.Errorf("a valid entry is not valid: %v", err)
			}
		}
	})
}
