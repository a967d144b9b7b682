package vision

import (
	"errors"
	"fmt"
)

// The sentinels a caller tells refusals apart with, by [errors.Is]. Each is
// about the image that was sent, never about the server.
var (
	// ErrTooLarge: the image, or what it would be resized to, has more pixels
	// than the limit.
	ErrTooLarge = errors.New("image is too large")

	// ErrCorrupt: the data is truncated or malformed.
	ErrCorrupt = errors.New("image data is corrupt")

	// ErrUnsupported: the data is no image format read here, or uses a feature
	// of its format that is not read here.
	ErrUnsupported = errors.New("image is not supported")

	// ErrShape: the image is fine, and does not give the size that the model
	// takes.
	ErrShape = errors.New("image does not fit the model")
)

// refusal is an error whose text is written for the person who sent the image
// and whose kind is one of the sentinels. The sentinel's own text is left out:
// the message says more.
type refusal struct {
	kind error
	text string
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.kind }

func refuse(kind error, format string, args ...any) error {
	return &refusal{kind: kind, text: fmt.Sprintf(format, args...)}
}
