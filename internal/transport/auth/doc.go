// Package auth decides who a client is and what it may do.
//
// Each route has a [Need]: the action, and the model where the path names it. A [Policy]
// authenticates the header of a request, and compares the client's permissions with the need, before
// the body is read. Where a message names the model, handlers call [CheckModel] as soon as they know
// the name. Package server has the middleware; package tokenfile has the clients of a file.
package auth
