package rpcfast

import (
	"errors"
	"io"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

const (
	// trustLeast is how much of an announced length is made room for before any of it
	// has come, and trustRatio how many times of what has come after that.
	trustLeast = 1 << 20
	trustRatio = 32
	// firstRoom is for a body of unknown length.
	firstRoom = 64 << 10
	// callRoom is what a call takes in memory beside its message: measured, a goroutine's
	// stack of 14 KiB, and a few hundred small objects.
	callRoom = 16 << 10
	// keptRatio is the part of the heap that Go keeps for later when it is free, beyond
	// what lives: a tenth of what the heap may grow to (retainExtraPercent in
	// runtime/mgcscavenge.go). Buffers that come and go fill it.
	keptRatio = 8
)

// errMore says that a body has more than a limit.
var errMore = errors.New("more than the limit")

// roomFor returns the room to begin with for n bytes: n, or the largest n/32, n/32/32
// and so on that is trusted, so that the steps from there on end at n and copy little.
func roomFor(n int) int {
	for n > trustLeast {
		n = (n + trustRatio - 1) / trustRatio
	}
	return n
}

// roomOf returns how much memory a message of n bytes takes, wherever in it its tensor
// lies, with its call and its part of what Go keeps.
func roomOf(n int64) int64 {
	if n == 0 {
		return 0
	}
	size := int64(bufpool.Size(int(n) + bufpool.Alignment))
	return size + size/keptRatio + callRoom
}

// fill reads until buf is full. An error beside the last bytes is left for the next
// read, which gives it again.
func fill(body io.Reader, buf []byte) (int, error) {
	for got := 0; ; {
		if got == len(buf) {
			return got, nil
		}
		n, err := body.Read(buf[got:])
		if got += n; got < len(buf) && err != nil {
			return got, err
		}
	}
}

// grow returns a buffer of the pool with n bytes behind a lead that begins as buf does,
// which it gives back.
func grow(buf []byte, lead, n int) []byte {
	larger := getBehind(lead, n)
	copy(larger, buf)
	bufpool.Put(buf)
	return larger
}

// readMessage reads a message of n bytes into one buffer of the pool, behind a lead. got
// says how many have come where there was an error.
func readMessage(body io.Reader, lead, n int) (buf []byte, got int, err error) {
	buf = getBehind(lead, roomFor(n))
	for {
		more, err := fill(body, buf[got:])
		got += more
		switch {
		case err != nil:
			bufpool.Put(buf)
			return nil, got, err
		case got == n:
			return buf, got, nil
		}
		buf = grow(buf, lead, min(n, got*trustRatio))
	}
}

// readBody reads a body to its end, into one buffer of the pool, behind a lead. The buffer
// is of the body's length where announced, not -1, is right. Of a body that is longer than limit it reads no
// more than it must to know, and returns errMore. got says how many bytes have come.
func readBody(body io.Reader, lead int, announced, limit int64) (buf []byte, got int, err error) {
	if announced > limit {
		return nil, 0, errMore
	}
	room := firstRoom
	if announced >= 0 {
		room = roomFor(int(announced))
	}
	buf = getBehind(lead, room)
	for err == nil {
		switch {
		case got < len(buf):
			var n int
			n, err = body.Read(buf[got:])
			got += n
		case int64(got) < announced:
			buf = grow(buf, lead, min(int(announced), got*trustRatio))
		default:
			// The end must follow: nothing is made room for until it does not.
			var one [1]byte
			var n int
			if n, err = body.Read(one[:]); n > 0 {
				buf = grow(buf, lead, max(firstRoom, 2*got))
				buf[got] = one[0]
				got++
			}
		}
		if int64(got) > limit {
			err = errMore
		}
	}
	if errors.Is(err, io.EOF) {
		return buf[:got], got, nil
	}
	bufpool.Put(buf)
	return nil, got, err
}
