package server

import "net/http"

// Handler returns the handler that Serve serves, for a server of another program. That
// server's own settings hold for connections. The handler needs HTTP/2 for gRPC.
func (s *Server) Handler() http.Handler { return s.http.Handler }
