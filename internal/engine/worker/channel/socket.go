//go:build linux

package channel

import (
	"encoding/binary"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// The socket of a channel has messages that are rare: only the server writes them.
//
//	kind, number (uint32), size (uint64), access (uint32)
const noticeSize = 20

// noticeKind is the kind of a notice.
type noticeKind uint32

const (
	// noticeStart starts the thread of the slot with that number. The notice has the
	// write end of the slot's pipe.
	noticeStart noticeKind = iota + 1
	// noticeSegment has the file of a segment: number is its ID.
	noticeSegment
	// noticeDrop unmaps the segment with that number.
	noticeDrop
	// noticeTerminate cancels a run: number is the slot, size the number of its request.
	noticeTerminate
)

// notice is a message on the socket, with at most one file.
type notice struct {
	kind   noticeKind
	number uint32
	size   uint64
	access uint32
}

// errBusy reports a full socket: the worker does not read.
var errBusy = errors.New("the socket is full")

// send writes a notice without blocking. file may be nil.
func send(socket *os.File, n notice, file *os.File) error {
	b := make([]byte, 0, noticeSize)
	b = binary.LittleEndian.AppendUint32(b, uint32(n.kind))
	b = binary.LittleEndian.AppendUint32(b, n.number)
	b = binary.LittleEndian.AppendUint64(b, n.size)
	b = binary.LittleEndian.AppendUint32(b, n.access)
	if file == nil {
		return sendBytes(socket, b, nil)
	}
	return withFD(file, func(fd int) error { return sendBytes(socket, b, unix.UnixRights(fd)) })
}

func sendBytes(socket *os.File, b, rights []byte) error {
	return withFD(socket, func(fd int) error {
		err := unix.Sendmsg(fd, b, rights, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ETOOMANYREFS) || errors.Is(err, unix.EINTR) {
			return errBusy
		}
		return err
	})
}

// receive waits for a notice. The caller owns the file, which may be nil. The error is
// io.EOF when the server's end is closed.
func receive(socket *os.File) (notice, *os.File, error) {
	var b [noticeSize + 1]byte
	oob := make([]byte, unix.CmsgSpace(4))
	var n, oobn int
	var err error
	raw, rawErr := socket.SyscallConn()
	if rawErr != nil {
		return notice{}, nil, rawErr
	}
	if rawErr := raw.Read(func(fd uintptr) bool {
		for {
			n, oobn, _, _, err = unix.Recvmsg(int(fd), b[:], oob, unix.MSG_CMSG_CLOEXEC)
			if !errors.Is(err, unix.EINTR) {
				return !errors.Is(err, unix.EAGAIN)
			}
		}
	}); rawErr != nil {
		return notice{}, nil, rawErr
	}
	switch {
	case err != nil:
		return notice{}, nil, os.NewSyscallError("recvmsg", err)
	case n == 0:
		return notice{}, nil, io.EOF
	}
	file, err := receivedFile(oob[:oobn])
	if err == nil && n != noticeSize {
		err = errors.Join(errors.New("a notice has the wrong length"), closeFile(file))
	}
	return notice{
		kind:   noticeKind(binary.LittleEndian.Uint32(b[:])),
		number: binary.LittleEndian.Uint32(b[4:]),
		size:   binary.LittleEndian.Uint64(b[8:]),
		access: binary.LittleEndian.Uint32(b[16:]),
	}, file, err
}

// receivedFile returns the file of a message's control data, nil without one.
func receivedFile(oob []byte) (*os.File, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(messages) != 1 {
		return nil, errors.Join(errors.New("a notice has unknown control data"), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, errors.Join(errors.New("a notice has unknown control data"), err)
	}
	return os.NewFile(uintptr(fds[0]), "tensorwire-received"), nil
}

// withFD calls use with the file's descriptor, which stays open and non-blocking.
func withFD(file *os.File, use func(fd int) error) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var useErr error
	if err := raw.Control(func(fd uintptr) { useErr = use(int(fd)) }); err != nil {
		return err
	}
	return useErr
}

// closeFile closes a file that may be nil.
func closeFile(file *os.File) error {
	if file == nil {
		return nil
	}
	return file.Close()
}
