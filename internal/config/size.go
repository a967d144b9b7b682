package config

import (
	"strconv"

	"github.com/tensorwire/tensorwire/internal/base/bytesize"
)

// Size is a number of bytes, see [bytesize.Size].
type Size = bytesize.Size

// parseSize parses a size as a flag accepts it: as text of a [Size], or as any integer
// literal of Go.
func parseSize(text string) (Size, error) {
	if n, err := strconv.ParseInt(text, 0, 64); err == nil {
		return Size(n), nil
	}
	return bytesize.Parse(text)
}
