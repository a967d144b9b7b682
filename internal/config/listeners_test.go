package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/transport/listen"
)

func TestListenersAndTheirTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "x.pem")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		change func(c *config.Config)
		says   string // empty: valid
	}{
		"two addresses":              {func(c *config.Config) { c.Listen = []string{":1", "unix:/x?mode=0600"} }, ""},
		"none":                       {func(c *config.Config) { c.Listen = nil }, "--listen is empty: give an address"},
		"one is wrong":               {func(c *config.Config) { c.Listen = []string{":1", "unix:"} }, `--listen is "unix:": give the path`},
		"TLS without a pair":         {func(c *config.Config) { c.Listen = []string{":1?tls=on"} }, "TLS needs a certificate and its key"},
		"half of a pair":             {func(c *config.Config) { c.Listen = []string{":1?tls-cert=" + file} }, "TLS needs a certificate and its key"},
		"a pair of its own":          {func(c *config.Config) { c.Listen = []string{":1?tls-cert=" + file + "&tls-key=" + file} }, ""},
		"a pair that is not":         {func(c *config.Config) { c.Listen = []string{":1?tls-cert=" + file + "&tls-key=/none.pem"} }, "no such file"},
		"self-signed":                {func(c *config.Config) { c.TLSSelfSigned = true; c.Listen = []string{":1", ":2?tls=off"} }, ""},
		"self-signed and files":      {func(c *config.Config) { c.TLSSelfSigned, c.TLSCert, c.TLSKey = true, file, file }, "--tls-self-signed makes a certificate: give it without --tls-cert and --tls-key"},
		"authorities":                {func(c *config.Config) { c.TLSSelfSigned, c.TLSClientCA = true, file }, ""},
		"authorities, no TLS":        {func(c *config.Config) { c.TLSClientCA = file }, "--tls-client-ca is " + file + ": no listener has TLS"},
		"authorities of one, no TLS": {func(c *config.Config) { c.Listen = []string{":1?tls-client-ca=" + file} }, "the listener has no certificate"},
		"authorities that are not":   {func(c *config.Config) { c.TLSSelfSigned, c.TLSClientCA = true, "/none.pem" }, "--tls-client-ca is /none.pem"},
		"client auth":                {func(c *config.Config) { c.TLSClientAuth = "maybe" }, `--tls-client-auth is "maybe": give require or optional`},
		"PROXY without proxies":      {func(c *config.Config) { c.Listen = []string{":1?proxy-protocol=on"} }, "give their addresses with --trusted-proxies"},
		"PROXY on a Unix socket":     {func(c *config.Config) { c.Listen = []string{"unix:/x?proxy-protocol=on"} }, ""},
		"PROXY": {func(c *config.Config) {
			c.Listen, c.TrustedProxies = []string{":1?proxy-protocol=on"}, []string{"10.0.0.0/8"}
		}, ""},
		"negative age": {func(c *config.Config) { c.MaxConnectionAge = -1 }, "--max-connection-age is -1ns: give 0s or more"},
	}
	for name, test := range tests {
		c := config.Default()
		test.change(c)
		err := c.Validate()
		if test.says == "" && err != nil || test.says != "" && (err == nil || !strings.Contains(setting.Text(err, setting.Flag), test.says)) {
			t.Errorf("%s: %v, want %q", name, err, test.says)
		}
	}
}

func TestAListenerReplacesSettingsOfTLS(t *testing.T) {
	t.Parallel()
	c := config.Default()
	c.TLSCert, c.TLSKey, c.TLSClientCA, c.TLSClientAuth = "cert", "key", "ca", "optional"
	shared := config.TLS{Cert: "cert", Key: "key", ClientCA: "ca", ClientOptional: true}
	for text, want := range map[string]*config.TLS{
		":1":                         &shared,
		":1?tls=on":                  &shared,
		":1?tls=off":                 nil,
		":1?tls-client-auth=require": {Cert: "cert", Key: "key", ClientCA: "ca"},
		":1?tls-cert=own&tls-key=k":  {Cert: "own", Key: "k", ClientCA: "ca", ClientOptional: true},
		":1?tls-client-ca=own":       {Cert: "cert", Key: "key", ClientCA: "own", ClientOptional: true},
	} {
		a, err := listen.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got := c.TLSOf(&a)
		if (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
}

func TestListenIsAStringOrAList(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"listen: :1":                    ":1",
		"listen: [\":1\", \"unix:/x\"]": ":1 unix:/x",
		"listen: \":1,:2\"":             ":1 :2",
		"":                              "127.0.0.1:8080",
	} {
		name := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(parse(t, nil, "--config", name).Listen, " "); got != want {
			t.Errorf("%q gives %q, want %q", content, got, want)
		}
	}
	if got := strings.Join(parse(t, map[string]string{"TENSORWIRE_LISTEN": ":1,:2"}).Listen, " "); got != ":1 :2" {
		t.Errorf("the variable gives %q", got)
	}
	if got := strings.Join(parse(t, nil, "--listen", ":1", "--listen", "unix:/x").Listen, " "); got != ":1 unix:/x" {
		t.Errorf("the flags give %q", got)
	}
}
