package rpc

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/internal/bufpool"
)

// unaryStream is a unary call of Connect's protocol: the body is the message.
type unaryStream struct {
	w        http.ResponseWriter
	r        *http.Request
	info     *connect.CallInfo
	limit    int64
	received bool
	sent     bool
	own      []byte
}

func (p *procedure) serveUnary(w http.ResponseWriter, r *http.Request) {
	s := &unaryStream{w: w, r: r, info: p.newInfo(r, connect.ProtocolNameConnect), limit: p.options.MaxMessageBytes}
	ctx, cancel, err := withTimeout(r)
	defer cancel()
	reusable := true
	if err == nil {
		err, reusable = p.call(ctx, s.info, s)
	}
	if err == nil && !s.sent {
		err = connect.NewError(connect.CodeInternal, "the handler gave no answer")
	}
	if err != nil && !s.sent {
		copyHeader(w.Header(), "", s.info.ResponseHeader())
		copyHeader(w.Header(), "Trailer-", s.info.ResponseTrailer())
		_ = p.errors.Write(w, r, asRPCError(ctx, err)) // the caller has gone
	}
	_ = r.Body.Close() // what is left of it is not wanted
	if reusable && s.own != nil {
		bufpool.Put(s.own)
	}
}

// Receive implements connect.ServerStream.
func (s *unaryStream) Receive(msg any) error {
	m, ok := msg.(proto.Message)
	if !ok {
		return notAMessage(msg)
	}
	if s.received {
		return io.EOF
	}
	s.received = true
	buf, err := s.read()
	if err != nil {
		return err
	}
	s.info.ReceiveStats = connect.MessageStats{Size: len(buf)}
	aliases, err := decode(buf, m)
	if err == nil && aliases {
		s.own = buf
		return nil
	}
	bufpool.Put(buf)
	if err != nil {
		return connect.Errorf(connect.CodeInvalidArgument, "the message is no valid %s", m.ProtoReflect().Descriptor().FullName()).WithCause(err)
	}
	return nil
}

// read reads the body: into one buffer where its length is known, else into one that
// grows.
func (s *unaryStream) read() ([]byte, error) {
	if n := s.r.ContentLength; n > s.limit {
		return nil, tooLarge(n, s.limit)
	} else if n >= 0 {
		return readMessage(s.r.Body, int(n))
	}
	buf := bufpool.Get(64 << 10)
	for got := 0; ; {
		n, err := s.r.Body.Read(buf[got:])
		got += n
		switch {
		case int64(got) > s.limit:
			bufpool.Put(buf)
			return nil, connect.Errorf(connect.CodeResourceExhausted, "the message has more than the %d bytes that the server takes (--max-message-bytes)", s.limit)
		case errors.Is(err, io.EOF):
			return buf[:got], nil
		case err != nil:
			bufpool.Put(buf)
			return nil, bodyError(err)
		case got == len(buf):
			larger := bufpool.Get(2 * len(buf))
			copy(larger, buf)
			bufpool.Put(buf)
			buf = larger
		}
	}
}

// SendHeaders implements connect.ServerStream: the header waits for the answer, for an
// error has another status.
func (s *unaryStream) SendHeaders() error { return nil }

// Send implements connect.ServerStream.
func (s *unaryStream) Send(msg any) error {
	m, ok := msg.(proto.Message)
	if !ok {
		return notAMessage(msg)
	}
	e, err := encode(m, 0)
	if err != nil {
		return connect.NewError(connect.CodeInternal, "the answer could not be encoded").WithCause(err)
	}
	defer e.release()
	s.sent = true
	s.info.SendStats = connect.MessageStats{Size: e.size}
	header := s.w.Header()
	copyHeader(header, "", s.info.ResponseHeader())
	copyHeader(header, "Trailer-", s.info.ResponseTrailer())
	header["Content-Type"] = []string{"application/proto"}
	header["Content-Length"] = []string{strconv.Itoa(e.size)}
	s.w.WriteHeader(http.StatusOK)
	err = e.writeTo(func(p []byte) error {
		_, err := s.w.Write(p)
		return err
	})
	if err != nil {
		return connect.NewError(connect.CodeCanceled, "the caller takes no answer").WithCause(err)
	}
	return nil
}
