package config

import (
	"bufio"
	"bytes"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"
)

// defaultMemoryBudget returns half of the memory that the process may use, in whole
// MiB: the other half is for models, their runs, and answers. 0, without bound, where
// the system does not say how much there is.
func defaultMemoryBudget(root fs.FS) Size {
	half := availableMemory(root) / 2
	return Size(half - half%(1<<20))
}

// availableMemory returns how many bytes the process may use: the least of its control
// groups' limits and the machine's memory. 0: unknown. root is the file system's.
func availableMemory(root fs.FS) int64 {
	least := int64(math.MaxInt64)
	for _, limit := range append(cgroupLimits(root), machineMemory(root)) {
		if limit > 0 {
			least = min(least, limit)
		}
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}

// machineMemory returns MemTotal of /proc/meminfo (proc_meminfo(5)), in bytes.
func machineMemory(root fs.FS) int64 {
	text, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0 // no Linux
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 53)
			return kib << 10
		}
	}
	return 0
}

// cgroupLimits returns the memory limits of the process's control group and of those
// above it, of version 2 and of version 1 (cgroups(7), "/proc/pid/cgroup"). In a
// container the path may be one that only the machine outside can see, but the mount
// is the container's own group, which is where the walk ends.
func cgroupLimits(root fs.FS) []int64 {
	text, _ := fs.ReadFile(root, "proc/self/cgroup") // without it only the mounts are looked at
	v2, v1 := "/", "/"
	for scanner := bufio.NewScanner(bytes.NewReader(text)); scanner.Scan(); {
		hierarchy, rest, _ := strings.Cut(scanner.Text(), ":")
		controllers, group, _ := strings.Cut(rest, ":")
		switch {
		case hierarchy == "0" && controllers == "":
			v2 = group
		case strings.Contains(","+controllers+",", ",memory,"):
			v1 = group
		}
	}
	limits := walkUp(root, "sys/fs/cgroup", v2, "memory.max")
	return append(limits, walkUp(root, "sys/fs/cgroup/memory", v1, "memory.limit_in_bytes")...)
}

// walkUp reads the file of that name in group, and in all groups above it.
func walkUp(root fs.FS, mount, group, name string) []int64 {
	var limits []int64
	for group = path.Clean("/" + group); ; group = path.Dir(group) {
		text, err := fs.ReadFile(root, path.Join(mount, group, name))
		if err == nil {
			// "max" is no number, and no limit.
			if limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
				limits = append(limits, limit)
			}
		}
		if group == "/" {
			return limits
		}
	}
}

// system is the file system that the defaults are read from.
func system() fs.FS { return os.DirFS("/") }
