package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// runToken runs the command and returns its exit code and its output.
func runToken(t *testing.T, args ...string) (int, string) {
	t.Helper()
	out := &buffer{}
	code := run(t.Context(), args, libraryEnv, strings.NewReader(""), out, out)
	return code, out.String()
}

// A token that the command creates is accepted, and one that it did not is not.
func TestTokensOfTheCommandAreAccepted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens.yaml")
	code, token := runToken(t, "token", "new", "--name", "ci", "--actions", "read", "--expires", "1h", "--file", file)
	if code != exitOK {
		t.Fatal(token)
	}
	token = strings.TrimSpace(token)
	text, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(text), token) {
		t.Fatalf("%s, %v", text, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	p := start(t, "--models", t.TempDir(), "--auth-tokens", file)
	for credential, want := range map[string]int{"": http.StatusUnauthorized, "Bearer tw_x": http.StatusUnauthorized, "Bearer " + token: http.StatusOK} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		if credential != "" {
			req.Header.Set("Authorization", credential)
		}
		res, err := newClient(t, false, nil).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		if res.Body.Close(); res.StatusCode != want {
			t.Errorf("%q: %s %s", credential, res.Status, body)
		}
	}
	if code, list := runToken(t, "token", "list", "--auth-tokens", file); code != exitOK || !strings.Contains(list, "ci ") || !strings.Contains(list, "read ") || strings.Contains(list, token) {
		t.Errorf("%d: %s", code, list)
	}
}

func TestTokenCommandErrors(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(broken, []byte("tokens: [{name: a}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]struct {
		code int
		text string
	}{
		"token":                                    {exitUsage, "give one of list, new"},
		"token new":                                {exitUsage, "name has 0 bytes"},
		"token new --name a b":                     {exitUsage, `token new has no arguments, found "b"`},
		"token new --name a --actions root":        {exitUsage, "give infer, read or admin"},
		"token new --name a --expires -1h":         {exitUsage, "--expires is -1h"},
		"token new --name a --models [":            {exitUsage, `model "["`},
		"token new --name a --file " + broken:      {exitError, "sha256 has 0 characters"},
		"token new --name a --file /none/t.yaml":   {exitError, "/none/t.yaml"},
		"token list":                               {exitUsage, "--auth-tokens is not set"},
		"token list --auth-tokens " + broken:       {exitError, "sha256 has 0 characters"},
		"serve --auth-tokens /none":                {exitError, "--auth-tokens"},
		"serve --admin-access nobody":              {exitUsage, "give loopback, all or token"},
		"serve --admin-access all --auth-tokens x": {exitUsage, "give token or loopback"},
		"serve --client-rate -1":                   {exitUsage, "--client-rate is -1"},
	} {
		args := strings.Fields(args)
		if args[0] == "serve" {
			args = append(args, "--models", t.TempDir(), "--listen", "127.0.0.1:0")
		}
		if code, text := runToken(t, args...); code != want.code || !strings.Contains(text, want.text) {
			t.Errorf("%v: %d %s", args, code, text)
		}
	}
}
