// Package web is the page on which a visitor tries the server's models: static
// files, embedded in the binary, and the handler that serves them.
//
// The page is written in src (TypeScript) and static, and built into dist by
// build.mjs. A binary compiled before that has no page and says so.
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
)

//go:embed all:dist
var dist embed.FS

// securityHeaders are on every answer. The page runs its own script only, talks
// to its own origin only, and shows images that the visitor chose (blob:).
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

// contentTypes names the types of file that are served. The system's own table
// is not asked: the answer must not depend on the machine. Other files, such as
// dist/README, are not part of the page.
var contentTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".txt":  "text/plain; charset=utf-8",
}

// Handler serves the page at / and its assets beside it. It is to be mounted at
// the root; what is not a file of the page is answered with 404.
func Handler() http.Handler {
	handler, err := newHandler(dist)
	if err != nil {
		// Embedded files are memory of this binary: reading them cannot fail.
		panic(fmt.Sprintf("web: %v", err))
	}
	return handler
}

// pageHandler holds every file of the page by its URL path. It is immutable.
type pageHandler map[string]asset

// asset is one file, as it is and compressed.
type asset struct {
	contentType string
	plain       representation
	// gzip has no body when compression would not make the file smaller.
	gzip representation
}

// representation is what one Content-Encoding of an asset sends. Encodings
// differ in their bytes, so each has its own strong ETag.
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
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "the page answers GET and HEAD only", http.StatusMethodNotAllowed)
		return
	}
	a, ok := h[r.URL.Path]
	if !ok {
		if r.URL.Path == "/" {
			http.Error(w, "the page is not built: run make build", http.StatusServiceUnavailable)
			return
		}
		http.NotFound(w, r)
		return
	}

	// Names are stable across releases, so a copy is checked before each use;
	// the check costs a 304.
	header.Set("Cache-Control", "no-cache")
	header.Set("Content-Type", a.contentType)
	chosen := a.plain
	if a.gzip.body != nil {
		header.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r.Header) {
			chosen = a.gzip
			header.Set("Content-Encoding", "gzip")
			// ServeContent leaves the length of encoded content to its caller.
			header.Set("Content-Length", strconv.Itoa(len(chosen.body)))
		}
	}
	header.Set("ETag", chosen.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(chosen.body))
}

// acceptsGzip reports whether Accept-Encoding allows gzip, by its name or,
// where the name is absent, by "*".
func acceptsGzip(header http.Header) bool {
	accepted := false
	for item := range strings.SplitSeq(strings.Join(header.Values("Accept-Encoding"), ","), ",") {
		coding, parameters, _ := strings.Cut(item, ";")
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip":
			return quality(parameters) > 0
		case "*":
			accepted = quality(parameters) > 0
		}
	}
	return accepted
}

// quality reads the weight of an Accept-Encoding item, such as "q=0.5". An item
// without one weighs 1, one that cannot be read nothing.
func quality(parameters string) float64 {
	name, value, found := strings.Cut(parameters, "=")
	if !found || !strings.EqualFold(strings.TrimSpace(name), "q") {
		return 1
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil {
		return 0
	}
	return q
}
