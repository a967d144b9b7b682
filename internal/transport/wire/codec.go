package wire

import (
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"sync"

	"connectrpc.com/connect/v2"
)

// The names of the codecs. "deflate" is the zlib format (RFC 9110, section 8.4.1.2).
const (
	CodecGzip    = connect.CompressionNameGzip
	CodecDeflate = "deflate"
	// CodecIdentity is the absence of compression.
	CodecIdentity = connect.CompressionNameIdentity
)

// MaxInflation is how many bytes one byte of gzip or deflate can decompress to: a match of
// 258 bytes takes two bits (RFC 1951, section 3.2.5).
const MaxInflation = 1032

var _ connect.Compressor = (*Codec)(nil)

// Codec is one compression of RPC messages and HTTP bodies. Its writers and readers are
// pooled, because each has tables of more than a megabyte or tens of kilobytes. It is safe
// for concurrent use.
type Codec struct {
	name    string
	writers sync.Pool // of encoder
	readers sync.Pool // of decoder
}

// encoder compresses to what Reset was given.
type encoder interface {
	io.WriteCloser
	Reset(dst io.Writer)
}

// decoder decompresses what Reset was given, whose header Reset reads.
type decoder interface {
	io.Reader
	Reset(src io.Reader) error
}

// NewGzip returns the codec gzip. level is one of compress/gzip's; it panics on another.
func NewGzip(level int) *Codec {
	return newCodec(CodecGzip, func() (encoder, error) { return gzip.NewWriterLevel(nil, level) }, func() decoder { return new(gzip.Reader) })
}

// NewDeflate returns the codec deflate. level is one of compress/zlib's; it panics on
// another.
func NewDeflate(level int) *Codec {
	return newCodec(CodecDeflate, func() (encoder, error) { return zlib.NewWriterLevel(nil, level) }, func() decoder { return new(zlibReader) })
}

// NewHTTPDeflate returns the codec deflate for HTTP bodies. Unlike [NewDeflate] it also reads
// bare deflate data, which some clients send under that name, and requires that the body ends
// with the compressed data.
func NewHTTPDeflate(level int) *Codec {
	return newCodec(CodecDeflate, func() (encoder, error) { return zlib.NewWriterLevel(nil, level) }, func() decoder { return new(httpDeflateReader) })
}

func newCodec(name string, newEncoder func() (encoder, error), newDecoder func() decoder) *Codec {
	first, err := newEncoder()
	if err != nil {
		panic(fmt.Sprintf("wire: codec %s: %v", name, err)) // the level is a constant of the program
	}
	c := &Codec{name: name}
	c.writers.New = func() any {
		e, _ := newEncoder() // the level is valid, as above
		return e
	}
	c.readers.New = func() any { return newDecoder() }
	c.writers.Put(first)
	return c
}

// Name implements [connect.Compressor].
func (c *Codec) Name() string { return c.name }

// Compress implements [connect.Compressor]. Close writes the end and returns the writer to
// the pool.
func (c *Codec) Compress(dst io.Writer) (io.WriteCloser, error) {
	e := c.writers.Get().(encoder)
	e.Reset(dst)
	return &compressing{e, c}, nil
}

// Decompress implements [connect.Compressor]. It reads the header of the compressed data.
// Close returns the reader to the pool and leaves src open.
func (c *Codec) Decompress(src io.Reader) (io.ReadCloser, error) {
	d := c.readers.Get().(decoder)
	if err := d.Reset(src); err != nil {
		c.readers.Put(d)
		return nil, err
	}
	return &decompressing{d, c}, nil
}

// errCodecClosed reports the use of a writer or a reader that is back in the pool.
var errCodecClosed = errors.New("wire: codec used after Close")

// compressing has its encoder until Close.
type compressing struct {
	encoder encoder
	codec   *Codec
}

func (w *compressing) Write(p []byte) (int, error) {
	if w.encoder == nil {
		return 0, errCodecClosed
	}
	return w.encoder.Write(p)
}

func (w *compressing) Close() error {
	if w.encoder == nil {
		return errCodecClosed
	}
	err := w.encoder.Close()
	w.codec.writers.Put(w.encoder)
	w.encoder = nil
	return err
}

// decompressing has its decoder until Close.
type decompressing struct {
	decoder decoder
	codec   *Codec
}

func (r *decompressing) Read(p []byte) (int, error) {
	if r.decoder == nil {
		return 0, errCodecClosed
	}
	return r.decoder.Read(p)
}

func (r *decompressing) Close() error {
	if r.decoder == nil {
		return errCodecClosed
	}
	r.codec.readers.Put(r.decoder)
	r.decoder = nil
	return nil
}
