package auth

import (
	"errors"
	"fmt"

	"github.com/tensorwire/tensorwire/internal/base/setting"
)

var (
	// ErrUnauthenticated is the error of each request without a valid credential. It is the
	// same for a missing, an unknown and an expired one, so that it reveals nothing.
	ErrUnauthenticated = fmt.Errorf("authentication is required (%s): send the header field Authorization with Bearer and a valid token", setting.AuthTokens)
	// ErrForbidden marks the error of a client that lacks a permission.
	ErrForbidden = errors.New("permission denied")
	// errAdminAccess is an ErrForbidden of requests without a client.
	errAdminAccess = forbidden("this request administers the server, which is allowed from the server's own machine only, and not through a proxy (%s): call it there, give clients tokens with the action admin (%s), or set %s to all", setting.AdminAccess, setting.AuthTokens, setting.AdminAccess)
	// errNoAdmin is an ErrForbidden where nobody may administer.
	errNoAdmin = forbidden("this request administers the server, which needs a token with the action admin (%s), and the server has no tokens (%s)", setting.AdminAccess, setting.AuthTokens)
)

// forbiddenError is an ErrForbidden. Its text goes to the client unchanged.
type forbiddenError struct{ text string }

func (e *forbiddenError) Error() string        { return e.text }
func (e *forbiddenError) Is(target error) bool { return target == ErrForbidden }

func forbidden(format string, args ...any) error {
	return &forbiddenError{fmt.Sprintf(format, args...)}
}

func forbidServer(c *Client) error {
	return forbidden("client %q may use some models only, and this request is about all: ask for a token with the models *", c.Name)
}

func forbidModel(c *Client, model string) error {
	return forbidden("client %q may not use model %.200q: ask for a token with that model", c.Name, model)
}
