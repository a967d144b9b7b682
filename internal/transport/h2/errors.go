package h2

import "fmt"

// errorCode is an error code of RST_STREAM and GOAWAY (RFC 9113, section 7).
type errorCode uint32

const (
	codeNoError            errorCode = 0x0
	codeProtocol           errorCode = 0x1
	codeInternal           errorCode = 0x2
	codeFlowControl        errorCode = 0x3
	codeSettingsTimeout    errorCode = 0x4
	codeStreamClosed       errorCode = 0x5
	codeFrameSize          errorCode = 0x6
	codeRefusedStream      errorCode = 0x7
	codeCancel             errorCode = 0x8
	codeCompression        errorCode = 0x9
	codeEnhanceYourCalm    errorCode = 0xb
	codeInadequateSecurity errorCode = 0xc
)

// connError ends the connection with GOAWAY (RFC 9113, section 5.4.1).
type connError struct {
	code   errorCode
	reason string
}

func connErrorf(code errorCode, format string, args ...any) connError {
	return connError{code, fmt.Sprintf(format, args...)}
}

func (e connError) Error() string {
	return fmt.Sprintf("h2: connection error, code %d: %s", e.code, e.reason)
}

// streamError ends one stream with RST_STREAM (RFC 9113, section 5.4.2).
type streamError struct {
	id     uint32
	code   errorCode
	reason string
}

func (e streamError) Error() string {
	return fmt.Sprintf("h2: stream %d: error, code %d: %s", e.id, e.code, e.reason)
}

// StreamError is the error of a request's body, and the cause of its context, after the
// peer has reset the stream.
type StreamError struct {
	// Code is the error code of the peer's RST_STREAM (RFC 9113, section 7).
	Code uint32
}

func (e StreamError) Error() string {
	return fmt.Sprintf("h2: stream reset by the peer with code %d", e.Code)
}
