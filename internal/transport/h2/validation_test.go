package h2_test

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"

	"github.com/tensorwire/tensorwire/internal/transport/h2"
)

func TestRequestsFollowTheRules(t *testing.T) {
	tests := map[string]struct {
		fields []string
		status string // "": reset with PROTOCOL_ERROR
	}{
		"GET":                       {get("/"), "200"},
		"a path with a query":       {get("/a?b=c"), "200"},
		"host instead of authority": {[]string{":method", "GET", ":scheme", "http", ":path", "/", "host", "there"}, "200"},
		"the same host":             {append(get("/"), "host", "HOST"), "200"},
		"te: trailers":              {append(get("/"), "te", "trailers"), "200"},
		"OPTIONS *":                 {[]string{":method", "OPTIONS", ":scheme", "http", ":authority", "host", ":path", "*"}, "200"},
		"CONNECT":                   {[]string{":method", "CONNECT", ":authority", "host:1"}, "200"},
		"another host":              {append(get("/"), "host", "other"), ""},
		"two hosts":                 {append(get("/"), "host", "host", "host", "host"), ""},
		"userinfo":                  {[]string{":method", "GET", ":scheme", "http", ":authority", "me@host", ":path", "/"}, ""},
		"a malformed authority":     {[]string{":method", "GET", ":scheme", "http", ":authority", "ho st", ":path", "/"}, ""},
		"no method":                 {[]string{":scheme", "http", ":authority", "host", ":path", "/"}, ""},
		"no scheme":                 {[]string{":method", "GET", ":authority", "host", ":path", "/"}, ""},
		"no path":                   {[]string{":method", "GET", ":scheme", "http", ":authority", "host"}, ""},
		"an empty path":             {get(""), ""},
		"a relative path":           {get("a"), ""},
		"GET *":                     {get("*"), ""},
		"another scheme":            {[]string{":method", "GET", ":scheme", "ftp", ":authority", "host", ":path", "/"}, ""},
		"a malformed method":        {[]string{":method", "GE T", ":scheme", "http", ":authority", "host", ":path", "/"}, ""},
		"CONNECT with a path":       {[]string{":method", "CONNECT", ":authority", "host:1", ":path", "/"}, ""},
		"CONNECT without authority": {[]string{":method", "CONNECT"}, ""},
		"extended CONNECT":          {append([]string{":protocol", "websocket"}, get("/")...), ""},
		"a field twice":             {append([]string{":method", "GET"}, get("/")...), ""},
		"a pseudo-field behind":     {append(get("/"), "x", "y", ":path", "/"), ""},
		"a pseudo-field of answers": {append([]string{":status", "200"}, get("/")...), ""},
		"upper case":                {append(get("/"), "Accept", "x"), ""},
		"an empty name":             {append(get("/"), "", "x"), ""},
		"a name with a space":       {append(get("/"), "a b", "x"), ""},
		"a value with a line feed":  {append(get("/"), "a", "x\ny: z"), ""},
		"connection":                {append(get("/"), "connection", "close"), ""},
		"keep-alive":                {append(get("/"), "keep-alive", "1"), ""},
		"proxy-connection":          {append(get("/"), "proxy-connection", "close"), ""},
		"transfer-encoding":         {append(get("/"), "transfer-encoding", "chunked"), ""},
		"upgrade":                   {append(get("/"), "upgrade", "x"), ""},
		"te: gzip":                  {append(get("/"), "te", "gzip"), ""},
		"a negative content-length": {append(get("/"), "content-length", "-1"), ""},
		"content-length +1":         {append(get("/"), "content-length", "+1"), ""},
		"two content-lengths":       {append(get("/"), "content-length", "0", "content-length", "1"), ""},
		"content-length, no body":   {append(get("/"), "content-length", "1"), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, serverOf(answerOK), h2.Options{}, func(t *testing.T, l *listener) {
				p := l.dial(t)
				p.write(t, func() error { return p.request(1, true, test.fields...) })
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

func TestBodiesFollowTheRules(t *testing.T) {
	bubble(t, serverOf(answerOK), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		data := func(id uint32, ends bool, n int) {
			p.write(t, func() error { return p.f.WriteData(id, ends, make([]byte, n)) })
		}
		p.write(t, func() error { return p.request(1, false, post("/", "content-length", "5")...) })
		data(1, true, 4)
		p.wantReset(t, 1, http2.ErrCodeProtocol)
		p.write(t, func() error { return p.request(3, false, post("/", "content-length", "5")...) })
		data(3, true, 6)
		p.wantReset(t, 3, http2.ErrCodeProtocol)
		p.write(t, func() error { return p.request(5, false, post("/", "content-length", "5")...) })
		data(5, false, 3)
		data(5, true, 2)
		p.wantStatus(t, 5, "200")
		p.write(t, func() error { return p.request(7, false, post("/", "content-length", "5")...) })
		data(7, false, 3)
		p.write(t, func() error { return p.request(7, true, "x-trailer", "y") }) // ends a body that is too short
		p.wantReset(t, 7, http2.ErrCodeProtocol)
		data(5, false, 1)
		p.wantReset(t, 5, http2.ErrCodeStreamClosed)
		p.wantAlive(t)
		data(11, false, 1)
		p.wantGoAway(t, http2.ErrCodeProtocol)
	})
}

func TestTrailersFollowTheRules(t *testing.T) {
	for name, test := range map[string]struct {
		fields []string
		ends   bool
		fits   bool
	}{
		"fine":             {[]string{"x-sum", "1"}, true, true},
		"without the end":  {[]string{"x-sum", "1"}, false, false},
		"a pseudo-field":   {[]string{":path", "/"}, true, false},
		"upper case":       {[]string{"X-Sum", "1"}, true, false},
		"content-length":   {[]string{"content-length", "1"}, true, false},
		"authorization":    {[]string{"authorization", "x"}, true, false},
		"transfer-coding":  {[]string{"transfer-encoding", "chunked"}, true, false},
		"far too many":     {[]string{"x-sum", long(9 << 10)}, true, false},
		"not announced":    {[]string{"x-other", "1"}, true, true},
		"nothing but te":   {[]string{"te", "trailers"}, true, false},
		"none in fact":     {nil, true, true},
		"cookies, as such": {[]string{"cookie", "a=b"}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			var trailer http.Header
			srv := serverOf(func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.ReadAll(r.Body); err == nil {
					trailer = r.Trailer
				}
			})
			srv.MaxHeaderBytes = 8 << 10
			bubble(t, srv, h2.Options{}, func(t *testing.T, l *listener) {
				p := l.dial(t)
				p.write(t, func() error { return p.request(1, false, post("/", "trailer", "X-Sum, Content-Length")...) })
				p.write(t, func() error { return p.f.WriteData(1, false, []byte("body")) })
				synctest.Wait()
				p.write(t, func() error { return p.request(1, test.ends, test.fields...) })
				e, reset := p.find(http2.FrameRSTStream, 1)
				if reset == test.fits {
					t.Errorf("reset: %v, %v", reset, e.code)
				}
				if len(trailer) > 1 || name == "fine" && trailer.Get("X-Sum") != "1" {
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
		"a stream of an even number": {http2.ErrCodeProtocol, func(p *peer) error { return p.request(2, true, get("/")...) }},
		"a stream below the last":    {http2.ErrCodeProtocol, func(p *peer) error { return first(p.request(5, true, get("/")...), p.request(3, true, get("/")...)) }},
		"a stream that is closed": {http2.ErrCodeStreamClosed, func(p *peer) error {
			return after(p.request(1, true, get("/")...), func() error { return p.request(1, true, get("/")...) })
		}},
		"stream 0":                     {http2.ErrCodeProtocol, func(p *peer) error { return p.request(0, true, get("/")...) }},
		"DATA on stream 0":             {http2.ErrCodeProtocol, func(p *peer) error { return p.f.WriteData(0, false, nil) }},
		"DATA on an idle stream":       {http2.ErrCodeProtocol, func(p *peer) error { return p.f.WriteData(1, false, nil) }},
		"RST_STREAM of an idle stream": {http2.ErrCodeProtocol, func(p *peer) error { return p.f.WriteRSTStream(1, 0) }},
		"WINDOW_UPDATE of an idle one": {http2.ErrCodeProtocol, func(p *peer) error { return p.f.WriteWindowUpdate(1, 1) }},
		"WINDOW_UPDATE of 0":           {http2.ErrCodeProtocol, func(p *peer) error { return p.f.WriteWindowUpdate(0, 0) }},
		"PUSH_PROMISE":                 {http2.ErrCodeProtocol, func(p *peer) error { return p.f.WriteRawFrame(http2.FramePushPromise, 4, 1, make([]byte, 4)) }},
		"a frame that is too large":    {http2.ErrCodeFrameSize, func(p *peer) error { return p.f.WriteRawFrame(http2.FrameData, 0, 1, make([]byte, 1<<20+1)) }},
		"PING of 7 bytes":              {http2.ErrCodeFrameSize, func(p *peer) error { return p.f.WriteRawFrame(http2.FramePing, 0, 0, make([]byte, 7)) }},
		"PING on a stream":             {http2.ErrCodeProtocol, func(p *peer) error { return p.f.WriteRawFrame(http2.FramePing, 0, 1, make([]byte, 8)) }},
		"SETTINGS of 5 bytes":          {http2.ErrCodeFrameSize, func(p *peer) error { return p.f.WriteRawFrame(http2.FrameSettings, 0, 0, make([]byte, 5)) }},
		"SETTINGS of 4 KiB":            {http2.ErrCodeEnhanceYourCalm, func(p *peer) error { return p.f.WriteSettings(make([]http2.Setting, 683)...) }},
		"SETTINGS on a stream":         {http2.ErrCodeProtocol, func(p *peer) error { return p.f.WriteRawFrame(http2.FrameSettings, 0, 1, nil) }},
		"a frame size that is none":    {http2.ErrCodeProtocol, func(p *peer) error { return p.f.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1}) }},
		"a window that is none": {http2.ErrCodeFlowControl, func(p *peer) error {
			return p.f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 31})
		}},
		"push that is 2":        {http2.ErrCodeProtocol, func(p *peer) error { return p.f.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 2}) }},
		"GOAWAY on a stream":    {http2.ErrCodeProtocol, func(p *peer) error { return p.f.WriteRawFrame(http2.FrameGoAway, 0, 1, make([]byte, 8)) }},
		"RST_STREAM of 3 bytes": {http2.ErrCodeFrameSize, func(p *peer) error { return p.f.WriteRawFrame(http2.FrameRSTStream, 0, 1, make([]byte, 3)) }},
		"more padding than DATA": {http2.ErrCodeProtocol, func(p *peer) error {
			return first(p.request(1, false, post("/")...), p.f.WriteRawFrame(http2.FrameData, 8, 1, []byte{9, 1, 2}))
		}},
		"more padding than HEADERS": {http2.ErrCodeProtocol, func(p *peer) error { return p.f.WriteRawFrame(http2.FrameHeaders, 8|4, 1, []byte{9, 0x82, 0x84}) }},
		"padding without room": {http2.ErrCodeFrameSize, func(p *peer) error {
			return first(p.request(1, false, post("/")...), p.f.WriteRawFrame(http2.FrameData, 8, 1, nil))
		}},
		"CONTINUATION alone": {http2.ErrCodeProtocol, func(p *peer) error { return p.f.WriteContinuation(1, true, nil) }},
		"a block that is interrupted": {http2.ErrCodeProtocol, func(p *peer) error {
			return first(p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.block(get("/")...)}), p.f.WritePing(false, [8]byte{}))
		}},
		"CONTINUATION of another": {http2.ErrCodeProtocol, func(p *peer) error {
			return first(p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: p.block(get("/")...)}), p.f.WriteContinuation(3, true, nil))
		}},
		"HEADERS without priority room": {http2.ErrCodeFrameSize, func(p *peer) error { return p.f.WriteRawFrame(http2.FrameHeaders, 0x20|4, 1, []byte{1, 2, 3}) }},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, serverOf(answerOK), h2.Options{}, func(t *testing.T, l *listener) {
				p := l.dial(t)
				_ = test.do(p)
				p.wantGoAway(t, test.code)
			})
		})
	}
}

// after does something when nothing moves, unless err is an error.
func after(err error, do func() error) error {
	synctest.Wait()
	if err != nil {
		return err
	}
	return do()
}

func TestPaddingIsLeftOut(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }
	bubble(t, serverOf(echo), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		p.write(t, func() error {
			return p.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, PadLength: 99, BlockFragment: p.block(post("/")...), Priority: http2.PriorityParam{StreamDep: 3, Weight: 9}})
		})
		p.write(t, func() error { return p.f.WriteDataPadded(1, false, []byte("pad"), make([]byte, 255)) })
		p.write(t, func() error { return p.f.WriteDataPadded(1, true, []byte("ding"), make([]byte, 1)) })
		if p.wantStatus(t, 1, "200"); p.body() != "padding" {
			t.Errorf("%q", p.body())
		}
	})
}

// Late frames of streams that the server has reset are no fault of the peer's.
func TestLateFramesAreIgnored(t *testing.T) {
	early := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) }
	bubble(t, serverOf(early), h2.Options{}, func(t *testing.T, l *listener) {
		p := l.dial(t)
		for i := range 250 {
			p.write(t, func() error { return p.request(id(i), false, post("/")...) })
		}
		p.settle()
		for i := range 250 {
			p.wantReset(t, id(i), http2.ErrCodeNo)
			p.write(t, func() error { return p.f.WriteData(id(i), false, []byte("late")) })
			p.write(t, func() error { return p.f.WriteWindowUpdate(id(i), 1) })
			p.write(t, func() error { return p.request(id(i), true, "x-late", "1") })
		}
		p.wantAlive(t)
	})
}

func TestGoAwayOfThePeerEndsTheConnection(t *testing.T) {
	release := make(chan struct{})
	handler := func(w http.ResponseWriter, _ *http.Request) { <-release }
	bubble(t, serverOf(handler), h2.Options{}, func(t *testing.T, l *listener) {
		release = make(chan struct{})
		p := l.dial(t)
		p.write(t, func() error { return p.request(1, true, get("/")...) })
		p.write(t, func() error { return p.f.WriteGoAway(0, http2.ErrCodeNo, nil) })
		if p.over() {
			t.Error("the open stream was not waited for")
		}
		close(release)
		if p.wantStatus(t, 1, "200"); !p.over() {
			t.Error("the connection goes on")
		}
	})
}
