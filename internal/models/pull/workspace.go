package pull

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tensorwire/tensorwire/internal/base/filelock"
)

// The files of a workspace.
const (
	lockFile    = "lock"
	partialFile = "model.onnx.partial"
	sourceFile  = "source.json"
	stagedDir   = "staged"
)

// workspace is the directory of one pull, locked against others. It holds the received
// bytes and the description of their file, and is kept when a pull ends early.
type workspace struct {
	dir  string
	lock *os.File
	// file holds the received bytes; nil once it is published.
	file *os.File
	// size is the number of these bytes and the offset of the next write.
	size   int64
	source source
}

// source describes the file of a workspace's bytes, stored in source.json.
type source struct {
	// URL is a digest of the URL, because the URL may contain secrets.
	URL string `json:"url_sha256"`
	// SHA256 is the expected digest, empty if none was given.
	SHA256 string `json:"sha256,omitempty"`
	// ETag and LastModified are the server's if they are strong validators: equal
	// validators mean equal bytes.
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
	// Size is the file's size, -1 while it is unknown.
	Size int64 `json:"size"`
}

// validator returns the validator for If-Range, empty if there is none.
func (s source) validator() string {
	if s.ETag != "" {
		return s.ETag
	}
	return s.LastModified
}

// sameFile reports whether s, from an earlier pull, may be the file of j: it has the
// same URL, or the same digest, which is checked when the file is complete. Signed URLs
// of storage services differ each time.
func (s source) sameFile(j *job) bool {
	return s.URL == j.urlDigest() || (s.SHA256 != "" && strings.EqualFold(s.SHA256, j.SHA256))
}

func (j *job) urlDigest() string {
	sum := sha256.Sum256([]byte(j.URL))
	return hex.EncodeToString(sum[:])
}

// openWorkspace locks the workspace of j and opens the files of an earlier pull.
func (j *job) openWorkspace() (*workspace, error) {
	w := &workspace{dir: j.workDir()}
	if err := w.acquire(); errors.Is(err, filelock.ErrLocked) {
		return nil, fmt.Errorf("%w: it downloads model %q version %d to %s: wait until it ends, or stop it", ErrBusy, j.Name, j.Version, j.Dir)
	} else if err != nil {
		return nil, err
	}
	if err := w.open(j); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

// acquire acquires the lock. The previous holder may remove the lock and the directory
// at the same time; they are then created again.
func (w *workspace) acquire() error {
	for range 100 {
		if err := os.Mkdir(w.dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		lock, err := filelock.Open(filepath.Join(w.dir, lockFile))
		if err == nil {
			w.lock = lock
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return filelock.ErrLocked
}

func (w *workspace) open(j *job) error {
	// A pull that was killed while publishing left the file there.
	staged, partial := w.staged(j.number()), filepath.Join(w.dir, partialFile)
	if err := os.Rename(staged, partial); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(partial, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	w.file = file
	if w.size, err = file.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(w.dir, sourceFile))
	if err == nil {
		err = json.Unmarshal(text, &w.source)
	}
	if err != nil {
		// The origin of the bytes is unknown.
		return w.restart(source{Size: -1})
	}
	return nil
}

// staged returns the path of the model's file before its directory is renamed.
func (w *workspace) staged(number string) string {
	return filepath.Join(w.dir, stagedDir, number, modelFile)
}

// restart deletes the bytes and stores s as the file of the next ones.
func (w *workspace) restart(s source) error {
	if err := w.file.Truncate(0); err != nil {
		return err
	}
	if _, err := w.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	w.size, w.source = 0, s
	return w.save()
}

// save writes source.json atomically.
func (w *workspace) save() error {
	text, err := json.Marshal(w.source)
	if err != nil {
		return err
	}
	path := filepath.Join(w.dir, sourceFile)
	if err := os.WriteFile(path+".new", text, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Write appends received bytes.
func (w *workspace) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	w.size += int64(n)
	return n, err
}

// close releases the lock, and removes the workspace if it has no bytes.
func (w *workspace) close() error {
	var err error
	if w.file != nil {
		err = w.file.Close()
	}
	empty := w.size == 0
	if empty {
		for _, name := range []string{partialFile, sourceFile, sourceFile + ".new", stagedDir} {
			err = errors.Join(err, os.RemoveAll(filepath.Join(w.dir, name)))
		}
	}
	err = errors.Join(err, filelock.Close(w.lock, empty))
	if empty {
		// The next pull may be using the directory already: it then stays.
		_ = os.Remove(w.dir)
	}
	return err
}
