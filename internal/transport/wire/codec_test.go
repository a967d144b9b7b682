package wire_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

func codecs() map[string]*wire.Codec {
	return map[string]*wire.Codec{
		"gzip":         wire.NewGzip(gzip.DefaultCompression),
		"fast gzip":    wire.NewGzip(gzip.BestSpeed),
		"deflate":      wire.NewDeflate(zlib.DefaultCompression),
		"HTTP deflate": wire.NewHTTPDeflate(zlib.BestSpeed),
	}
}

func compress(t *testing.T, c *wire.Codec, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := c.Compress(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(nil); err == nil {
		t.Error("a closed writer still writes")
	}
	return out.Bytes()
}

func decompress(c *wire.Codec, data io.Reader) ([]byte, error) {
	r, err := c.Decompress(data)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		return content, err
	}
	if _, err := r.Read(nil); err == nil {
		return nil, errors.New("a closed reader still reads")
	}
	return content, nil
}

// Pooled writers and readers carry nothing over from one message to the next, not even from
// one that is malformed or read in part.
func TestCodecsAreReusable(t *testing.T) {
	for name, c := range codecs() {
		t.Run(name, func(t *testing.T) {
			var group sync.WaitGroup
			for worker := range 4 {
				group.Go(func() {
					content := []byte(strings.Repeat(name, 1000*(worker+1)))
					for range 20 {
						data := compress(t, c, content)
						if got, err := decompress(c, iotest.OneByteReader(bytes.NewReader(data))); err != nil || !bytes.Equal(got, content) {
							t.Errorf("%d bytes back, %v", len(got), err)
						}
						if _, err := decompress(c, strings.NewReader("malformed")); err == nil {
							t.Error("malformed data decompresses")
						}
						if _, err := decompress(c, bytes.NewReader(data[:len(data)/2])); err == nil {
							t.Error("cut data decompresses")
						}
						if r, err := c.Decompress(bytes.NewReader(data)); err != nil || r.Close() != nil {
							t.Errorf("a reader that is not read: %v", err)
						}
					}
				})
			}
			group.Wait()
		})
	}
}

func TestHTTPDeflate(t *testing.T) {
	content := []byte(strings.Repeat("content", 1000))
	var bare bytes.Buffer
	w, err := flate.NewWriter(&bare, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	lenient, strict := wire.NewHTTPDeflate(zlib.BestSpeed), wire.NewDeflate(zlib.BestSpeed)
	whole := compress(t, strict, content)
	for range 2 { // the second with pooled readers
		for name, data := range map[string][]byte{"bare": bare.Bytes(), "zlib": whole} {
			if got, err := decompress(lenient, bytes.NewReader(data)); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%s: %d bytes, %v", name, len(got), err)
			}
			if _, err := decompress(lenient, bytes.NewReader(append(bytes.Clone(data), 'x'))); err == nil || !strings.Contains(err.Error(), "after the end") {
				t.Errorf("%s with trailing data: %v", name, err)
			}
		}
	}
	if _, err := decompress(strict, bytes.NewReader(bare.Bytes())); err == nil {
		t.Error("the strict codec reads bare deflate data")
	}
}
