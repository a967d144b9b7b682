package main

import (
	"encoding/binary"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"
)

// maxRequest bounds the runner's request in bytes. Its certificates need a few kilobytes.
const maxRequest = 1 << 20

// readMessage reads a length-prefixed message.
func readMessage(r io.Reader, message proto.Message) error {
	var prefix [4]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(prefix[:])
	if size > maxRequest {
		return fmt.Errorf("the message has %d bytes, the limit is %d", size, maxRequest)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return err
	}
	return proto.Unmarshal(data, message)
}

// writeMessage writes a length-prefixed message.
func writeMessage(w io.Writer, message proto.Message) error {
	data, err := proto.Marshal(message)
	if err != nil {
		return err
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), data...))
	return err
}
