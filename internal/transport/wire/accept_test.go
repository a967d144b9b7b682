package wire

import (
	"net/http"
	"testing"
)

// The tests of the REST API and of the page have the cases of Accept-Encoding; here are those
// of the offer.
func TestAcceptedCodec(t *testing.T) {
	for accept, want := range map[string][2]string{
		"deflate, gzip":              {CodecGzip, CodecDeflate},
		"deflate;q=0.5, gzip;q=0.4":  {CodecDeflate, CodecDeflate},
		"x-gzip":                     {CodecGzip, CodecGzip},
		"*":                          {CodecGzip, CodecDeflate},
		"identity, gzip;q=0.5":       {"", ""},
		"identity;q=0, deflate;q=.1": {CodecDeflate, CodecDeflate},
		"br":                         {"", ""},
	} {
		header := http.Header{HeaderAcceptEncoding: {accept}}
		for i, offered := range [][]string{{CodecGzip, CodecDeflate}, {CodecDeflate, CodecGzip}} {
			if got := AcceptedCodec(header, offered...); got != want[i] {
				t.Errorf("Accept-Encoding %q, offered %v: %q, want %q", accept, offered, got, want[i])
			}
		}
		if got := AcceptedCodec(header); got != "" {
			t.Errorf("Accept-Encoding %q, nothing offered: %q", accept, got)
		}
	}
}
