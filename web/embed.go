// Package web serves the page for trying the server's models: static files that are
// embedded in the binary.
//
// The sources are in src (TypeScript) and static. build.mjs builds them into dist. A
// binary that was compiled before that has no page and responds with an error.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

//go:embed all:dist
var dist embed.FS

// securityHeaders are set on every response. The page runs only its own script,
// connects only to its own origin, and displays images that the user chose (blob:).
var securityHeaders = map[string]string{
	"Content-Security-Policy": strings.Join([]string{
		"default-src 'none'",
		"script-src 'self'",
		"style-src 'self'",
		"connect-src 'self'",
		"img-src 'self' blob: data:",
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
		"require-trusted-types-for 'script'",
	}, "; "),
	"Cross-Origin-Opener-Policy": "same-origin",
	"Referrer-Policy":            "no-referrer",
	"X-Content-Type-Options":     "nosniff",
}

// contentTypes lists the served file types. The system's table is not used, because
// the response must not depend on the machine. Other files, such as dist/README, are
// not part of the page.
var contentTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".txt":  "text/plain; charset=utf-8",
}

// Handler serves the page at / and its assets next to it. Mount it at the root; other
// paths get status 404.
func Handler() http.Handler {
	handler, err := newHandler(dist)
	if err != nil {
		// Reading embedded files cannot fail.
		panic(fmt.Sprintf("web: %v", err))
	}
	return handler
}

// pageHandler maps a URL path to a file of the page. It is immutable.
type pageHandler map[string]asset

// asset is one file, uncompressed and compressed.
type asset struct {
	contentType string
	plain       representation
	// gzip has no body if compression does not make the file smaller.
	gzip representation
}

// representation is an asset in one Content-Encoding. Encodings differ in their bytes,
// so each has its own strong ETag.
type representation struct {
	body []byte
	etag string
}

// newHandler reads and compresses the files under dist in fsys.
func newHandler(fsys fs.FS) (pageHandler, error) {
	handler := pageHandler{}
	err := fs.WalkDir(fsys, "dist", func(name string, entry fs.DirEntry, err error) error {
		contentType := contentTypes[path.Ext(name)]
		if err != nil || entry.IsDir() || contentType == "" {
			return err
		}
		body, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		a, err := newAsset(contentType, body)
		if err != nil {
			return fmt.Errorf("compress %s: %w", name, err)
		}
		urlPath := strings.TrimPrefix(name, "dist")
		if urlPath == "/index.html" {
			urlPath = "/"
		}
		handler[urlPath] = a
		return nil
	})
	return handler, err
}

func newAsset(contentType string, body []byte) (asset, error) {
	a := asset{contentType: contentType, plain: newRepresentation(body)}
	var compressed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	if err != nil {
		return asset{}, err
	}
	if _, err := writer.Write(body); err != nil {
		return asset{}, err
	}
	if err := writer.Close(); err != nil {
		return asset{}, err
	}
	if compressed.Len() < len(body) {
		a.gzip = newRepresentation(compressed.Bytes())
	}
	return a, nil
}

func newRepresentation(body []byte) representation {
	sum := sha256.Sum256(body)
	return representation{body: body, etag: `"` + hex.EncodeToString(sum[:16]) + `"`}
}

func (h pageHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	for name, value := range securityHeaders {
		header.Set(name, value)
	}
	a, ok := h[r.URL.Path]
	if r.Method != http.MethodGet && r.Method != http.MethodHead && (ok || r.URL.Path == "/") {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "method "+r.Method+" is not allowed: use GET or HEAD", http.StatusMethodNotAllowed)
		return
	}
	if !ok {
		if r.URL.Path == "/" {
			http.Error(w, "the page is not built: run make build", http.StatusServiceUnavailable)
			return
		}
		http.NotFound(w, r)
		return
	}

	// File names are stable across releases, so caches must revalidate; that costs a
	// 304.
	header.Set("Cache-Control", "no-cache")
	header.Set(wire.HeaderContentType, a.contentType)
	chosen := a.plain
	if a.gzip.body != nil {
		header.Set(wire.HeaderVary, wire.HeaderAcceptEncoding)
		if wire.AcceptedCodec(r.Header, wire.CodecGzip) != "" {
			chosen = a.gzip
			header.Set(wire.HeaderContentEncoding, wire.CodecGzip)
			// ServeContent does not set the length of encoded content.
			header.Set(wire.HeaderContentLength, strconv.Itoa(len(chosen.body)))
		}
	}
	header.Set(wire.HeaderETag, chosen.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(chosen.body))
}
