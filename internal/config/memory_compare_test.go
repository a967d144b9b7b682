package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	_ "unsafe" // for go:linkname

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// fromCgroup is what memlimit.FromCgroup calls with the files of /proc/self.
//
//go:linkname fromCgroup github.com/KimMachineGun/automemlimit/memlimit.fromCgroup
func fromCgroup(mountInfoPath, cgroupPath string) (uint64, error)

// theirs is the least of what automemlimit's two providers return.
func theirs(root string, machine int64) int64 {
	limit := machine
	if n, err := fromCgroup(root+"/proc/self/mountinfo", root+"/proc/self/cgroup"); err == nil && (limit == 0 || int64(n) < limit) {
		limit = int64(n)
	}
	return limit
}

// TestCompareMemoryReaders prints what our reader and automemlimit v1.0.1 return for a
// file system. In mountinfo, ROOT is that file system's.
func TestCompareMemoryReaders(t *testing.T) {
	const (
		mib     = 1 << 20
		machine = 16384 * mib
		v2      = "30 23 0:26 / ROOT/sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
		v1      = "40 30 0:35 / ROOT/sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
		noLimit = "9223372036854771712\n"
	)
	var _ = memlimit.FromSystem
	for _, test := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"no control groups", nil, machine},
		{"v2, no limit", map[string]string{"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": v2, "sys/fs/cgroup/memory.max": "max\n"}, machine},
		{"v2, container with its own namespace", map[string]string{"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": v2, "sys/fs/cgroup/memory.max": "536870912\n"}, 512 * mib},
		{"v2, limit of a service", map[string]string{"proc/self/cgroup": "0::/system.slice/a.service\n", "proc/self/mountinfo": v2, "sys/fs/cgroup/system.slice/a.service/memory.max": "1073741824\n"}, 1024 * mib},
		{"v2, limit of the slice above", map[string]string{"proc/self/cgroup": "0::/system.slice/a.service\n", "proc/self/mountinfo": v2, "sys/fs/cgroup/system.slice/a.service/memory.max": "max\n", "sys/fs/cgroup/system.slice/memory.max": "1073741824\n"}, 1024 * mib},
		{"v2, least of nested limits", map[string]string{"proc/self/cgroup": "0::/a/b\n", "proc/self/mountinfo": v2, "sys/fs/cgroup/a/b/memory.max": "2147483648\n", "sys/fs/cgroup/a/memory.max": "1073741824\n"}, 1024 * mib},
		{"v2, host's path in a container that mounts its group", map[string]string{"proc/self/cgroup": "0::/docker/1\n", "proc/self/mountinfo": "30 23 0:26 /docker/1 ROOT/sys/fs/cgroup ro - cgroup2 cgroup rw\n", "sys/fs/cgroup/memory.max": "536870912\n"}, 512 * mib},
		{"v2, group outside the root of its namespace", map[string]string{"proc/self/cgroup": "0::/../b\n", "proc/self/mountinfo": v2, "sys/fs/cgroup/memory.max": "536870912\n"}, 512 * mib},
		{"v2, mounted elsewhere", map[string]string{"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": "30 23 0:26 / ROOT/cgroups rw - cgroup2 cgroup2 rw\n", "cgroups/memory.max": "536870912\n"}, 512 * mib},
		{"v1, no limit", map[string]string{"proc/self/cgroup": "4:memory:/a\n", "proc/self/mountinfo": v1, "sys/fs/cgroup/memory/a/memory.limit_in_bytes": noLimit}, machine},
		{"v1, container", map[string]string{"proc/self/cgroup": "5:cpu,cpuacct:/docker/1\n4:memory:/docker/1\n0::/\n", "proc/self/mountinfo": "40 30 0:35 /docker/1 ROOT/sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912\n"}, 512 * mib},
		{"v1, limit of the group above", map[string]string{"proc/self/cgroup": "4:memory:/a/b\n", "proc/self/mountinfo": v1, "sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": noLimit, "sys/fs/cgroup/memory/a/b/memory.stat": "cache 0\nhierarchical_memory_limit 536870912\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "536870912\n"}, 512 * mib},
		{"v1, limit above the container's mount", map[string]string{"proc/self/cgroup": "4:memory:/pod/1\n", "proc/self/mountinfo": "40 30 0:35 /pod/1 ROOT/sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": noLimit, "sys/fs/cgroup/memory/memory.stat": "hierarchical_memory_limit 536870912\n"}, 512 * mib},
		{"hybrid: memory in v1, v2 without it", map[string]string{"proc/self/cgroup": "4:memory:/a\n0::/a\n", "proc/self/mountinfo": v1 + "42 30 0:37 / ROOT/sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "536870912\n", "sys/fs/cgroup/unified/a/cgroup.procs": ""}, 512 * mib},
		{"limit larger than the machine", map[string]string{"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": v2, "sys/fs/cgroup/memory.max": "1099511627776\n"}, machine},
	} {
		root := t.TempDir()
		files := map[string]string{"proc/meminfo": "MemTotal:       16777216 kB\n"}
		for path, text := range test.files {
			files[path] = strings.ReplaceAll(text, "ROOT", root)
		}
		for path, text := range files {
			if err := os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		ours, auto := availableMemory(os.DirFS(root)), theirs(root, machine)
		verdict := func(got int64) string {
			if got == test.want {
				return "right"
			}
			return "wrong"
		}
		t.Logf("| %s | %d MiB | %d MiB, %s | %d MiB, %s |", test.name, test.want/mib, ours/mib, verdict(ours), auto/mib, verdict(auto))
	}
}
