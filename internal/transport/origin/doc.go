// Package origin decides whose web pages may call the server, and under which names.
//
// A browser names the page that makes a request in the header field Origin (RFC 6454). A page of
// the server's own origin may call it; pages of other origins may if the operator allows them. One
// matcher decides for requests and for CORS preflights.
//
// A page of another site can give its own host name the server's address (DNS rebinding). Its
// requests are then of the server's own origin, but their Host is the foreign name. The package
// therefore also checks the Host of requests from browsers.
package origin
