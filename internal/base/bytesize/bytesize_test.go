package bytesize_test

import (
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/bytesize"
)

func TestSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bytesize.Size{
		"0":                   0,
		"1073741824":          1 << 30,
		"512MiB":              512 << 20,
		"2 gib":               2 << 30,
		"10kB":                10_000,
		"10KiB":               10 << 10,
		"3MB":                 3_000_000,
		"4GB":                 4_000_000_000,
		"1tb":                 1_000_000_000_000,
		"2TiB":                2 << 40,
		"7B":                  7,
		"9223372036854775807": 1<<63 - 1,
	} {
		var s bytesize.Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%q is %d, %v; want %d", text, s, err, want)
		}
		var again bytesize.Size
		if err := again.UnmarshalText([]byte(s.String())); err != nil || again != s {
			t.Errorf("%d is %q, which is %d, %v", s, s.String(), again, err)
		}
	}
	if text := bytesize.Size(3 << 29).String(); text != "1536MiB" {
		t.Errorf("3<<29 is %s", text)
	}
	for _, text := range []string{"", "B", "MiB", "-1", "1.5GiB", "1e9", "12XB", "1 2MB", "0x10", "9223372036854775808", "9223372036854775807kB", "8388608TiB"} {
		var s bytesize.Size
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken as %d", text, s)
		}
	}
}
