// Package bytesize parses and formats sizes in bytes, as settings and model configurations
// have them.
package bytesize

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

var (
	_ encoding.TextMarshaler   = Size(0)
	_ encoding.TextUnmarshaler = (*Size)(nil)
)

// Size is a number of bytes. Its text is digits and a unit: B, kB, MB, GB, TB (powers of
// 1000) or KiB, MiB, GiB, TiB (powers of 1024), in upper or lower case, with or without a
// space before it. Without a unit it is bytes.
type Size int64

// units are the units, of two with the same ending the longer first.
var units = []struct {
	suffix string
	bytes  int64
}{
	{"TiB", 1 << 40},
	{"GiB", 1 << 30},
	{"MiB", 1 << 20},
	{"KiB", 1 << 10},
	{"TB", 1e12},
	{"GB", 1e9},
	{"MB", 1e6},
	{"kB", 1e3},
	{"B", 1},
	{"", 1},
}

// Parse parses the text of a size. Its digits are decimal: 010 is ten bytes.
func Parse(text string) (Size, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return Size(n), nil
	}
	var s Size
	err := s.UnmarshalText([]byte(text))
	return s, err
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *Size) UnmarshalText(text []byte) error {
	for _, unit := range units {
		cut := len(text) - len(unit.suffix)
		if cut < 0 || !strings.EqualFold(string(text[cut:]), unit.suffix) {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimRight(string(text[:cut]), " "), 10, 63)
		if err != nil {
			break
		}
		if n > uint64(math.MaxInt64/unit.bytes) {
			return fmt.Errorf("the size is too large: give %d bytes or less", math.MaxInt64)
		}
		*s = Size(int64(n) * unit.bytes)
		return nil
	}
	return errors.New("give a size such as 1073741824, 512MiB or 2GB")
}

// MarshalText implements [encoding.TextMarshaler]. The text has the largest unit of
// powers of 1024 that divides the size.
func (s Size) MarshalText() ([]byte, error) {
	for _, unit := range units {
		if unit.bytes%1024 == 0 && s > 0 && int64(s)%unit.bytes == 0 {
			return fmt.Append(nil, int64(s)/unit.bytes, unit.suffix), nil
		}
	}
	return fmt.Append(nil, int64(s)), nil
}

// String returns the size as MarshalText does.
func (s Size) String() string {
	text, _ := s.MarshalText() // it has no error
	return string(text)
}
