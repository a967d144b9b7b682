package wire

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// gzipAlias is another name of gzip (RFC 9110, section 8.4.1.3).
const gzipAlias = "x-gzip"

// smallestWeight is the smallest weight above 0.
const smallestWeight = 0.001

// CodecName returns the name of the content coding in text, in lower case and without
// aliases.
func CodecName(text string) string {
	name := strings.ToLower(strings.TrimSpace(text))
	if name == gzipAlias {
		return CodecGzip
	}
	return name
}

// AcceptedCodec returns the one of offered that the client's Accept-Encoding prefers; "" for
// none. Of codecs with the same weight it prefers the first of offered, and any of them to
// none, unless the client gives that a higher weight (RFC 9110, section 12.5.3).
func AcceptedCodec(header http.Header, offered ...string) string {
	weights := map[string]float64{}
	for _, line := range header.Values(HeaderAcceptEncoding) {
		for item := range strings.SplitSeq(line, ",") {
			name, weight := parseAccepted(item)
			weights[name] = weight
		}
	}
	rest := weights["*"]
	best, chosen := weights[CodecIdentity], ""
	if best == 0 {
		best = smallestWeight / 2
	}
	for _, name := range slices.Backward(offered) {
		weight, named := weights[name]
		if !named {
			weight = rest
		}
		if weight > 0 && weight >= best {
			best, chosen = weight, name
		}
	}
	return chosen
}

// parseAccepted parses an item of Accept-Encoding, such as "gzip;q=0.5". A malformed weight
// is 0.
func parseAccepted(item string) (name string, weight float64) {
	name, parameters, weighted := strings.Cut(item, ";")
	name = CodecName(name)
	if !weighted {
		return name, 1
	}
	value, ok := strings.CutPrefix(strings.ToLower(strings.ReplaceAll(parameters, " ", "")), "q=")
	weight, err := strconv.ParseFloat(value, 64)
	if !ok || err != nil || !(weight >= 0 && weight <= 1) {
		return name, 0
	}
	return name, weight
}
