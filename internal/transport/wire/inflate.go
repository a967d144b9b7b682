package wire

import (
	"bufio"
	"compress/flate"
	"compress/zlib"
	"errors"
	"io"
)

// zlibReader is a decoder of the zlib format.
type zlibReader struct{ io.Reader }

func (r *zlibReader) Reset(src io.Reader) (err error) {
	if resetter, ok := r.Reader.(zlib.Resetter); ok {
		return resetter.Reset(src, nil)
	}
	content, err := zlib.NewReader(src)
	if err != nil {
		return err
	}
	r.Reader = content
	return nil
}

// errTrailingData reports data after the end of a compressed body.
var errTrailingData = errors.New("data after the end of the compressed body")

// httpDeflateReader is a decoder of the zlib format and of bare deflate data.
type httpDeflateReader struct {
	source  bufio.Reader
	zlib    zlibReader
	bare    io.ReadCloser // nil until the first bare data
	content io.Reader     // zlib or bare
}

func (r *httpDeflateReader) Reset(src io.Reader) error {
	r.source.Reset(src)
	if r.isZlib() {
		r.content = &r.zlib
		return r.zlib.Reset(&r.source)
	}
	if resetter, ok := r.bare.(flate.Resetter); ok {
		if err := resetter.Reset(&r.source, nil); err != nil {
			return err
		}
	} else {
		r.bare = flate.NewReader(&r.source)
	}
	r.content = r.bare
	return nil
}

func (r *httpDeflateReader) Read(p []byte) (int, error) {
	n, err := r.content.Read(p)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	if _, err := r.source.ReadByte(); err != nil {
		return n, err // io.EOF, or an error of the source
	}
	return n, errTrailingData
}

// isZlib distinguishes the zlib format from bare deflate data by the method and the checksum
// in its first two bytes (RFC 1950, section 2.2).
func (r *httpDeflateReader) isZlib() bool {
	head, err := r.source.Peek(2)
	return err != nil || (head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0)
}
