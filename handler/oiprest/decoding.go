package oiprest

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/infer"
)

// The content codings of bodies. "deflate" is the zlib format, as HTTP defines it
// (RFC 9110, section 8.4.1.2); bare deflate data, which some clients send under that name,
// is accepted too.
const (
	codingGzip    = "gzip"
	codingDeflate = "deflate"
)

// acceptedCodings are the codings of a request's body.
const acceptedCodings = codingGzip + ", " + codingDeflate

// decoded returns content decompressed by the request's Content-Encoding, and whether it
// is compressed at all.
func decoded(content io.Reader, encoding []string) (_ io.Reader, compressed bool, err error) {
	switch coding := strings.ToLower(strings.TrimSpace(strings.Join(encoding, ","))); coding {
	case "", "identity":
		return content, false, nil
	case codingGzip, "x-gzip":
		return &decoder{coding: codingGzip, source: bufio.NewReader(content)}, true, nil
	case codingDeflate:
		return &decoder{coding: codingDeflate, source: bufio.NewReader(content)}, true, nil
	default:
		return nil, false, &statusError{status: http.StatusUnsupportedMediaType, text: "Content-Encoding is " + strconv.Quote(coding) + ": use one of " + acceptedCodings + ", or none"}
	}
}

// decoder decompresses a body. The texts of its errors are for the caller.
type decoder struct {
	coding  string
	source  *bufio.Reader
	content io.Reader // nil until the first Read
}

func (d *decoder) Read(p []byte) (n int, err error) {
	if d.content == nil {
		err = d.open()
	}
	if err == nil {
		n, err = d.content.Read(p)
	}
	if errors.Is(err, io.EOF) && d.coding == codingDeflate {
		err = d.end()
	}
	return n, d.wrap(err)
}

// open reads the header of the compressed data.
func (d *decoder) open() (err error) {
	switch {
	case d.coding == codingGzip:
		d.content, err = gzip.NewReader(d.source)
	case d.isZlib():
		d.content, err = zlib.NewReader(d.source)
	default:
		d.content = flate.NewReader(d.source)
	}
	return err
}

// isZlib distinguishes the zlib format from bare deflate data, by the method and the
// checksum in its first two bytes (RFC 1950, section 2.2).
func (d *decoder) isZlib() bool {
	head, err := d.source.Peek(2)
	return err != nil || (head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0)
}

// end checks that the end of the data is also the end of the body, as package gzip does
// for its own format.
func (d *decoder) end() error {
	if _, err := d.source.ReadByte(); err != nil {
		return err
	}
	return errors.New("there is more data after its end")
}

// wrap returns an error as one of the compressed data, unless it is one of the body.
func (d *decoder) wrap(err error) error {
	if _, ok := errors.AsType[*connect.Error](err); ok || err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return infer.Invalidf("body: Content-Encoding is %s, but it does not decompress: %v", d.coding, err)
}
