package config

import (
	"testing"
	"testing/fstest"
)

func TestDefaultMemoryBudgetIsHalfOfWhatTheProcessMayUse(t *testing.T) {
	t.Parallel()
	const meminfo = "MemTotal:       16777216 kB\nMemFree:         1000000 kB\n"
	for name, test := range map[string]struct {
		files map[string]string
		want  Size
	}{
		"no Linux":          {nil, 0},
		"a machine":         {map[string]string{"proc/meminfo": meminfo}, 8 << 30},
		"v2, no limit":      {map[string]string{"proc/meminfo": meminfo, "sys/fs/cgroup/memory.max": "max\n"}, 8 << 30},
		"v2, in container":  {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "536870912\n"}, 256 << 20},
		"v2, a service":     {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/system.slice/a.service\n", "sys/fs/cgroup/system.slice/a.service/memory.max": "1073741824\n"}, 512 << 20},
		"v2, a slice":       {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/system.slice/a.service\n", "sys/fs/cgroup/system.slice/a.service/memory.max": "max\n", "sys/fs/cgroup/system.slice/memory.max": "1073741824\n"}, 512 << 20},
		"v1, in container":  {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "5:cpu,cpuacct:/docker/1\n4:memory:/docker/1\n0::/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912\n"}, 256 << 20},
		"v1, no limit":      {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "4:memory:/a\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712\n"}, 8 << 30},
		"odd number of MiB": {map[string]string{"proc/meminfo": "MemTotal: 3073 kB\n"}, 1 << 20},
	} {
		root := fstest.MapFS{}
		for path, text := range test.files {
			root[path] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := defaultMemoryBudget(root); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
