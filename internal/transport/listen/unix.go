package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// dialTimeout bounds the question whether somebody listens on a socket. A listener whose queue is
// full does not answer.
const dialTimeout = 5 * time.Second

// bindUnix binds a Unix socket. A file that an ended program has left is replaced.
func (a *Address) bindUnix(ctx context.Context) (net.Listener, error) {
	var config net.ListenConfig
	if a.target[0] == '@' {
		return config.Listen(ctx, "unix", a.target)
	}
	// Two servers that start together must not remove each other's socket.
	unlock, err := lockDirectory(filepath.Dir(a.target))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := removeStale(ctx, a.target); err != nil {
		return nil, err
	}
	if a.mode != 0 {
		// Nobody may connect between bind and chmod whom the mode does not allow.
		config.Control = func(_, _ string, c syscall.RawConn) error { return restrict(c, a.mode) }
	}
	listener, err := config.Listen(ctx, "unix", a.target)
	if err != nil {
		return nil, err
	}
	bound := listener.(*net.UnixListener)
	bound.SetUnlinkOnClose(false) // it would remove the socket of a program that has replaced it
	file, err := os.Lstat(a.target)
	if err == nil && a.mode != 0 {
		err = os.Chmod(a.target, a.mode) // the umask has restricted it
	}
	if err != nil {
		return nil, errors.Join(err, bound.Close())
	}
	return &unixListener{UnixListener: bound, path: a.target, file: file}, nil
}

// removeStale removes the socket of a program that has ended.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s exists and is no socket: remove it, or give another path", path)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err == nil {
		return errors.Join(fmt.Errorf("%s: %w", path, syscall.EADDRINUSE), conn.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("whether another program listens on %s is unknown: %w", path, err)
	}
	return os.Remove(path)
}

// unixListener removes its file when it is closed, unless the file is another's by then.
type unixListener struct {
	*net.UnixListener
	path string
	file fs.FileInfo
	once sync.Once
}

// Close implements [net.Listener].
func (l *unixListener) Close() error {
	l.once.Do(func() {
		if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.file) {
			_ = os.Remove(l.path) // the next start removes a socket that nobody listens on
		}
	})
	return l.UnixListener.Close()
}
