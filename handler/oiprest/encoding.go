package oiprest

import "bytes"

// compressBytes is the size from which an answer is worth compressing.
const compressBytes = 1 << 10

// compress appends parts, compressed, to dst.
func compress(dst []byte, coding string, parts [][]byte) ([]byte, error) {
	out := bytes.NewBuffer(dst)
	w, err := codecs[coding].Compress(out)
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		if _, err := w.Write(part); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
