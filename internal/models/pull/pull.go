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
)

// modelFile is the name of a version's model.
const modelFile = "model.onnx"

var (
	// ErrExists says that the repository has the version already.
	ErrExists = errors.New("the version exists")
	// ErrBusy says that another pull of the same version runs.
	ErrBusy = errors.New("another pull runs")
	// ErrChecksum says that the file is not the one that was asked for.
	ErrChecksum = errors.New("wrong checksum")
	// ErrNotModel says that what the URL gives is evidently no ONNX model.
	ErrNotModel = errors.New("not an ONNX model")
	// ErrTooLarge says that the file has more than Options.MaxBytes.
	ErrTooLarge = errors.New("too large")
)

// Result is what a pull did.
type Result struct {
	// Path is the model's file in the repository.
	Path string
	// SHA256 is the file's digest, 64 lower-case hexadecimal digits.
	SHA256 string
	// Bytes is the file's size.
	Bytes int64
	// Present says that the repository had the version already, with the digest that
	// was asked for: nothing was downloaded.
	Present bool
}

// PartialError says that a pull ended early and that what it brought is kept: the
// same pull goes on from there.
type PartialError struct {
	// Err is why the pull ended.
	Err error
	// Bytes of Total are kept; Total is -1 where it is unknown.
	Bytes, Total int64
	// Dir is the directory that holds them.
	Dir string
}

func (e *PartialError) Error() string {
	of := ""
	if e.Total >= 0 {
		of = fmt.Sprintf(" of %d", e.Total)
	}
	return fmt.Sprintf("%v; %d%s bytes are kept in %s: the same command goes on from there", e.Err, e.Bytes, of, e.Dir)
}

func (e *PartialError) Unwrap() error { return e.Err }

// Pull downloads a model file to <Dir>/<Name>/<Version>/model.onnx. It returns when
// the file is there, flushed to the disk, or when that failed; nothing is in the
// model's directory then. When ctx is done it ends with ctx's cause. What arrived by
// then is kept, and the error is a *PartialError, unless the file proved to be a
// wrong one. It may run at once for several versions, in one process or several.
func Pull(ctx context.Context, options Options) (_ Result, err error) {
	j, err := newJob(options)
	if err != nil {
		return Result{}, err
	}
	if present, err := j.present(ctx); err != nil || present.Present {
		return present, err
	}
	w, err := j.openWorkspace()
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	// Another pull may have brought it before this one got the lock.
	if present, err := j.present(ctx); err != nil || present.Present {
		return present, err
	}
	d := &download{job: j, w: w, hash: sha256.New()}
	if err := d.run(ctx); err != nil {
		return Result{}, d.kept(err)
	}
	digest, size := d.hash.Sum(nil), w.size
	if j.digest != nil && !bytes.Equal(digest, j.digest) {
		return Result{}, errors.Join(fmt.Errorf("%w: the SHA-256 of %s is %x, expected is %x; the %d bytes are deleted: check the digest, and whether the URL is the model's", ErrChecksum, shown(j.url), digest, j.digest, size), w.restart(source{}))
	}
	if err := j.publish(w); err != nil {
		return Result{}, d.kept(err)
	}
	return Result{Path: filepath.Join(j.versionDir(), modelFile), SHA256: hex.EncodeToString(digest), Bytes: size}, nil
}

// kept returns err, with what the workspace keeps.
func (d *download) kept(err error) error {
	if d.w.size == 0 {
		return err
	}
	return &PartialError{Err: err, Bytes: d.w.size, Total: d.w.source.Size, Dir: d.w.dir}
}

// present looks at what is in the version's place. Nothing may be, or the very file
// that is asked for, so that the same pull can be run twice.
func (j *job) present(ctx context.Context) (Result, error) {
	if info, err := os.Stat(j.Dir); err != nil || !info.IsDir() {
		return Result{}, fmt.Errorf("the models directory %q is not there: make it, or name another with --models", j.Dir)
	}
	if _, err := os.Lstat(j.versionDir()); errors.Is(err, fs.ErrNotExist) {
		return Result{}, nil
	} else if err != nil {
		return Result{}, err
	}
	path := filepath.Join(j.versionDir(), modelFile)
	if j.digest == nil {
		return Result{}, fmt.Errorf("%w: %s is there: give --version %d, or remove it", ErrExists, j.versionDir(), j.nextVersion())
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Result{}, fmt.Errorf("%w: %s is there, without a %s: remove it, or give --version %d", ErrExists, j.versionDir(), modelFile, j.nextVersion())
	}
	if err != nil {
		return Result{}, err
	}
	defer file.Close()
	hash := sha256.New()
	size, err := io.Copy(hash, reading(ctx, file))
	if err != nil {
		return Result{}, err
	}
	if digest := hash.Sum(nil); !bytes.Equal(digest, j.digest) {
		return Result{}, fmt.Errorf("%w: the SHA-256 of %s is %x, asked for is %x: give --version %d, or remove %s", ErrExists, path, digest, j.digest, j.nextVersion(), j.versionDir())
	}
	return Result{Path: path, SHA256: hex.EncodeToString(j.digest), Bytes: size, Present: true}, nil
}

// nextVersion returns the number after the greatest that the model has.
func (j *job) nextVersion() int64 {
	next := j.Version + 1
	entries, err := os.ReadDir(j.modelDir())
	if err != nil {
		return next // a suggestion alone hangs on it
	}
	for _, entry := range entries {
		if n, err := strconv.ParseInt(entry.Name(), 10, 64); err == nil {
			next = max(next, n+1)
		}
	}
	return next
}

// reading returns file for a long read, which ends when ctx is done.
func reading(ctx context.Context, file io.Reader) io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, stopped(ctx)
		}
		return file.Read(p)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
