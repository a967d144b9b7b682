package server

import (
	"compress/zlib"
	"io"
	"sync"

	"connectrpc.com/connect/v2"
)

var _ connect.Compressor = (*deflate)(nil)

// deflate is the compression "deflate" of gRPC and HTTP, which is zlib's format (RFC
// 9110, 8.4.1.2). Connect has gzip alone; Triton's clients offer both.
type deflate struct{ writers, readers sync.Pool }

func (d *deflate) Name() string { return "deflate" }

func (d *deflate) Compress(dst io.Writer) (io.WriteCloser, error) {
	w, ok := d.writers.Get().(*zlib.Writer)
	if ok {
		w.Reset(dst)
	} else {
		w = zlib.NewWriter(dst)
	}
	return &deflater{w, &d.writers}, nil
}

func (d *deflate) Decompress(src io.Reader) (io.ReadCloser, error) {
	r, ok := d.readers.Get().(io.ReadCloser)
	var err error
	if ok {
		err = r.(zlib.Resetter).Reset(src, nil)
	} else {
		r, err = zlib.NewReader(src)
	}
	if err != nil {
		return nil, err
	}
	return &inflater{r, &d.readers}, nil
}

// deflater gives its writer back when it is closed.
type deflater struct {
	*zlib.Writer
	pool *sync.Pool
}

func (w *deflater) Close() error {
	if err := w.Writer.Close(); err != nil {
		return err // and the writer is not used again
	}
	w.pool.Put(w.Writer)
	return nil
}

// inflater gives its reader back when it is closed.
type inflater struct {
	io.ReadCloser
	pool *sync.Pool
}

func (r *inflater) Close() error {
	if err := r.ReadCloser.Close(); err != nil {
		return err // and the reader is not used again
	}
	r.pool.Put(r.ReadCloser)
	return nil
}
