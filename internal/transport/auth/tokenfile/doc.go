// Package tokenfile has the clients of a file with bearer tokens.
//
// The file has SHA-256 digests of the tokens, not the tokens. A slow hash, as for passwords, would
// protect nothing more: a token is 256 random bits, and cannot be guessed by trying.
package tokenfile
