package config

import (
	"encoding"
	"fmt"
	"math"
	"strconv"
	"strings"
)

var (
	_ encoding.TextMarshaler   = Size(0)
	_ encoding.TextUnmarshaler = (*Size)(nil)
)

// Size is a number of bytes. As text it is digits, and one of the suffixes B, kB, MB,
// GB, TB (powers of 1000) and KiB, MiB, GiB, TiB (powers of 1024), in any case, with or
// without a space before it.
type Size int64

// units are the suffixes and what they stand for: of two that fit, the longer first.
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
			return fmt.Errorf("%q are more bytes than there can be: give %d or less", text, math.MaxInt64)
		}
		*s = Size(int64(n) * unit.bytes)
		return nil
	}
	return fmt.Errorf("%q is no number of bytes: give one such as 1073741824, 512MiB or 2GB", text)
}

// MarshalText implements [encoding.TextMarshaler]. The text has the largest unit that
// divides the size.
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
