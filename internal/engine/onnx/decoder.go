package onnx

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Limits of the reader, so that a corrupt length is an error instead of a huge
// allocation. Weights are skipped, so that real models stay far below them. Protobuf's
// own parsers have the same limit on nesting.
const (
	maxMessageBytes = 64 << 20
	maxNesting      = 100
)

var errTruncated = errors.New("the file ends inside a field")

// wireType is a protobuf wire type.
type wireType uint8

// The wire types of protobuf (protobuf.dev, "Encoding"), without groups, which ONNX has
// never used.
const (
	wireVarint  wireType = 0
	wireFixed64 wireType = 1
	wireBytes   wireType = 2
	wireFixed32 wireType = 5
)

// decoder reads nested protobuf messages from a file as a stream.
type decoder struct {
	seeker   io.ReadSeeker
	buffered *bufio.Reader
	// read counts the consumed bytes, to find the end of a message.
	read  int64
	depth int
}

func (d *decoder) ReadByte() (byte, error) {
	b, err := d.buffered.ReadByte()
	if err == nil {
		d.read++
	}
	return b, err
}

func (d *decoder) varint() (uint64, error) {
	v, err := binary.ReadUvarint(d)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, errTruncated
	}
	return v, err
}

// skip moves n bytes ahead, by seeking when they exceed the buffer.
func (d *decoder) skip(n int64) error {
	d.read += n
	if n <= int64(d.buffered.Buffered()) {
		_, err := d.buffered.Discard(int(n))
		return err
	}
	n -= int64(d.buffered.Buffered())
	if _, err := d.seeker.Seek(n, io.SeekCurrent); err != nil {
		return err
	}
	d.buffered.Reset(d.seeker)
	return nil
}

// bytes reads a value of n bytes.
func (d *decoder) bytes(n int64) ([]byte, error) {
	if n > maxMessageBytes {
		return nil, fmt.Errorf("a name field has %d bytes, limit %d", n, maxMessageBytes)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(d.buffered, b); err != nil {
		return nil, errTruncated
	}
	d.read += n
	return b, nil
}

func (d *decoder) string(n int64) (string, error) {
	b, err := d.bytes(n)
	return string(b), err
}

// message reads the fields of a message of size bytes. It calls visit with each field's
// number, wire type and, for wireBytes, length. visit reports whether it consumed the
// value; message skips values that were not consumed.
func (d *decoder) message(size int64, visit func(field int, wire wireType, length int64) (bool, error)) error {
	if d.depth++; d.depth > maxNesting {
		return fmt.Errorf("messages nest more than %d deep", maxNesting)
	}
	defer func() { d.depth-- }()
	end := d.read + size
	for d.read < end {
		tag, err := d.varint()
		if err != nil {
			return err
		}
		field, wire := tag>>3, wireType(tag&7)
		if field == 0 || field > 1<<29-1 {
			return fmt.Errorf("field number %d is out of range", field)
		}
		length, err := d.fieldLength(wire, end)
		if err != nil {
			return err
		}
		consumed, err := visit(int(field), wire, length)
		if err != nil {
			return err
		}
		if !consumed {
			if err := d.skipField(wire, length); err != nil {
				return err
			}
		}
	}
	if d.read != end {
		return errTruncated
	}
	return nil
}

func (d *decoder) fieldLength(wire wireType, end int64) (int64, error) {
	switch wire {
	case wireVarint:
		return 0, nil
	case wireFixed64:
		return 8, nil
	case wireFixed32:
		return 4, nil
	case wireBytes:
		n, err := d.varint()
		if err != nil {
			return 0, err
		}
		if n > math.MaxInt64 || int64(n) > end-d.read {
			return 0, errTruncated
		}
		return int64(n), nil
	}
	return 0, fmt.Errorf("wire type %d is unknown", wire)
}

func (d *decoder) skipField(wire wireType, length int64) error {
	if wire == wireVarint {
		_, err := d.varint()
		return err
	}
	return d.skip(length)
}
