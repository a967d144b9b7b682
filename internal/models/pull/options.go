package pull

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tensorwire/tensorwire/internal/base/setting"
)

// Defaults of Options.
const (
	// DefaultMaxBytes is the maximum size of an ONNX file, a limit of protobuf. Larger
	// models have their weights in separate files, which a pull does not download.
	DefaultMaxBytes     = 2 << 30
	DefaultStallTimeout = time.Minute
	DefaultRetries      = 5
	DefaultBackoff      = time.Second
)

// maxNameLength is in bytes. A pull appends to the model's name, and most file systems
// allow 255.
const maxNameLength = 200

// ErrOptions reports an invalid option; its text names the option, by its setting.Key if
// it has one, and the accepted values.
var ErrOptions = errors.New("invalid option")

// Options configure a pull. URL, Dir and Name are required; the zero values of the
// other fields are the defaults.
type Options struct {
	// URL is the model file's address, http or https. A user and a password in it
	// are sent as basic authentication.
	URL string
	// Dir is the model repository. It must exist.
	Dir string
	// Name is the model's name: one plain directory name.
	Name string
	// Version is the version's number. 0 means 1.
	Version int64
	// SHA256 is the file's expected digest, 64 hexadecimal digits. Empty: only the
	// file's first byte is checked, which must be possible for ONNX.
	SHA256 string
	// MaxBytes bounds the file. 0 means DefaultMaxBytes.
	MaxBytes int64
	// StallTimeout is the maximum time without a received byte. 0 means
	// DefaultStallTimeout.
	StallTimeout time.Duration
	// Retries is the maximum number of consecutive retries; an attempt that adds
	// 1 MiB or more resets the count. 0 means DefaultRetries, less than 0 never.
	Retries int
	// Backoff is the wait before the first retry; it doubles with each, up to half a
	// minute. 0 means DefaultBackoff.
	Backoff time.Duration
	// Transport sends the requests. It must not decompress. nil: HTTP/1.1 with the
	// environment's proxy.
	Transport http.RoundTripper
	// Progress is called often with the download's progress. Notice is called with
	// a sentence for the user, for example about a retry. Pull calls both
	// synchronously from its own goroutine. Optional.
	Progress func(Progress)
	Notice   func(string)
}

// Progress is the progress of a download.
type Progress struct {
	// Bytes is the number of stored bytes, including those of earlier pulls.
	Bytes int64
	// Total is the file's size, -1 while it is unknown.
	Total int64
}

// job is a pull with validated options and defaults applied.
type job struct {
	Options
	url *url.URL
	// digest is the expected digest; nil if none is given.
	digest []byte
}

func newJob(o Options) (*job, error) {
	j := &job{Options: o}
	if j.Version == 0 {
		j.Version = 1
	}
	if j.MaxBytes == 0 {
		j.MaxBytes = DefaultMaxBytes
	}
	if j.StallTimeout == 0 {
		j.StallTimeout = DefaultStallTimeout
	}
	if j.Retries == 0 {
		j.Retries = DefaultRetries
	}
	if j.Backoff == 0 {
		j.Backoff = DefaultBackoff
	}
	if j.Transport == nil {
		j.Transport = newTransport()
	}
	if j.Progress == nil {
		j.Progress = func(Progress) {}
	}
	if j.Notice == nil {
		j.Notice = func(string) {}
	}
	return j, errors.Join(j.parseURL(), checkName(o.Name), j.parseDigest(), j.checkNumbers())
}

func (j *job) parseURL() error {
	u, err := url.Parse(j.URL)
	if err != nil {
		// The error of url.Parse quotes the URL, which may contain a password.
		return fmt.Errorf("%w: the URL cannot be parsed: use one such as https://host/model.onnx", ErrOptions)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return fmt.Errorf("%w: the URL is %q: use one such as https://host/model.onnx", ErrOptions, redacted(u))
	}
	j.url = u
	return nil
}

// redacted formats u for a message without the parts that may be secret: the password,
// and the query, which contains the signature of a storage service's link.
func redacted(u *url.URL) string {
	plain := *u
	plain.User, plain.RawQuery, plain.ForceQuery, plain.Fragment = nil, "", false, ""
	return plain.String()
}

func checkName(name string) error {
	var wrong string
	switch {
	case name == "":
		return setting.Errorf("%w: %s is empty: set it to the name of the model's directory", ErrOptions, setting.Name)
	case strings.HasPrefix(name, "."):
		wrong = "servers ignore names that begin with a dot"
	case strings.ContainsAny(name, `/\`) || !filepath.IsLocal(name):
		wrong = "it must be the name of one directory"
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		wrong = "it must be printable text"
	case strings.TrimSpace(name) != name:
		wrong = "it must not begin or end with a space"
	case len(name) > maxNameLength:
		wrong = fmt.Sprintf("it has %d bytes, the limit is %d", len(name), maxNameLength)
	default:
		return nil
	}
	return setting.Errorf("%w: %s is %q: %s", ErrOptions, setting.Name, name, wrong)
}

func (j *job) parseDigest() error {
	if j.SHA256 == "" {
		return nil
	}
	digest, err := hex.DecodeString(j.SHA256)
	if err != nil || len(digest) != sha256.Size {
		return setting.Errorf("%w: %s is %q: use %d hexadecimal digits", ErrOptions, setting.SHA256, j.SHA256, 2*sha256.Size)
	}
	j.digest = digest
	return nil
}

func (j *job) checkNumbers() error {
	switch {
	case j.Version < 1:
		return setting.Errorf("%w: %s is %d: use 1 or more", ErrOptions, setting.Version, j.Version)
	case j.MaxBytes < 1:
		return setting.Errorf("%w: %s is %d: use 1 or more", ErrOptions, setting.MaxBytes, j.MaxBytes)
	case j.StallTimeout < 0:
		return setting.Errorf("%w: %s is %v: use a duration such as 1m", ErrOptions, setting.StallTimeout, j.StallTimeout)
	case j.Backoff < 0:
		return fmt.Errorf("%w: the backoff is %v: use a duration such as 1s", ErrOptions, j.Backoff)
	}
	return nil
}

// modelDir and versionDir are the model's directories in the repository.
func (j *job) modelDir() string   { return filepath.Join(j.Dir, j.Name) }
func (j *job) versionDir() string { return filepath.Join(j.modelDir(), j.number()) }

func (j *job) number() string { return strconv.FormatInt(j.Version, 10) }

// workDir is the directory of the workspace. Pulls of the same version share it.
func (j *job) workDir() string {
	return filepath.Join(j.Dir, ".pull-"+j.Name+"-"+j.number())
}
