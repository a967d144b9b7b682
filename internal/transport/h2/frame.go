package h2

import "fmt"

// frameType is the type of a frame (RFC 9113, 6).
type frameType uint8

const (
	frameData         frameType = 0x0
	frameHeaders      frameType = 0x1
	framePriority     frameType = 0x2
	frameReset        frameType = 0x3
	frameSettings     frameType = 0x4
	framePush         frameType = 0x5
	framePing         frameType = 0x6
	frameGoAway       frameType = 0x7
	frameWindow       frameType = 0x8
	frameContinuation frameType = 0x9
)

// Flags of frames.
const (
	flagEndStream  = 0x1 // DATA, HEADERS
	flagAck        = 0x1 // SETTINGS, PING
	flagEndHeaders = 0x4 // HEADERS, CONTINUATION
	flagPadded     = 0x8 // DATA, HEADERS
	flagPriority   = 0x20
)

// Settings (RFC 9113, 6.5.2).
const (
	settingHeaderTableSize   = 0x1
	settingEnablePush        = 0x2
	settingMaxStreams        = 0x3
	settingInitialWindow     = 0x4
	settingMaxFrameSize      = 0x5
	settingMaxHeaderListSize = 0x6
)

const (
	frameHeaderSize = 9
	minFrameSize    = 1 << 14
	maxFrameSize    = 1<<24 - 1
	initialWindow   = 1<<16 - 1
	maxWindow       = 1<<31 - 1
	maxStreamID     = 1<<31 - 1
	headerTableSize = 4096

	preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
)

// errorCode is a code of RST_STREAM and GOAWAY (RFC 9113, 7).
type errorCode uint32

const (
	codeNone               errorCode = 0x0
	codeProtocol           errorCode = 0x1
	codeInternal           errorCode = 0x2
	codeFlowControl        errorCode = 0x3
	codeSettingsTimeout    errorCode = 0x4
	codeStreamClosed       errorCode = 0x5
	codeFrameSize          errorCode = 0x6
	codeRefused            errorCode = 0x7
	codeCancel             errorCode = 0x8
	codeCompression        errorCode = 0x9
	codeEnhanceCalm        errorCode = 0xb
	codeInadequateSecurity errorCode = 0xc
)

// connError ends the connection with GOAWAY.
type connError struct {
	code   errorCode
	reason string
}

func (e connError) Error() string {
	return fmt.Sprintf("h2: connection error %d: %s", e.code, e.reason)
}

// streamError ends one stream with RST_STREAM.
type streamError struct {
	id     uint32
	code   errorCode
	reason string
}

func (e streamError) Error() string {
	return fmt.Sprintf("h2: stream %d: error %d: %s", e.id, e.code, e.reason)
}

// StreamError is the error of a request's body, and the cause of its context's end,
// when the peer has reset the stream.
type StreamError struct {
	// Code is the peer's, as RFC 9113, 7 lists them.
	Code uint32
}

func (e StreamError) Error() string {
	return fmt.Sprintf("h2: the peer has reset the stream with code %d", e.Code)
}

// frame is the header of a frame.
type frame struct {
	length int
	kind   frameType
	flags  uint8
	id     uint32
}

func (f frame) has(flag uint8) bool { return f.flags&flag != 0 }

func parseFrame(b []byte) frame {
	_ = b[8]
	return frame{
		length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		kind:   frameType(b[3]),
		flags:  b[4],
		id:     (uint32(b[5])<<24 | uint32(b[6])<<16 | uint32(b[7])<<8 | uint32(b[8])) & maxStreamID,
	}
}

func appendFrame(b []byte, length int, kind frameType, flags uint8, id uint32) []byte {
	return append(b, byte(length>>16), byte(length>>8), byte(length), byte(kind), flags,
		byte(id>>24), byte(id>>16), byte(id>>8), byte(id))
}
