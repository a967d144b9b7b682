//go:build linux

package channel

import (
	"sync/atomic"
	"unsafe"
)

// The control segment begins with a header of headerSize bytes. A part of slotSize bytes
// for each slot follows: words in cache lines of their own, then the area of the server's
// message, then the area of the worker's.
const (
	headerSize = 4 << 10
	slotSize   = 128 << 10
	linesSize  = 256
	areaSize   = (slotSize - linesSize) / 2

	// magic is the first word of the header, the number of slots the second.
	magic = 0x54573031
)

// lines are the words of a slot. The side that writes a word is its owner. The worker can
// write all of them: the server trusts none.
type lines struct {
	// request is the number of the server's last message, which is complete once the word
	// has it. requestLength is the message's length in bytes.
	request, requestLength atomic.Uint32
	_                      [56]byte
	// sleeping is 1 while the worker's thread waits for request.
	sleeping atomic.Uint32
	_        [60]byte
	// answer is the number of the message that the worker answered last.
	answer, answerLength atomic.Uint32
	_                    [56]byte
	// waiting is how the server waits for answer.
	waiting atomic.Uint32
	_       [60]byte
}

var _ [linesSize]byte = [unsafe.Sizeof(lines{})]byte{}

// Values of lines.waiting.
const (
	waitsNot   = iota
	waitsFutex // for the word answer, on a thread
	waitsPipe  // for the slot's pipe, in Go's poller
)

// closedWord is the request word of a channel whose server's end is closed. The worker
// writes it to wake its own threads.
const closedWord = ^uint32(0)

// nextNumber returns the number of the message after one: never 0, the initial value, or
// closedWord.
func nextNumber(n uint32) uint32 {
	if n++; n == closedWord {
		return 1
	}
	return n
}

// controlSize returns the size of the control segment.
func controlSize(slots int) int { return headerSize + slots*slotSize }

// header returns the two words of the header.
func header(control []byte) (magic, slots *atomic.Uint32) {
	p := unsafe.Pointer(unsafe.SliceData(control))
	return (*atomic.Uint32)(p), (*atomic.Uint32)(unsafe.Add(p, 4))
}

// slotMemory is one slot's part of the control segment.
type slotMemory struct {
	*lines
	requestArea, answerArea []byte
}

// slotAt returns the memory of the slot at index i.
func slotAt(control []byte, i int) slotMemory {
	part := control[headerSize+i*slotSize:][:slotSize]
	return slotMemory{
		lines:       (*lines)(unsafe.Pointer(unsafe.SliceData(part))),
		requestArea: part[linesSize:][:areaSize:areaSize],
		answerArea:  part[linesSize+areaSize:][:areaSize:areaSize],
	}
}
