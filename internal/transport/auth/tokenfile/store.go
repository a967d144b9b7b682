package tokenfile

import (
	"bytes"
	"context"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"os"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/transport/auth"
	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
)

// interval is the time between two reads of the file. It is read, and not watched: names that are
// links, as in a Secret that Kubernetes mounts, change without an event on the file.
const interval = time.Second

// Store has the clients of a file, and follows its changes. It is safe for concurrent use.
type Store struct {
	name    string
	log     *slog.Logger
	clients atomic.Pointer[map[Digest]*known]
	// content and failure are of the last read. Watch alone uses them.
	content []byte
	failure string
}

// known is a client with its digest.
type known struct {
	digest Digest
	client *permission.Client
}

// Open reads the file with a name. log gets the reloads and their errors.
func Open(name string, log *slog.Logger) (*Store, error) {
	s := &Store{name: name, log: log}
	s.clients.Store(&map[Digest]*known{})
	content, err := read(name)
	if err == nil {
		err = s.set(content)
	}
	if err != nil {
		return nil, setting.Errorf("%s %q: %w", setting.AuthTokens, name, err)
	}
	if info, err := os.Stat(name); err == nil && info.Mode().Perm()&0o077 != 0 {
		log.Warn("other users can read the file with the digests of tokens: set its mode to 0600", "setting", setting.AuthTokens, "mode", info.Mode().Perm().String())
	}
	return s, nil
}

// Watch reloads the file when it changes, until ctx is done. A file that is not valid changes
// nothing and is logged.
func (s *Store) Watch(ctx context.Context) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.reload()
		}
	}
}

func (s *Store) reload() {
	content, err := read(s.name)
	if err == nil {
		if bytes.Equal(content, s.content) {
			s.failure = ""
			return
		}
		err = s.set(content)
	}
	if err == nil {
		s.failure = ""
		s.log.Info("tokens are reloaded", "tokens", len(*s.clients.Load()), "setting", setting.AuthTokens)
		return
	}
	if text := err.Error(); text != s.failure { // once, not in each interval
		s.failure = text
		s.log.Error("tokens are not reloaded, the former ones stay valid: correct the file", "error", err, "setting", setting.AuthTokens)
	}
}

// set replaces the clients. One that has not changed stays; the others are revoked, also in their
// streams.
func (s *Store) set(content []byte) error {
	entries, err := Parse(content)
	if err != nil {
		return err
	}
	former := *s.clients.Load()
	clients := make(map[Digest]*known, len(entries))
	for i := range entries {
		client, digest, err := entries[i].client()
		if err != nil {
			return err
		}
		k := &known{digest, client}
		if was := former[digest]; was != nil && same(was.client, client) {
			k = was
		}
		clients[digest] = k
	}
	s.content = content
	s.clients.Store(&clients)
	for digest, was := range former {
		if clients[digest] != was {
			was.client.Revoke()
		}
	}
	return nil
}

func same(a, b *permission.Client) bool {
	return a.Name == b.Name && a.Expires.Equal(b.Expires) && reflect.DeepEqual(a.Actions, b.Actions) && reflect.DeepEqual(a.Models, b.Models)
}

// Authenticate is an [auth.Authenticator] of bearer tokens. The token is looked up by its digest,
// of which a client cannot choose the bits: what the time of the lookup reveals of a digest reveals
// nothing of a token.
func (s *Store) Authenticate(_ context.Context, r *http.Request) (*permission.Client, error) {
	token, present, ok := auth.Bearer(r.Header)
	if !present {
		return nil, nil //nolint:nilnil // the request has no credential
	}
	digest := DigestOf(token)
	k := (*s.clients.Load())[digest]
	if !ok || k == nil || subtle.ConstantTimeCompare(digest[:], k.digest[:]) != 1 || !k.client.Valid() {
		return nil, permission.ErrUnauthenticated
	}
	return k.client, nil
}
