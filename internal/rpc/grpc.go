package rpc

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"sort"
	"strings"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/internal/bufpool"
)

// grpcStream is a call over gRPC or gRPC-Web.
type grpcStream struct {
	w    http.ResponseWriter
	body io.Reader
	info *connect.CallInfo
	// one says that the request is exactly one message, and only whether the answer
	// is.
	one, only bool
	limit     int64
	received  bool
	begun     bool // the answer's header is on its way
	prefix    [prefixSize]byte
	leases    leases
	// own is the buffer that the one message of a request aliases.
	own []byte
}

var (
	acceptGzip   = []string{"gzip"}
	protocolName = map[bool]string{false: connect.ProtocolNameGRPC, true: connect.ProtocolNameGRPCWeb}
)

func (p *procedure) serveGRPC(w http.ResponseWriter, r *http.Request, web bool) {
	s := &grpcStream{
		w: w, body: r.Body, info: p.newInfo(r, protocolName[web]), limit: p.options.MaxMessageBytes,
		one: p.spec.StreamType&connect.StreamTypeClient == 0, only: p.spec.StreamType == connect.StreamTypeUnary,
	}
	header := w.Header()
	header["Content-Type"] = r.Header["Content-Type"]
	header["Grpc-Accept-Encoding"] = acceptGzip
	ctx, cancel, err := withTimeout(r)
	defer cancel()
	reusable := true
	if err == nil {
		if !s.one {
			ctx = context.WithValue(ctx, leasesKey{}, &s.leases)
		}
		err, reusable = p.call(ctx, s.info, s)
	}
	var failure *connect.Error
	if err != nil {
		failure = asRPCError(ctx, err)
	}
	if web {
		s.endWeb(failure)
	} else {
		s.end(failure)
	}
	_ = r.Body.Close() // what is left of it is not wanted
	if reusable && s.own != nil {
		bufpool.Put(s.own)
	}
}

// Receive implements connect.ServerStream.
func (s *grpcStream) Receive(msg any) error {
	m, ok := msg.(proto.Message)
	if !ok {
		return notAMessage(msg)
	}
	if s.one && s.received {
		return io.EOF
	}
	n, err := readPrefix(s.body, s.prefix[:], s.limit)
	if err != nil {
		if s.one && errors.Is(err, io.EOF) {
			return connect.Errorf(connect.CodeUnimplemented, "the request has no message, and takes one")
		}
		return err
	}
	s.received = true
	if err := s.read(m, n); err != nil {
		return err
	}
	if !s.one {
		return nil
	}
	switch _, err := readPrefix(s.body, s.prefix[:], s.limit); {
	case err == nil:
		return connect.Errorf(connect.CodeUnimplemented, "the request has more than one message, and takes one")
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

// read reads a message of n bytes into m.
func (s *grpcStream) read(m proto.Message, n int) error {
	s.info.ReceiveStats = connect.MessageStats{Size: n}
	if n == 0 {
		return nil
	}
	buf, err := readMessage(s.body, n)
	if err != nil {
		return err
	}
	aliases, err := decode(buf, m)
	switch {
	case err != nil:
		bufpool.Put(buf)
		return connect.Errorf(connect.CodeInvalidArgument, "the message is no valid %s", m.ProtoReflect().Descriptor().FullName()).WithCause(err)
	case !aliases:
		bufpool.Put(buf)
	case s.one:
		s.own = buf
	default:
		s.leases.hold(m, buf)
	}
	return nil
}

// begin sets the answer's header. It goes with the first message.
func (s *grpcStream) begin() {
	if s.begun {
		return
	}
	s.begun = true
	copyHeader(s.w.Header(), "", s.info.ResponseHeader())
	s.w.WriteHeader(http.StatusOK)
}

// SendHeaders implements connect.ServerStream.
func (s *grpcStream) SendHeaders() error {
	if s.only || s.begun {
		return nil
	}
	s.begin()
	return http.NewResponseController(s.w).Flush()
}

// Send implements connect.ServerStream.
func (s *grpcStream) Send(msg any) error {
	m, ok := msg.(proto.Message)
	if !ok {
		return notAMessage(msg)
	}
	e, err := encode(m, prefixSize)
	if err != nil {
		return connect.NewError(connect.CodeInternal, "the answer could not be encoded").WithCause(err)
	}
	defer e.release()
	if uint64(e.size) > 1<<32-1 {
		return connect.Errorf(connect.CodeResourceExhausted, "the answer has %d bytes, a message has 4 GiB at most", e.size)
	}
	e.head[0] = 0
	binary.BigEndian.PutUint32(e.head[1:], uint32(e.size))
	s.info.SendStats = connect.MessageStats{Size: e.size}
	s.begin()
	err = e.writeTo(func(p []byte) error {
		_, err := s.w.Write(p)
		return err
	})
	if err == nil && !s.only {
		err = http.NewResponseController(s.w).Flush()
	}
	if err != nil {
		return connect.NewError(connect.CodeCanceled, "the caller takes no answer").WithCause(err)
	}
	return nil
}

// end sends gRPC's status as trailers.
func (s *grpcStream) end(failure *connect.Error) {
	s.begin()
	header := s.w.Header()
	copyHeader(header, http.TrailerPrefix, s.info.ResponseTrailer())
	setStatus(header, http.TrailerPrefix, failure)
}

// endWeb sends gRPC's status as gRPC-Web does: as a last message of fields in text
// ("Protocol differences" in gRPC's PROTOCOL-WEB.md).
func (s *grpcStream) endWeb(failure *connect.Error) {
	trailer := http.Header{}
	copyHeader(trailer, "", s.info.ResponseTrailer())
	setStatus(trailer, "", failure)
	if !s.begun && s.info.ResponseHeader().Len() == 0 {
		// Nothing else is sent: the trailers are headers then.
		for name, values := range trailer {
			s.w.Header()[name] = values
		}
		s.begun = true
		s.w.WriteHeader(http.StatusOK)
		return
	}
	s.begin()
	names := make([]string, 0, len(trailer))
	for name := range trailer {
		names = append(names, name)
	}
	sort.Strings(names)
	text := make([]byte, prefixSize, 256)
	for _, name := range names {
		for _, value := range trailer[name] {
			text = append(text, strings.ToLower(name)+": "+value+"\r\n"...)
		}
	}
	text[0] = flagTrailer
	binary.BigEndian.PutUint32(text[1:], uint32(len(text)-prefixSize))
	_, _ = s.w.Write(text) // the caller has gone
}
