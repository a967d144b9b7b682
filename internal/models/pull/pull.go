package pull

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// modelFile is the name of a version's model.
var modelFile = engine.ONNXRuntime.ModelFile

var (
	// ErrExists reports that the repository already has the version.
	ErrExists = errors.New("the version exists")
	// ErrBusy reports that another pull of the same version is running.
	ErrBusy = errors.New("another pull is running")
	// ErrChecksum reports that the file has another digest than Options.SHA256.
	ErrChecksum = errors.New("wrong checksum")
	// ErrNotModel reports that the URL's content is not an ONNX model.
	ErrNotModel = errors.New("not an ONNX model")
	// ErrTooLarge reports that the file exceeds Options.MaxBytes.
	ErrTooLarge = errors.New("too large")
)

// Result is the result of a pull.
type Result struct {
	// Path is the model's file in the repository.
	Path string
	// SHA256 is the file's digest, 64 lower-case hexadecimal digits.
	SHA256 string
	// Bytes is the file's size.
	Bytes int64
	// Present reports that the repository already had the version with the expected
	// digest: nothing was downloaded.
	Present bool
}

// PartialError reports that a pull ended early and its bytes are kept: the same pull
// resumes from there.
type PartialError struct {
	// Err is the cause.
	Err error
	// Bytes is the number of kept bytes, Total the file's size, -1 if it is unknown.
	Bytes, Total int64
	// Dir is the directory of the kept bytes.
	Dir string
}

func (e *PartialError) Error() string {
	of := ""
	if e.Total >= 0 {
		of = fmt.Sprintf(" of %d", e.Total)
	}
	return fmt.Sprintf("%v; %d%s bytes are kept in %s: repeat the pull to resume", e.Err, e.Bytes, of, e.Dir)
}

func (e *PartialError) Unwrap() error { return e.Err }

// Pull downloads a model file to <Dir>/<Name>/<Version>/model.onnx. On success the file
// is flushed to the disk; on failure the model's directory is unchanged. When ctx is
// done Pull returns ctx's cause. Received bytes are kept and the error is a
// *PartialError, unless the checksum was wrong. Errors name options by setting.Key. Pulls
// of several versions may run concurrently, in one process or several.
func Pull(ctx context.Context, options Options) (_ Result, err error) {
	j, err := newJob(options)
	if err != nil {
		return Result{}, err
	}
	if present, err := j.existing(ctx); err != nil || present.Present {
		return present, err
	}
	w, err := j.openWorkspace()
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	// Another pull may have published it before this one acquired the lock.
	if present, err := j.existing(ctx); err != nil || present.Present {
		return present, err
	}
	d := &download{job: j, w: w, hash: sha256.New()}
	if err := d.run(ctx); err != nil {
		return Result{}, d.partialError(err)
	}
	digest, size := d.hash.Sum(nil), w.size
	if j.digest != nil && !bytes.Equal(digest, j.digest) {
		return Result{}, errors.Join(fmt.Errorf("%w: the SHA-256 of %s is %x, want %x; the %d bytes are deleted: check the digest and the URL", ErrChecksum, redacted(j.url), digest, j.digest, size), w.restart(source{}))
	}
	if err := j.publish(w); err != nil {
		return Result{}, d.partialError(err)
	}
	return Result{Path: filepath.Join(j.versionDir(), modelFile), SHA256: hex.EncodeToString(digest), Bytes: size}, nil
}

// partialError returns err, as a *PartialError if the workspace keeps bytes.
func (d *download) partialError(err error) error {
	if d.w.size == 0 {
		return err
	}
	return &PartialError{Err: err, Bytes: d.w.size, Total: d.w.source.Size, Dir: d.w.dir}
}

// existing checks the version's directory. It must not exist, or hold a file with the
// expected digest, so that a pull can be repeated.
func (j *job) existing(ctx context.Context) (Result, error) {
	if info, err := os.Stat(j.Dir); err != nil || !info.IsDir() {
		return Result{}, setting.Errorf("the models directory %q does not exist: create it, or set %s to another", j.Dir, setting.Models)
	}
	if _, err := os.Lstat(j.versionDir()); errors.Is(err, fs.ErrNotExist) {
		return Result{}, nil
	} else if err != nil {
		return Result{}, err
	}
	path := filepath.Join(j.versionDir(), modelFile)
	if j.digest == nil {
		return Result{}, setting.Errorf("%w: %s: use %s %d, or remove it", ErrExists, j.versionDir(), setting.Version, j.nextVersion())
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Result{}, setting.Errorf("%w: %s, without a %s: remove it, or use %s %d", ErrExists, j.versionDir(), modelFile, setting.Version, j.nextVersion())
	}
	if err != nil {
		return Result{}, err
	}
	defer file.Close()
	hash := sha256.New()
	size, err := io.Copy(hash, contextReader(ctx, file))
	if err != nil {
		return Result{}, err
	}
	if digest := hash.Sum(nil); !bytes.Equal(digest, j.digest) {
		return Result{}, setting.Errorf("%w: the SHA-256 of %s is %x, want %x: use %s %d, or remove %s", ErrExists, path, digest, j.digest, setting.Version, j.nextVersion(), j.versionDir())
	}
	return Result{Path: path, SHA256: hex.EncodeToString(j.digest), Bytes: size, Present: true}, nil
}

// nextVersion returns the model's highest version number plus 1, for messages.
func (j *job) nextVersion() int64 {
	next := j.Version + 1
	entries, err := os.ReadDir(j.modelDir())
	if err != nil {
		return next // it is only a suggestion
	}
	for _, entry := range entries {
		if n, err := strconv.ParseInt(entry.Name(), 10, 64); err == nil {
			next = max(next, n+1)
		}
	}
	return next
}

// contextReader returns a reader of file that fails when ctx is done.
func contextReader(ctx context.Context, file io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, stoppedError(ctx)
		}
		return file.Read(p)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
