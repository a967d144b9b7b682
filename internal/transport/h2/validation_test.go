package h2_test

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"

	"github.com/tensorwire/tensorwire/internal/transport/h2"
)

func TestRequestValidation(t *testing.T) {
	tests := map[string]struct {
		fields []string
		status string // "": reset with PROTOCOL_ERROR
	}{
		"GET":                           {fields: get("/"), status: "200"},
		"path with a query":             {fields: get("/a?b=c"), status: "200"},
		"host without :authority":       {fields: []string{":method", "GET", ":scheme", "http", ":path", "/", "host", "there"}, status: "200"},
		"equal host":                    {fields: append(get("/"), "host", "HOST"), status: "200"},
		"te: trailers":                  {fields: append(get("/"), "te", "trailers"), status: "200"},
		"OPTIONS *":                     {fields: []string{":method", "OPTIONS", ":scheme", "http", ":authority", "host", ":path", "*"}, status: "200"},
		"CONNECT":                       {fields: []string{":method", "CONNECT", ":authority", "host:1"}, status: "200"},
		"host other than :authority":    {fields: append(get("/"), "host", "other"), status: "200"}, // gRPC metadata
		"two hosts and :authority":      {fields: append(get("/"), "host", "host", "host", "other"), status: "200"},
		"duplicate host":                {fields: []string{":method", "GET", ":scheme", "http", ":path", "/", "host", "host", "host", "host"}},
		"userinfo in :authority":        {fields: []string{":method", "GET", ":scheme", "http", ":authority", "me@host", ":path", "/"}},
		"malformed :authority":          {fields: []string{":method", "GET", ":scheme", "http", ":authority", "ho st", ":path", "/"}},
		"no :method":                    {fields: []string{":scheme", "http", ":authority", "host", ":path", "/"}},
		"no :scheme":                    {fields: []string{":method", "GET", ":authority", "host", ":path", "/"}},
		"no :path":                      {fields: []string{":method", "GET", ":scheme", "http", ":authority", "host"}},
		"empty :path":                   {fields: get("")},
		"relative :path":                {fields: get("a")},
		"GET *":                         {fields: get("*")},
		"unknown :scheme":               {fields: []string{":method", "GET", ":scheme", "ftp", ":authority", "host", ":path", "/"}},
		"malformed :method":             {fields: []string{":method", "GE T", ":scheme", "http", ":authority", "host", ":path", "/"}},
		"CONNECT with :path":            {fields: []string{":method", "CONNECT", ":authority", "host:1", ":path", "/"}},
		"CONNECT without :authority":    {fields: []string{":method", "CONNECT"}},
		"extended CONNECT":              {fields: append([]string{":protocol", "websocket"}, get("/")...)},
		"duplicate pseudo-header field": {fields: append([]string{":method", "GET"}, get("/")...)},
		"pseudo-header field after a regular one": {fields: append(get("/"), "x", "y", ":path", "/")},
		"pseudo-header field of responses":        {fields: append([]string{":status", "200"}, get("/")...)},
		"upper-case name":                         {fields: append(get("/"), "Accept", "x")},
		"empty name":                              {fields: append(get("/"), "", "x")},
		"name with a space":                       {fields: append(get("/"), "a b", "x")},
		"value with a line feed":                  {fields: append(get("/"), "a", "x\ny: z")},
		"connection":                              {fields: append(get("/"), "connection", "close")},
		"keep-alive":                              {fields: append(get("/"), "keep-alive", "1")},
		"proxy-connection":                        {fields: append(get("/"), "proxy-connection", "close")},
		"transfer-encoding":                       {fields: append(get("/"), "transfer-encoding", "chunked")},
		"upgrade":                                 {fields: append(get("/"), "upgrade", "x")},
		"te: gzip":                                {fields: append(get("/"), "te", "gzip")},
		"negative content-length":                 {fields: append(get("/"), "content-length", "-1")},
		"content-length +1":                       {fields: append(get("/"), "content-length", "+1")},
		"conflicting content-length":              {fields: append(get("/"), "content-length", "0", "content-length", "1")},
		"content-length without a body":           {fields: append(get("/"), "content-length", "1")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, serverOf(respondOK), h2.Options{}, func(t *testing.T, l *listener) {
				p := l.dial(t)
				p.mustDo(t, func() error { return p.request(1, true, test.fields...) })
				if test.status == "" {
					p.wantReset(t, 1, http2.ErrCodeProtocol)
				} else {
					p.wantStatus(t, 1, test.status)
				}
				p.wantAlive(t)
			})
		})
	}
}

func TestContentLengthValidation(t *testing.T) {
	inBubble(t, serverOf(respondOK), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		data := func(id uint32, ends bool, n int) {
			p.mustDo(t, func() error { return p.f.WriteData(id, ends, make([]byte, n)) })
		}
		p.mustDo(t, func() error { return p.request(1, false, post("/", "content-length", "5")...) })
		data(1, true, 4)
		p.wantReset(t, 1, http2.ErrCodeProtocol)
		p.mustDo(t, func() error { return p.request(3, false, post("/", "content-length", "5")...) })
		data(3, true, 6)
		p.wantReset(t, 3, http2.ErrCodeProtocol)
		p.mustDo(t, func() error { return p.request(5, false, post("/", "content-length", "5")...) })
		data(5, false, 3)
		data(5, true, 2)
		p.wantStatus(t, 5, "200")
		p.mustDo(t, func() error { return p.request(7, false, post("/", "content-length", "5")...) })
		data(7, false, 3)
		p.mustDo(t, func() error { return p.request(7, true, "x-trailer", "y") }) // ends a body that is too short
		p.wantReset(t, 7, http2.ErrCodeProtocol)
		data(5, false, 1)
		p.wantReset(t, 5, http2.ErrCodeStreamClosed)
		p.wantAlive(t)
		data(11, false, 1)
		p.wantGoAway(t, http2.ErrCodeProtocol)
	})
}

func TestTrailerValidation(t *testing.T) {
	for name, test := range map[string]struct {
		fields []string
		ends   bool
		valid  bool
	}{
		"valid":               {fields: []string{"x-sum", "1"}, ends: true, valid: true},
		"without END_STREAM":  {fields: []string{"x-sum", "1"}, ends: false, valid: false},
		"pseudo-header field": {fields: []string{":path", "/"}, ends: true, valid: false},
		"upper-case name":     {fields: []string{"X-Sum", "1"}, ends: true, valid: false},
		"content-length":      {fields: []string{"content-length", "1"}, ends: true, valid: false},
		"authorization":       {fields: []string{"authorization", "x"}, ends: true, valid: false},
		"transfer-encoding":   {fields: []string{"transfer-encoding", "chunked"}, ends: true, valid: false},
		"too large":           {fields: []string{"x-sum", longValue(9 << 10)}, ends: true, valid: false},
		"unannounced":         {fields: []string{"x-other", "1"}, ends: true, valid: true},
		"te":                  {fields: []string{"te", "trailers"}, ends: true, valid: false},
		"empty":               {fields: nil, ends: true, valid: true},
		"cookie":              {fields: []string{"cookie", "a=b"}, ends: true, valid: true},
	} {
		t.Run(name, func(t *testing.T) {
			var trailer http.Header
			srv := serverOf(func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.ReadAll(r.Body); err == nil {
					trailer = r.Trailer
				}
			})
			srv.MaxHeaderBytes = 8 << 10
			inBubble(t, srv, h2.Options{}, func(t *testing.T, l *listener) {
				p := l.dial(t)
				p.mustDo(t, func() error { return p.request(1, false, post("/", "trailer", "X-Sum, Content-Length")...) })
				p.mustDo(t, func() error { return p.f.WriteData(1, false, []byte("body")) })
				synctest.Wait()
				p.mustDo(t, func() error { return p.request(1, test.ends, test.fields...) })
				e, reset := p.find(http2.FrameRSTStream, 1)
				if reset == test.valid {
					t.Errorf("reset: %v, %v", reset, e.code)
				}
				if len(trailer) > 1 || name == "valid" && trailer.Get("X-Sum") != "1" {
					t.Errorf("trailers %v", trailer)
				}
				p.wantAlive(t)
			})
		})
	}
}

func TestConnectionErrors(t *testing.T) {
	for name, test := range map[string]struct {
		code http2.ErrCode
		do   func(p *peer) error
	}{
		"even stream ID": {code: http2.ErrCodeProtocol, do: func(p *peer) error { return p.request(2, true, get("/")...) }},
		"stream ID below the last": {code: http2.ErrCodeProtocol, do: func(p *peer) error {
			return firstError(p.request(5, true, get("/")...), p.request(3, true, get("/")...))
		}},
		"HEADERS on a closed stream": {code: http2.ErrCodeStreamClosed, do: func(p *peer) error {
			return afterIdle(p.request(1, true, get("/")...), func() error { return p.request(1, true, get("/")...) })
		}},
		"HEADERS on stream 0":             {code: http2.ErrCodeProtocol, do: func(p *peer) error { return p.request(0, true, get("/")...) }},
		"DATA on stream 0":                {code: http2.ErrCodeProtocol, do: func(p *peer) error { return p.f.WriteData(0, false, nil) }},
		"DATA on an idle stream":          {code: http2.ErrCodeProtocol, do: func(p *peer) error { return p.f.WriteData(1, false, nil) }},
		"RST_STREAM on an idle stream":    {code: http2.ErrCodeProtocol, do: func(p *peer) error { return p.f.WriteRSTStream(1, 0) }},
		"WINDOW_UPDATE on an idle stream": {code: http2.ErrCodeProtocol, do: func(p *peer) error { return p.f.WriteWindowUpdate(1, 1) }},
		"WINDOW_UPDATE with increment 0":  {code: http2.ErrCodeProtocol, do: func(p *peer) error { return p.f.WriteWindowUpdate(0, 0) }},
		"PUSH_PROMISE":                    {code: http2.ErrCodeProtocol, do: func(p *peer) error { return p.f.WriteRawFrame(http2.FramePushPromise, 4, 1, make([]byte, 4)) }},
		"oversized frame":                 {code: http2.ErrCodeFrameSize, do: func(p *peer) error { return p.f.WriteRawFrame(http2.FrameData, 0, 1, make([]byte, 1<<20+1)) }},
		"PING of 7 bytes":                 {code: http2.ErrCodeFrameSize, do: func(p *peer) error { return p.f.WriteRawFrame(http2.FramePing, 0, 0, make([]byte, 7)) }},
		"PING on a stream":                {code: http2.ErrCodeProtocol, do: func(p *peer) error { return p.f.WriteRawFrame(http2.FramePing, 0, 1, make([]byte, 8)) }},
		"SETTINGS of 5 bytes":             {code: http2.ErrCodeFrameSize, do: func(p *peer) error { return p.f.WriteRawFrame(http2.FrameSettings, 0, 0, make([]byte, 5)) }},
		"SETTINGS of 4 KiB":               {code: http2.ErrCodeEnhanceYourCalm, do: func(p *peer) error { return p.f.WriteSettings(make([]http2.Setting, 683)...) }},
		"SETTINGS on a stream":            {code: http2.ErrCodeProtocol, do: func(p *peer) error { return p.f.WriteRawFrame(http2.FrameSettings, 0, 1, nil) }},
		"SETTINGS_MAX_FRAME_SIZE 1":       {code: http2.ErrCodeProtocol, do: func(p *peer) error { return p.f.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1}) }},
		"SETTINGS_INITIAL_WINDOW_SIZE 2^31": {code: http2.ErrCodeFlowControl, do: func(p *peer) error {
			return p.f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 31})
		}},
		"SETTINGS_ENABLE_PUSH 2": {code: http2.ErrCodeProtocol, do: func(p *peer) error { return p.f.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 2}) }},
		"GOAWAY on a stream":     {code: http2.ErrCodeProtocol, do: func(p *peer) error { return p.f.WriteRawFrame(http2.FrameGoAway, 0, 1, make([]byte, 8)) }},
		"RST_STREAM of 3 bytes":  {code: http2.ErrCodeFrameSize, do: func(p *peer) error { return p.f.WriteRawFrame(http2.FrameRSTStream, 0, 1, make([]byte, 3)) }},
		"DATA with more padding than payload": {code: http2.ErrCodeProtocol, do: func(p *peer) error {
			return firstError(p.request(1, false, post("/")...), p.f.WriteRawFrame(http2.FrameData, 8, 1, []byte{9, 1, 2}))
		}},
		"HEADERS with more padding than payload": {code: http2.ErrCodeProtocol, do: func(p *peer) error { return p.f.WriteRawFrame(http2.FrameHeaders, 8|4, 1, []byte{9, 0x82, 0x84}) }},
		"padded DATA without a pad length": {code: http2.ErrCodeFrameSize, do: func(p *peer) error {
			return firstError(p.request(1, false, post("/")...), p.f.WriteRawFrame(http2.FrameData, 8, 1, nil))
		}},
		"CONTINUATION without HEADERS": {code: http2.ErrCodeProtocol, do: func(p *peer) error { return p.f.WriteContinuation(1, true, nil) }},
		"interrupted header block": {code: http2.ErrCodeProtocol, do: func(p *peer) error {
			return firstError(p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.encodeBlock(get("/")...)}), p.f.WritePing(false, [8]byte{}))
		}},
		"CONTINUATION on another stream": {code: http2.ErrCodeProtocol, do: func(p *peer) error {
			return firstError(p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.encodeBlock(get("/")...)}), p.f.WriteContinuation(3, true, nil))
		}},
		"HEADERS with a truncated priority": {code: http2.ErrCodeFrameSize, do: func(p *peer) error { return p.f.WriteRawFrame(http2.FrameHeaders, 0x20|4, 1, []byte{1, 2, 3}) }},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, serverOf(respondOK), h2.Options{}, func(t *testing.T, l *listener) {
				p := l.dial(t)
				_ = test.do(p)
				p.wantGoAway(t, test.code)
			})
		})
	}
}

// afterIdle calls do when all goroutines wait, unless err is an error.
func afterIdle(err error, do func() error) error {
	synctest.Wait()
	if err != nil {
		return err
	}
	return do()
}

func TestPadding(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }
	inBubble(t, serverOf(echo), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		p.mustDo(t, func() error {
			return p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, PadLength: 99, BlockFragment: p.encodeBlock(post("/")...), Priority: http2.PriorityParam{StreamDep: 3, Weight: 9}})
		})
		p.mustDo(t, func() error { return p.f.WriteDataPadded(1, false, []byte("pad"), make([]byte, 255)) })
		p.mustDo(t, func() error { return p.f.WriteDataPadded(1, true, []byte("ding"), make([]byte, 1)) })
		if p.wantStatus(t, 1, "200"); p.body() != "padding" {
			t.Errorf("%q", p.body())
		}
	})
}

// Frames on a stream that the server has just reset are no error of the peer.
func TestFramesOnResetStreamsAreIgnored(t *testing.T) {
	early := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }
	inBubble(t, serverOf(early), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		for i := range 250 {
			p.mustDo(t, func() error { return p.request(streamID(i), false, post("/")...) })
		}
		p.waitIdle()
		for i := range 250 {
			p.wantReset(t, streamID(i), http2.ErrCodeNo)
			p.mustDo(t, func() error { return p.f.WriteData(streamID(i), false, []byte("late")) })
			p.mustDo(t, func() error { return p.f.WriteWindowUpdate(streamID(i), 1) })
			p.mustDo(t, func() error { return p.request(streamID(i), true, "x-late", "1") })
		}
		p.wantAlive(t)
	})
}

func TestGoAwayFromPeer(t *testing.T) {
	release := make(chan struct{})
	handler := func(w http.ResponseWriter, _ *http.Request) { <-release }
	inBubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		release = make(chan struct{})
		p := l.dial(t)
		p.mustDo(t, func() error { return p.request(1, true, get("/")...) })
		p.mustDo(t, func() error { return p.f.WriteGoAway(0, http2.ErrCodeNo, nil) })
		if p.isClosed() {
			t.Error("the connection closed with an open stream")
		}
		close(release)
		if p.wantStatus(t, 1, "200"); !p.isClosed() {
			t.Error("the connection is still open")
		}
	})
}
