package oiprest

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// compressBytes is the size from which an answer is worth compressing.
const compressBytes = 1 << 10

// encoder compresses an answer. The writers of gzip and zlib implement it.
type encoder interface {
	io.WriteCloser
	Reset(w io.Writer)
}

// encoders are pools of encoders, each of which has more than a megabyte of tables. Their
// level is the fastest, since the values of tensors hardly compress.
var encoders = map[string]*sync.Pool{
	codingGzip:    {New: func() any { return newGzip() }},
	codingDeflate: {New: func() any { return newZlib() }},
}

func newGzip() encoder {
	w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		return gzip.NewWriter(nil) // impossible: the level is valid
	}
	return w
}

func newZlib() encoder {
	w, err := zlib.NewWriterLevel(nil, zlib.BestSpeed)
	if err != nil {
		return zlib.NewWriter(nil) // as above
	}
	return w
}

// compress appends parts, compressed, to dst.
func compress(dst []byte, coding string, parts [][]byte) ([]byte, error) {
	pool := encoders[coding]
	e := pool.Get().(encoder)
	defer pool.Put(e)
	out := bytes.NewBuffer(dst)
	e.Reset(out)
	for _, part := range parts {
		if _, err := e.Write(part); err != nil {
			return nil, err
		}
	}
	if err := e.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// chooseCoding returns the content coding that an Accept-Encoding prefers; "" for none.
// Of codings with the same weight it prefers gzip, and either to none, unless the caller
// gives that a higher weight (RFC 9110, section 12.5.3).
func chooseCoding(header http.Header) string {
	weights := map[string]float64{}
	for _, line := range header.Values("Accept-Encoding") {
		for item := range strings.SplitSeq(line, ",") {
			coding, weight := parseCoding(item)
			weights[coding] = weight
		}
	}
	rest := weights["*"]
	best, chosen := weights["identity"], ""
	if best == 0 {
		best = smallestWeight / 2
	}
	for _, coding := range []string{codingDeflate, codingGzip} {
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
	if coding == "x-gzip" {
		coding = codingGzip
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
