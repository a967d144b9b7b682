package listen_test

import (
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/transport/listen"
)

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1:8080":                       "127.0.0.1:8080",
		":http":                                ":http",
		"[::]:0":                               "[::]:0",
		"0.0.0.0:8443?tls=on":                  "0.0.0.0:8443",
		"0.0.0.0:80?tls=off&proxy-protocol=on": "0.0.0.0:80",
		":1?tls-cert=a%3Fb.pem&tls-key=k.pem":  ":1",
		":1?tls-client-ca=ca&tls-client-auth=optional": ":1",
		"unix:/run/t.sock":           "unix:/run/t.sock",
		"unix:/run/t.sock?mode=0660": "unix:/run/t.sock",
		"unix:relative":              "unix:relative",
		"unix:@abstract":             "unix:@abstract",
		"systemd:":                   "systemd:",
		"systemd:http":               "systemd:http",
		"fd:3":                       "fd:3",
	} {
		a, err := listen.Parse(text)
		if err != nil || a.String() != want {
			t.Errorf("%s: %s, %v", text, a.String(), err)
		}
	}
	a, err := listen.Parse(":1?tls-cert=a%3Fb.pem&tls-key=k.pem&proxy-protocol=on&tls-client-auth=require")
	if err != nil || a.CertFile != "a?b.pem" || a.KeyFile != "k.pem" || !a.ProxyProtocol || a.ClientAuth != "require" || a.TLS != nil {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestAddressesThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "give host:port",
		"8080":                              "give host:port",
		":99999":                            "a port from 0 to 65535",
		"http://x":                          "give host:port",
		"unix:":                             "give the path",
		"unix:@":                            "give the path",
		"unix:/" + strings.Repeat("x", 107): "at most 107 bytes",
		"fd:":                               "from 3 on",
		"fd:2":                              "from 3 on",
		"fd:x":                              "from 3 on",
		":1?mode=0660":                      "is for Unix sockets",
		"unix:@x?mode=0660":                 "is for Unix sockets",
		"unix:/x?mode=8":                    "octal",
		"unix:/x?mode=01777":                "octal",
		"unix:/x?mode=0":                    "octal",
		":1?tls=yes":                        "give on or off",
		":1?tls":                            "give on or off",
		":1?tls=on&tls=off":                 "there 2 times",
		":1?tls=off&tls-cert=x":             "remove one of them",
		":1?tls-key=":                       "path of a PEM file",
		":1?tls-client-auth=maybe":          "give require or optional",
		":1?proxy-protocol=v2":              "give on or off",
		":1?mdoe=1":                         `"mdoe" does not exist: give tls,`,
		":1?tls=%zz":                        "no query",
	} {
		if _, err := listen.Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
