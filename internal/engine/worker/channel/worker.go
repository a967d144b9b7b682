//go:build linux

package channel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/tensorwire/tensorwire/internal/engine/worker/channel/futex"
	"github.com/tensorwire/tensorwire/internal/engine/worker/channel/shm"
)

// Worker is the worker's end of a channel.
type Worker struct {
	control *shm.Segment
	socket  *os.File
	slots   []workerSlot
	run     RunFunc
	threads sync.WaitGroup

	mu       sync.Mutex // guards what follows
	changed  *sync.Cond // of segments and closed
	segments map[uint32]*shm.Segment
	closed   bool
}

// Attach opens the worker's end, with the files of Server.Files. The Worker owns files.
func Attach(files []*os.File) (*Worker, error) {
	if len(files) != 2 {
		return nil, fmt.Errorf("a channel has 2 files, found %d", len(files))
	}
	socket, err := pollable(files[1])
	if err != nil {
		return nil, errors.Join(err, files[0].Close())
	}
	info, err := files[0].Stat()
	if err != nil {
		return nil, errors.Join(err, files[0].Close(), socket.Close())
	}
	control, err := shm.Open(files[0], 0, int(info.Size()), shm.Writable)
	if err != nil {
		return nil, errors.Join(err, socket.Close())
	}
	w := &Worker{control: control, socket: socket, segments: map[uint32]*shm.Segment{}}
	w.changed = sync.NewCond(&w.mu)
	if err := control.CloseFile(); err != nil {
		return nil, errors.Join(err, control.Unmap(), socket.Close())
	}
	m, slots := header(control.Bytes())
	n := int(slots.Load())
	if m.Load() != magic || control.Size() < controlSize(n) {
		return nil, errors.Join(errors.New("the files are not of a channel of this version"), control.Unmap(), socket.Close())
	}
	w.slots = make([]workerSlot, n)
	for i := range w.slots {
		w.slots[i].slotMemory = slotAt(control.Bytes(), i)
	}
	return w, nil
}

// pollable returns the file for Go's poller: os/exec makes inherited descriptors blocking.
func pollable(file *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "tensorwire-channel"), nil
}

// Serve executes the runs of the server until the server's end closes: nil, or an error of
// the channel. It then cancels the runs in flight and waits for them, so a process that
// must end at once does not wait for Serve. It is called once.
func (w *Worker) Serve(run RunFunc) error {
	w.run = run
	ctx, cancel := context.WithCancel(context.Background())
	err := w.receive(ctx)
	cancel()
	w.mu.Lock()
	w.closed = true
	w.changed.Broadcast()
	w.mu.Unlock()
	for i := range w.slots {
		w.slots[i].request.Store(closedWord)
		futex.Wake(&w.slots[i].request)
	}
	w.threads.Wait()
	for _, s := range w.segments {
		err = errors.Join(err, s.Unmap())
	}
	for i := range w.slots {
		err = errors.Join(err, closeFile(w.slots[i].pipe))
	}
	return errors.Join(err, w.control.Unmap(), w.socket.Close())
}

// receive handles notices until the server's end closes.
func (w *Worker) receive(ctx context.Context) error {
	for {
		n, file, err := receive(w.socket)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, unix.ECONNRESET):
			return nil
		case err != nil:
			return fmt.Errorf("read the channel's socket: %w", err)
		}
		if err := w.handle(ctx, n, file); err != nil {
			return err
		}
	}
}

// handle handles a notice. It owns file.
func (w *Worker) handle(ctx context.Context, n notice, file *os.File) error {
	switch n.kind {
	case noticeStart:
		if int(n.number) < len(w.slots) && w.slots[n.number].pipe == nil && file != nil {
			slot := &w.slots[n.number]
			slot.pipe = file
			w.threads.Go(func() { w.serve(ctx, slot) })
			return nil
		}
	case noticeSegment:
		if file != nil {
			return w.addSegment(n, file)
		}
	case noticeDrop:
		w.mu.Lock()
		segment := w.segments[n.number]
		delete(w.segments, n.number)
		w.mu.Unlock()
		if segment != nil && file == nil {
			return segment.Unmap()
		}
	case noticeTerminate:
		if int(n.number) < len(w.slots) && file == nil {
			w.slots[n.number].terminate(uint32(n.size))
			return nil
		}
	}
	return errors.Join(fmt.Errorf("unexpected notice of kind %d for %d", n.kind, n.number), closeFile(file))
}

// addSegment maps a segment of the server.
func (w *Worker) addSegment(n notice, file *os.File) error {
	segment, err := shm.Open(file, n.number, int(n.size), shm.Access(n.access))
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.segments[n.number] = segment
	w.changed.Broadcast()
	w.mu.Unlock()
	return segment.CloseFile()
}

// segment returns the memory of the segment with that ID, valid until the answer of the
// run. The request that names it may arrive before its notice.
func (w *Worker) segment(id uint32) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.segments[id] == nil {
		if w.closed {
			return nil, errors.New("the server's end of the channel is closed")
		}
		w.changed.Wait()
	}
	return w.segments[id].Bytes(), nil
}
