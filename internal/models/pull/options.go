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
)

// Defaults of Options.
const (
	// DefaultMaxBytes is what one ONNX file can hold, for protobuf ends there. Larger
	// models keep their weights in files beside it, which a pull does not bring.
	DefaultMaxBytes     = 2 << 30
	DefaultStallTimeout = time.Minute
	DefaultRetries      = 5
	DefaultBackoff      = time.Second
)

// maxNameLength leaves room for what a pull adds to a model's name, in bytes: most
// file systems take 255.
const maxNameLength = 200

// ErrOptions says that the options are wrong; its text says which and what fits.
var ErrOptions = errors.New("usage")

// Options say what is pulled. URL, Dir and Name are required; the other fields'
// zero values are the defaults.
type Options struct {
	// URL is the model file's address, http or https. A user and a password in it
	// are sent as basic authentication.
	URL string
	// Dir is the model repository. It must exist.
	Dir string
	// Name is the model's name: one plain directory name.
	Name string
	// Version is the number of the version. 0 means 1.
	Version int64
	// SHA256 is the digest that the file must have, 64 hexadecimal digits. Empty: the
	// file is not checked, beyond that it may be ONNX by its first byte.
	SHA256 string
	// MaxBytes bounds the file. 0 means DefaultMaxBytes.
	MaxBytes int64
	// StallTimeout is how long the server may send nothing. 0 means
	// DefaultStallTimeout.
	StallTimeout time.Duration
	// Retries is how often in a row the download is tried again when a try did not
	// bring 1 MiB more than there was. 0 means DefaultRetries, less than 0 never.
	Retries int
	// Backoff is the wait before the first retry; it doubles with each, up to half a
	// minute. 0 means DefaultBackoff.
	Backoff time.Duration
	// Transport carries the requests. It must not decompress. nil: HTTP/1.1 with the
	// environment's proxy.
	Transport http.RoundTripper
	// Progress is told how far the download is, often; Notice is told, in a sentence,
	// of what a user would wonder about, such as a retry. Both are called from Pull's
	// own goroutine, which waits for them. Optional.
	Progress func(Progress)
	Notice   func(string)
}

// Progress is how far a download is.
type Progress struct {
	// Bytes are those that are there, whatever run brought them.
	Bytes int64
	// Total is the file's size, -1 while it is unknown.
	Total int64
}

// job is a pull whose options have been checked and completed.
type job struct {
	Options
	url *url.URL
	// digest is the one that is asked for; nil where none is.
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
		// What url.Parse says quotes the URL, which may hold a password.
		return fmt.Errorf("%w: the URL cannot be parsed: give one such as https://host/model.onnx", ErrOptions)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return fmt.Errorf("%w: the URL is %q: give one such as https://host/model.onnx", ErrOptions, shown(u))
	}
	j.url = u
	return nil
}

// shown returns u for a message: without what may be secret, that is the password and
// the query, by which storage services sign their links.
func shown(u *url.URL) string {
	plain := *u
	plain.User, plain.RawQuery, plain.ForceQuery, plain.Fragment = nil, "", false, ""
	return plain.String()
}

func checkName(name string) error {
	var wrong string
	switch {
	case name == "":
		return fmt.Errorf("%w: the model has no name: give the name of its directory", ErrOptions)
	case strings.HasPrefix(name, "."):
		wrong = "servers pass over names that begin with a dot"
	case strings.ContainsAny(name, `/\`) || !filepath.IsLocal(name):
		wrong = "it must be the name of one directory"
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		wrong = "it must be text that can be printed"
	case strings.TrimSpace(name) != name:
		wrong = "it must not begin or end with a space"
	case len(name) > maxNameLength:
		wrong = fmt.Sprintf("it has %d bytes, the most is %d", len(name), maxNameLength)
	default:
		return nil
	}
	return fmt.Errorf("%w: the model's name is %q: %s", ErrOptions, name, wrong)
}

func (j *job) parseDigest() error {
	if j.SHA256 == "" {
		return nil
	}
	digest, err := hex.DecodeString(j.SHA256)
	if err != nil || len(digest) != sha256.Size {
		return fmt.Errorf("%w: the SHA-256 is %q: give %d hexadecimal digits", ErrOptions, j.SHA256, 2*sha256.Size)
	}
	j.digest = digest
	return nil
}

func (j *job) checkNumbers() error {
	switch {
	case j.Version < 1:
		return fmt.Errorf("%w: the version is %d: give 1 or more", ErrOptions, j.Version)
	case j.MaxBytes < 1:
		return fmt.Errorf("%w: the most bytes are %d: give 1 or more", ErrOptions, j.MaxBytes)
	case j.StallTimeout < 0:
		return fmt.Errorf("%w: the stall timeout is %v: give a time such as 1m", ErrOptions, j.StallTimeout)
	case j.Backoff < 0:
		return fmt.Errorf("%w: the backoff is %v: give a time such as 1s", ErrOptions, j.Backoff)
	}
	return nil
}

// modelDir and versionDir are where the model belongs.
func (j *job) modelDir() string   { return filepath.Join(j.Dir, j.Name) }
func (j *job) versionDir() string { return filepath.Join(j.modelDir(), j.number()) }

func (j *job) number() string { return strconv.FormatInt(j.Version, 10) }

// workDir is where the pull works. Two pulls of the same version meet there.
func (j *job) workDir() string {
	return filepath.Join(j.Dir, ".pull-"+j.Name+"-"+j.number())
}
