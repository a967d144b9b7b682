// Package auth authenticates the requests of clients and decides which are allowed.
//
// A [Policy] authenticates the header of a request, and compares the permissions of its client with
// what the route needs, before the body is read. Package server has the middleware, package permission
// what clients may do, and package tokenfile the clients of a file.
package auth
