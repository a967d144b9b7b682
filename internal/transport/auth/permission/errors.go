package permission

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
)

// forbiddenError is an ErrForbidden. Its text goes to the client unchanged.
type forbiddenError struct{ text string }

func (e *forbiddenError) Error() string        { return e.text }
func (e *forbiddenError) Is(target error) bool { return target == ErrForbidden }

// Forbidden returns an ErrForbidden with a text for the client.
func Forbidden(format string, args ...any) error {
	return &forbiddenError{fmt.Sprintf(format, args...)}
}

func forbidServer(c *Client) error {
	return Forbidden("client %q may use some models only, and this request is about all: ask for a token with the models *", c.Name)
}

func forbidModel(c *Client, model string) error {
	return Forbidden("client %q may not use model %.200q: ask for a token with that model", c.Name, model)
}
