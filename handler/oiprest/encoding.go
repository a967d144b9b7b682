package oiprest

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"

	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// compressBytes is the size from which an answer is worth compressing.
const compressBytes = 1 << 10

// compress appends parts, compressed, to dst.
func compress(dst []byte, coding string, parts [][]byte) ([]byte, error) {
	out := bytes.NewBuffer(dst)
	w, err := codecs[coding].Compress(out)
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		if _, err := w.Write(part); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// chooseCoding returns the content coding that an Accept-Encoding prefers; "" for none.
// Of codings with the same weight it prefers gzip, and either to none, unless the caller
// gives that a higher weight (RFC 9110, section 12.5.3).
func chooseCoding(header http.Header) string {
	weights := map[string]float64{}
	for _, line := range header.Values(wire.HeaderAcceptEncoding) {
		for item := range strings.SplitSeq(line, ",") {
			coding, weight := parseCoding(item)
			weights[coding] = weight
		}
	}
	rest := weights["*"]
	best, chosen := weights[wire.CodecIdentity], ""
	if best == 0 {
		best = smallestWeight / 2
	}
	for _, coding := range []string{wire.CodecDeflate, wire.CodecGzip} {
		weight, named := weights[coding]
		if !named {
			weight = rest
		}
		if weight > 0 && weight >= best {
			best, chosen = weight, coding
		}
	}
	return chosen
}

// smallestWeight is the smallest weight above 0.
const smallestWeight = 0.001

// parseCoding parses an item such as "gzip;q=0.5". A malformed weight is 0.
func parseCoding(item string) (coding string, weight float64) {
	coding, parameters, weighted := strings.Cut(item, ";")
	coding = strings.ToLower(strings.TrimSpace(coding))
	if coding == gzipAlias {
		coding = wire.CodecGzip
	}
	if !weighted {
		return coding, 1
	}
	value, ok := strings.CutPrefix(strings.ToLower(strings.ReplaceAll(parameters, " ", "")), "q=")
	weight, err := strconv.ParseFloat(value, 64)
	if !ok || err != nil || !(weight >= 0 && weight <= 1) {
		return coding, 0
	}
	return coding, weight
}
