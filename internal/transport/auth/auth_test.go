package auth_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/transport/auth"
	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
)

func request(remote string, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.RemoteAddr = remote
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

const (
	here  = "127.0.0.1:5000"
	other = "203.0.113.9:5000"
)

func TestAdminAccessWithoutCredentials(t *testing.T) {
	admin, unclassified := permission.Need{Action: permission.Admin}, permission.Need{}
	unix := request("@")
	unix = unix.WithContext(context.WithValue(unix.Context(), http.LocalAddrContextKey, &net.UnixAddr{Name: "/run/s", Net: "unix"}))
	for name, c := range map[string]struct {
		access auth.AdminAccess
		r      *http.Request
		ok     bool
	}{
		"loopback":                     {auth.AdminLoopback, request(here), true},
		"IPv6":                         {auth.AdminLoopback, request("[::1]:5000"), true},
		"IPv4 in IPv6":                 {auth.AdminLoopback, request("[::ffff:127.0.0.1]:5000"), true},
		"a Unix socket":                {auth.AdminLoopback, unix, true},
		"another machine":              {auth.AdminLoopback, request(other), false},
		"no address":                   {auth.AdminLoopback, request(""), false},
		"a proxy":                      {auth.AdminLoopback, request(here, "X-Forwarded-For", "203.0.113.9"), false},
		"a proxy that claims loopback": {auth.AdminLoopback, request(here, "Forwarded", "for=127.0.0.1"), false},
		"a proxy with Via":             {auth.AdminLoopback, request(here, "Via", "1.1 p"), false},
		"all":                          {auth.AdminAll, request(other), true},
		"token":                        {auth.AdminToken, request(here), false},
	} {
		t.Run(name, func(t *testing.T) {
			policy := &auth.Policy{Admin: c.access}
			for _, need := range []permission.Need{admin, unclassified} {
				_, err := policy.Authorize(c.r, need)
				if (err == nil) != c.ok || err != nil && !errors.Is(err, permission.ErrForbidden) {
					t.Errorf("%v: %v", need.Action, err)
				}
				if err != nil && !strings.Contains(err.Error(), "auth-tokens") {
					t.Errorf("the text does not say what to do: %v", err)
				}
			}
			if _, err := policy.Authorize(c.r, permission.Need{Action: permission.Infer}); err != nil {
				t.Errorf("inference needs no credential: %v", err)
			}
		})
	}
}

func FuzzBearer(f *testing.F) {
	for _, seed := range []string{"Bearer abc", "bearer  a==", "Bearer", "Basic abc", "Bearer a b", "Bearer \x00", "Bearer " + strings.Repeat("a", 9000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		token, present, ok := auth.Bearer(http.Header{"Authorization": {value}})
		if !present {
			t.Error("a field is not present")
		}
		if ok && (token == "" || !strings.HasSuffix(value, token) || strings.ContainsAny(token, " \t\r\n,\"\x00")) {
			t.Errorf("%q of %q", token, value)
		}
		if _, _, ok := auth.Bearer(http.Header{"Authorization": {value, value}}); ok {
			t.Error("two credentials are accepted")
		}
	})
}
