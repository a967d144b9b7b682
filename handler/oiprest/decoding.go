package oiprest

import (
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// codecs are the content codings of bodies and responses. Their level is the fastest, since the
// values of tensors hardly compress.
var codecs = map[string]*wire.Codec{
	wire.CodecGzip:    wire.NewGzip(gzip.BestSpeed),
	wire.CodecDeflate: wire.NewHTTPDeflate(zlib.BestSpeed),
}

// acceptedCodings are the codings of a request's body.
const acceptedCodings = wire.CodecGzip + ", " + wire.CodecDeflate

// decompressed returns content decompressed by the request's Content-Encoding, and whether it
// is compressed at all.
func decompressed(content io.Reader, encoding []string) (_ io.Reader, compressed bool, err error) {
	coding := wire.CodecName(strings.Join(encoding, ","))
	if coding == "" || coding == wire.CodecIdentity {
		return content, false, nil
	}
	codec, ok := codecs[coding]
	if !ok {
		return nil, false, &statusError{status: http.StatusUnsupportedMediaType, text: "Content-Encoding is " + strconv.Quote(coding) + ": use one of " + acceptedCodings + ", or none"}
	}
	return &decoder{codec: codec, source: content}, true, nil
}

// decoder decompresses a body. The texts of its errors are for the caller.
type decoder struct {
	codec   *wire.Codec
	source  io.Reader
	content io.ReadCloser // nil until the first Read
	err     error         // the error that ended the content
}

// Read returns the pooled reader of the codec at the end of the content.
func (d *decoder) Read(p []byte) (n int, err error) {
	if d.err != nil {
		return 0, d.err
	}
	if d.content == nil {
		d.content, err = d.codec.Decompress(d.source)
	}
	if err == nil {
		n, err = d.content.Read(p)
	}
	if err == nil {
		return n, nil
	}
	d.err = d.wrap(err)
	if d.content != nil {
		_ = d.content.Close() // it cannot fail after a Read
	}
	return n, d.err
}

// wrap returns an error as one of the compressed data, unless it is one of the body.
func (d *decoder) wrap(err error) error {
	if _, ok := errors.AsType[*connect.Error](err); ok || errors.Is(err, io.EOF) {
		return err
	}
	return infer.Invalidf("body: Content-Encoding is %s, but it does not decompress: %v", d.codec.Name(), err)
}
