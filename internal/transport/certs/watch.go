package certs

import (
	"context"
	"os"
	"time"
)

// interval is how often the files are read. They are compared by their content, because times and
// inodes of Kubernetes' volumes are those of links.
const interval = 5 * time.Second

// Watch follows the files until ctx is done. New connections get a new certificate. While the files
// cannot be loaded, the state before is served. That is logged once.
func (s *Store) Watch(ctx context.Context) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.Reload()
		}
	}
}

// Reload loads the files if they have changed, as Watch does. It is for the goroutine of Watch.
func (s *Store) Reload() {
	if !s.rereadable() {
		return
	}
	old := s.current.Load()
	next, err := s.load(old)
	if err != nil {
		s.fail(err)
		return
	}
	s.seen, s.reported = "", ""
	s.failing.Store(false)
	if next != old {
		s.current.Store(next)
		s.log.Info("the files of TLS have changed: new connections use them", "not_after", next.leaf.NotAfter, "fingerprint", s.Fingerprint())
	}
}

// fail reports files that cannot be loaded. The first time it waits for the next look: a program may
// have replaced one file and not yet the other.
func (s *Store) fail(err error) {
	text := err.Error()
	if text != s.seen {
		s.seen = text
		return
	}
	s.failing.Store(true)
	if text != s.reported {
		s.reported = text
		s.log.Error("the files of TLS cannot be loaded: the certificate before is still served", "error", err, "not_after", s.NotAfter())
	}
}

// rereadable reports whether all files are regular ones. A pipe, such as of a shell's process
// substitution, is read once, at the start: a second read would not end.
func (s *Store) rereadable() bool {
	for _, name := range []string{s.options.CertFile, s.options.KeyFile, s.options.ClientCAFile} {
		if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
			return false
		}
	}
	return true
}
