package main

import (
	"encoding/binary"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"
)

// maxRequest bounds the runner's request, whose certificates take a few kilobytes.
const maxRequest = 1 << 20

// readMessage reads a message behind its length.
func readMessage(r io.Reader, message proto.Message) error {
	var prefix [4]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(prefix[:])
	if size > maxRequest {
		return fmt.Errorf("it announces %d bytes, and %d are the most that it may have", size, maxRequest)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return err
	}
	return proto.Unmarshal(data, message)
}

// writeMessage writes a message behind its length.
func writeMessage(w io.Writer, message proto.Message) error {
	data, err := proto.Marshal(message)
	if err != nil {
		return err
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(data))), data...))
	return err
}
