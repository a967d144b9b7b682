package tokenfile

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
)

// prefix begins each token, so that scanners for leaked secrets find it.
const prefix = "tw_"

// New returns a new token: 256 random bits in the alphabet of base64url.
func New() string {
	random := make([]byte, sha256.Size)
	_, _ = rand.Read(random) // it never fails
	return prefix + base64.RawURLEncoding.EncodeToString(random)
}

// Digest is the SHA-256 digest of a token.
type Digest [sha256.Size]byte

// DigestOf returns the digest of a token.
func DigestOf(token string) Digest { return sha256.Sum256([]byte(token)) }

// String returns the digest in hexadecimal digits, as the file has it.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

func parseDigest(text string) (d Digest, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(d) {
		return d, fmt.Errorf("sha256 has %d characters: give the 64 hexadecimal digits that tensorwire token new prints", len(text))
	}
	copy(d[:], raw)
	return d, nil
}
