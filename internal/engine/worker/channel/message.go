package channel

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine/worker/errcode"
)

// Messages are little-endian:
//
//	request: kind, output segment (uint32), its size, session (uint64), tensors
//	answer:  kind, error code (uint32), compute time in ns or bytes needed (uint64), tensors or text
//	tensors: number (uint32), then for each: datatype, rank (uint8), 0 (uint16),
//	         segment (uint32), offset, length, one uint64 for each dimension
//	text:    length (uint32), bytes
//	group:   the header of a request or an answer, with the number of parts as its size,
//	         then the length of each part (uint32), and the parts, which are aligned messages
//
// Segment 0 is the message itself: small tensors follow the descriptors.
const (
	requestHeader = 4 + 4 + 8 + 8
	answerHeader  = 4 + 4 + 8
)

// messageKind is the kind of a message.
type messageKind uint32

const (
	// kindRun starts a run. The answer is kindDone or kindMore.
	kindRun messageKind = iota + 1
	// kindContinue follows kindMore, with a larger output segment. The answer is kindDone.
	kindContinue
	// kindAbandon follows kindMore. The answer is kindDone, without outputs.
	kindAbandon
	// kindDone has the outputs, or an error.
	kindDone
	// kindMore requests a larger output segment. The outputs wait in the worker. In a group
	// it says that they do not fit, and are dropped.
	kindMore
	// kindGroup has several messages of kindRun, or their answers, and no segments.
	kindGroup
)

// request is a message of the server.
type request struct {
	kind    messageKind
	output  uint32 // segment for outputs, 0 for none
	size    uint64 // of the output segment, in bytes; with kindGroup: number of parts
	session uint64
}

// answer is a message of the worker.
type answer struct {
	kind    messageKind
	code    errcode.Code
	needed  uint64        // with kindMore: size of the output segment, in bytes; with kindGroup: number of parts
	compute time.Duration // with kindDone: the run's compute time
	text    string        // with a code: the error's text
	tensors []descriptor
}

// descriptor is a tensor without its data, and where its data is.
type descriptor struct {
	dataType tensor.DataType
	shape    tensor.Shape
	segment  uint32
	offset   uint64
	length   uint64
}

func (r *request) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(r.kind))
	b = binary.LittleEndian.AppendUint32(b, r.output)
	b = binary.LittleEndian.AppendUint64(b, r.size)
	return binary.LittleEndian.AppendUint64(b, r.session)
}

// append appends all but the tensors.
func (a *answer) append(b []byte) []byte {
	value := uint64(a.compute)
	if a.kind != kindDone {
		value = a.needed
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(a.kind))
	b = binary.LittleEndian.AppendUint32(b, uint32(a.code))
	b = binary.LittleEndian.AppendUint64(b, value)
	if a.code != 0 {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(a.text)))
		b = append(b, a.text...)
	}
	return b
}

func (d *descriptor) append(b []byte) []byte {
	b = append(b, byte(d.dataType), byte(len(d.shape)), 0, 0)
	b = binary.LittleEndian.AppendUint32(b, d.segment)
	b = binary.LittleEndian.AppendUint64(b, d.offset)
	b = binary.LittleEndian.AppendUint64(b, d.length)
	for _, dim := range d.shape {
		b = binary.LittleEndian.AppendUint64(b, uint64(dim))
	}
	return b
}

// parseRequest parses a message of the server. Only kindRun has tensors.
func parseRequest(message []byte) (request, []descriptor, error) {
	p := parser{rest: message}
	r := request{kind: messageKind(p.uint32()), output: p.uint32(), size: p.uint64(), session: p.uint64()}
	var tensors []descriptor
	switch r.kind {
	case kindRun:
		tensors = p.tensors()
	case kindContinue, kindAbandon, kindGroup:
	default:
		p.fail("unknown kind of request %d", r.kind)
	}
	return r, tensors, p.err
}

// parseAnswer parses a message of the worker. It checks the structure only: the data of
// the tensors is checked where it is (see outputs).
func parseAnswer(message []byte) (answer, error) {
	p := parser{rest: message}
	a := answer{kind: messageKind(p.uint32()), code: errcode.Code(p.uint32())}
	value := p.uint64()
	switch {
	case (a.kind == kindMore || a.kind == kindGroup) && a.code == 0:
		a.needed = value
	case a.kind != kindDone, !a.code.Valid():
		p.fail("unknown answer of kind %d with code %d", a.kind, a.code)
	case a.code != 0:
		a.text = string(p.bytes(int(min(p.uint32(), errcode.MaxText))))
	default:
		a.compute = time.Duration(value)
		a.tensors = p.tensors()
	}
	return a, p.err
}

// parser reads a message. After the first error it returns zeros.
type parser struct {
	rest []byte
	err  error
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = fmt.Errorf(format, args...)
	}
	p.rest = nil
}

// bytes returns the next n bytes, nil after an error.
func (p *parser) bytes(n int) []byte {
	if n > len(p.rest) {
		p.fail("the message is truncated: %d bytes are left of %d", len(p.rest), n)
	}
	if p.err != nil {
		return nil
	}
	b := p.rest[:n:n]
	p.rest = p.rest[n:]
	return b
}

func (p *parser) uint32() uint32 {
	if b := p.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (p *parser) uint64() uint64 {
	if b := p.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// descriptorSize is the size of a descriptor without dimensions, in bytes.
const descriptorSize = 24

func (p *parser) tensors() []descriptor {
	count := int(p.uint32())
	if count > len(p.rest)/descriptorSize {
		p.fail("the message is truncated: it has %d bytes for %d tensors", len(p.rest), count)
	}
	if p.err != nil || count == 0 {
		return nil
	}
	tensors := make([]descriptor, count)
	for i := range tensors {
		p.tensor(&tensors[i])
	}
	return tensors
}

func (p *parser) tensor(d *descriptor) {
	head := p.bytes(4)
	if head == nil {
		return
	}
	d.dataType = tensor.DataType(head[0])
	if d.dataType > tensor.Bytes {
		p.fail("unknown datatype %d", d.dataType)
	}
	d.segment, d.offset, d.length = p.uint32(), p.uint64(), p.uint64()
	dims := p.bytes(8 * int(head[1]))
	if p.err != nil {
		return
	}
	d.shape = make(tensor.Shape, head[1]) // not nil, for a scalar too
	for i := range d.shape {
		d.shape[i] = int64(binary.LittleEndian.Uint64(dims[8*i:]))
	}
}
