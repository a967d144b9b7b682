package vision

import (
	"errors"
	"fmt"
)

// The kinds of errors, for [errors.Is]. Each is caused by the image that was sent,
// never by the server.
var (
	// ErrTooLarge: the image, or what it would be resized to, has more pixels
	// than the limit.
	ErrTooLarge = errors.New("image is too large")

	// ErrCorrupt: the data is truncated or malformed.
	ErrCorrupt = errors.New("image data is corrupt")

	// ErrUnsupported: the data is not a supported image format, or uses an
	// unsupported feature of its format.
	ErrUnsupported = errors.New("image is not supported")

	// ErrShape: the image is valid, but preprocessing does not produce the size
	// that the model accepts.
	ErrShape = errors.New("image does not fit the model")
)

// imageError is an error with a text for the client and one of the sentinels as its
// kind. The sentinel's own text is omitted, because the message is more specific.
type imageError struct {
	kind error
	text string
}

func (r *imageError) Error() string { return r.text }
func (r *imageError) Unwrap() error { return r.kind }

func imageErrorf(kind error, format string, args ...any) error {
	return &imageError{kind: kind, text: fmt.Sprintf(format, args...)}
}
