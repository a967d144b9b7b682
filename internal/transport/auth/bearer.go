package auth

import (
	"net/http"
	"strings"

	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// maxToken bounds a bearer token, in bytes. Tokens of a file have 46.
const maxToken = 8 << 10

// Bearer returns the token of the header field Authorization (RFC 6750, section 2.1). present
// reports whether there is such a field; ok, whether it has one well-formed token.
func Bearer(header http.Header) (token string, present, ok bool) {
	values := header[wire.HeaderAuthorization]
	if len(values) != 1 {
		return "", len(values) > 0, false
	}
	scheme, token, found := strings.Cut(values[0], " ")
	token = strings.TrimLeft(token, " ")
	if !found || !strings.EqualFold(scheme, "Bearer") || !isToken(token) {
		return "", true, false
	}
	return token, true, true
}

// isToken reports whether text is a token68 of RFC 9110, section 11.2.
func isToken(text string) bool {
	text = strings.TrimRight(text, "=")
	if text == "" || len(text) > maxToken {
		return false
	}
	for i := range len(text) {
		c := text[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-._~+/", rune(c)) {
			return false
		}
	}
	return true
}
