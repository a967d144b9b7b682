package process

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
)

// Memory is the memory of a worker in bytes.
type Memory struct {
	// Resident is all memory in RAM (RSS). It counts shared pages in full, and so is an
	// upper bound of Proportional.
	Resident int64
	// Proportional divides shared pages by the number of processes that map them (PSS).
	Proportional int64
}

// Memory measures the worker's memory from /proc. Measuring PSS takes the kernel
// milliseconds for a large process. It is an error once the worker has ended.
func (p *Process) Memory() (Memory, error) {
	resident, err := p.resident()
	if err != nil {
		return Memory{}, err
	}
	proportional, err := p.proportional()
	return Memory{Resident: resident, Proportional: proportional}, err
}

func (p *Process) file(name string) string {
	return "/proc/" + strconv.Itoa(p.PID()) + "/" + name
}

// resident reads RSS, the second field of statm, in pages (proc_pid_statm(5)).
func (p *Process) resident() (int64, error) {
	text, err := os.ReadFile(p.file("statm"))
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0, fmt.Errorf("%s has no resident size", p.file("statm"))
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// proportional reads "Pss: 123 kB" (proc_pid_smaps(5)).
func (p *Process) proportional() (int64, error) {
	text, err := os.ReadFile(p.file("smaps_rollup"))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(text) {
		if fields := bytes.Fields(line); len(fields) > 1 && string(fields[0]) == "Pss:" {
			kib, err := strconv.ParseInt(string(fields[1]), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("%s has no Pss", p.file("smaps_rollup"))
}

// watchMemory kills the worker when it exceeds its memory limit.
func (p *Process) watchMemory() {
	ticker := time.NewTicker(p.options.MemoryInterval)
	defer ticker.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-ticker.C:
		}
		// RSS is cheap to read and never below PSS. Files of a process that is ending
		// cannot be read.
		if resident, err := p.resident(); err != nil || resident <= p.options.MemoryLimit {
			continue
		}
		if used, err := p.proportional(); err == nil && used > p.options.MemoryLimit {
			p.Kill(fmt.Errorf("%w: the worker uses %d bytes of memory, its limit is %d", engine.ErrOutOfMemory, used, p.options.MemoryLimit))
		}
	}
}

// MemoryBytes measures the Proportional memory alone.
func (p *Process) MemoryBytes() (int64, error) { return p.proportional() }
