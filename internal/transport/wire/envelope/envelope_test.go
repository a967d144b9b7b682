package envelope_test

import (
	"slices"
	"testing"

	"github.com/tensorwire/tensorwire/internal/transport/wire/envelope"
)

func TestPrefix(t *testing.T) {
	for _, test := range []struct {
		flags byte
		size  int
	}{{0, 0}, {envelope.FlagCompressed, 1}, {envelope.FlagTrailer, 1 << 20}, {0xff, envelope.MaxMessageSize}} {
		var p envelope.Prefix
		envelope.Put(p[:], test.flags, test.size)
		if p.Flags() != test.flags || p.Size() != int64(test.size) || p.Compressed() != (test.flags&1 != 0) {
			t.Errorf("flags %#x, size %d: %v", test.flags, test.size, p)
		}
	}
}

func TestMediaTypes(t *testing.T) {
	tests := []struct {
		contentType   string
		enveloped, is bool // is: gRPC
	}{
		{"application/grpc", true, true},
		{"Application/GRPC+proto", true, true},
		{"application/grpc-web", true, false},
		{"application/connect+json", true, false},
		{"application/proto", false, false},
		{"application/grp", false, false},
		{"", false, false},
	}
	for _, test := range tests {
		if got := envelope.Is(test.contentType); got != test.enveloped {
			t.Errorf("%q enveloped: %v", test.contentType, got)
		}
		if got := envelope.IsGRPC(test.contentType); got != test.is {
			t.Errorf("%q gRPC: %v", test.contentType, got)
		}
	}
}

// Every way to cut a body finds the same messages.
func FuzzScanner(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 2, 7, 7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1}, uint8(3))
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff, 1}, uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, step uint8) {
		whole, cut := sizes(data, len(data)), sizes(data, int(step)%9+1)
		if !slices.Equal(whole, cut) {
			t.Errorf("in one piece %v, in pieces %v", whole, cut)
		}
	})
}

// sizes returns the sizes of the messages that begin in data, fed in pieces of step bytes.
func sizes(data []byte, step int) (all []int64) {
	var s envelope.Scanner
	for len(data) > 0 {
		piece := data[:min(step, len(data))]
		data = data[len(piece):]
		for len(piece) > 0 {
			n, begun := s.Next(piece)
			if begun {
				all = append(all, s.Prefix.Size())
			}
			piece = piece[n:]
		}
	}
	return all
}
