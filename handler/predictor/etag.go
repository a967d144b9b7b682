package predictor

import (
	"context"
	"crypto/rand"
	"fmt"
	"hash/fnv"
	"net/http"
	"strings"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// etags lets browsers cache the answers of GETs. An answer depends on the URL, on the
// repository's state, which has a number, and on the workers, which change without it. The
// random part is of this process, since the numbers of an earlier one mean other states.
type etags struct{ process string }

func newETags() etags { return etags{process: rand.Text()} }

// check sets the headers with which a GET is cached. It returns the error that answers
// 304 when the caller's copy is current.
func (e etags) check(ctx context.Context, snapshot *infer.Snapshot) error {
	call, ok := connect.CallInfoForServerContext(ctx)
	if !ok {
		return nil
	}
	server, ok := connecthttp.ServerInfoForContext(ctx)
	if !ok || server.HTTPMethod() != http.MethodGet || anyFailing(snapshot) {
		return nil // a failing version recovers without a new snapshot
	}
	tag := fmt.Sprintf(`W/"%s-%d-%x-%x"`, e.process, snapshot.Generation, hashWorkers(snapshot), hashClient(ctx))
	call.ResponseHeader().Set(wire.HeaderETag, tag)
	call.ResponseHeader().Set("Cache-Control", "no-cache")
	for _, known := range call.RequestHeader().Values(wire.HeaderIfNoneMatch) {
		if known == "*" || strings.Contains(known, tag) {
			return connecthttp.NewNotModifiedError()
		}
	}
	return nil
}

// hashClient returns a hash of the permissions of the client, which sees its models only; 0 for none.
func hashClient(ctx context.Context) uint64 {
	client := permission.ClientOf(ctx)
	if client == nil {
		return 0
	}
	hash := fnv.New64a()
	fmt.Fprintf(hash, "%q", client.Models) // a hash never fails
	return hash.Sum64()
}

// hashWorkers returns a hash of the state of all workers.
func hashWorkers(snapshot *infer.Snapshot) uint64 {
	hash := fnv.New64a()
	for _, m := range snapshot.Models {
		for _, v := range m.Versions {
			if w, ok := v.Worker(); ok {
				fmt.Fprint(hash, w) // a hash never fails
			}
		}
	}
	return hash.Sum64()
}

func anyFailing(snapshot *infer.Snapshot) bool {
	for _, m := range snapshot.Models {
		for _, v := range m.Versions {
			if v.Failing() != nil {
				return true
			}
		}
	}
	return false
}
