package h2

// frameType is the type of a frame (RFC 9113, section 6).
type frameType uint8

const (
	frameData         frameType = 0x0
	frameHeaders      frameType = 0x1
	framePriority     frameType = 0x2
	frameRSTStream    frameType = 0x3
	frameSettings     frameType = 0x4
	framePushPromise  frameType = 0x5
	framePing         frameType = 0x6
	frameGoAway       frameType = 0x7
	frameWindowUpdate frameType = 0x8
	frameContinuation frameType = 0x9
)

// Frame flags.
const (
	flagEndStream  = 0x1 // DATA, HEADERS
	flagAck        = 0x1 // SETTINGS, PING
	flagEndHeaders = 0x4 // HEADERS, CONTINUATION
	flagPadded     = 0x8 // DATA, HEADERS
	flagPriority   = 0x20
)

// Identifiers of SETTINGS parameters (RFC 9113, section 6.5.2).
const (
	settingHeaderTableSize      = 0x1
	settingEnablePush           = 0x2
	settingMaxConcurrentStreams = 0x3
	settingInitialWindowSize    = 0x4
	settingMaxFrameSize         = 0x5
	settingMaxHeaderListSize    = 0x6
)

// Sizes and limits of the protocol (RFC 9113, sections 4.1, 4.2 and 6.5.2), in bytes.
const (
	frameHeaderSize = 9
	minFrameSize    = 1 << 14   // smallest value of SETTINGS_MAX_FRAME_SIZE, and its default
	maxFrameSize    = 1<<24 - 1 // its largest value
	initialWindow   = 1<<16 - 1 // default of SETTINGS_INITIAL_WINDOW_SIZE
	maxWindow       = 1<<31 - 1 // largest flow-control window (RFC 9113, section 6.9.1)
	maxStreamID     = 1<<31 - 1
	headerTableSize = 4096 // default of SETTINGS_HEADER_TABLE_SIZE: HPACK's dynamic table

	// preface is the connection preface of a client (RFC 9113, section 3.4).
	preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
)

// frame is the header of a frame (RFC 9113, section 4.1).
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
