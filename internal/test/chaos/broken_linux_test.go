package chaos_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// addBroken adds a model that cannot be loaded, for a while.
func (c *chaos) addBroken(ctx context.Context, r *rand.Rand) error {
	c.mu.Lock()
	c.odd++
	dir := filepath.Join(c.server.repository, fmt.Sprintf("broken%d", c.odd))
	c.mu.Unlock()
	defer os.RemoveAll(dir)
	if err := c.breakFiles(r, dir, filepath.Join(dir, "1")); err != nil {
		return err
	}
	wait(ctx, 3*time.Second)
	return nil
}

// addBrokenVersion adds a version that cannot be loaded to a healthy model, for a while. The
// version before it serves.
func (c *chaos) addBrokenVersion(ctx context.Context, r *rand.Rand) error {
	c.mu.Lock()
	m := c.healthy[r.IntN(len(c.healthy))]
	c.versions[m.name]++
	version := c.versions[m.name]
	c.mu.Unlock()
	dir := filepath.Join(c.server.repository, m.name)
	path := filepath.Join(dir, strconv.Itoa(version))
	err := os.MkdirAll(path, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(path, "model.onnx"), m.onnx[:r.IntN(min(len(m.onnx), 1<<20))], 0o600)
	}
	if err == nil {
		wait(ctx, 2*time.Second)
	}
	if removed := os.RemoveAll(path); removed != nil {
		return removed
	}
	return err
}

// breakFiles writes files that are not a model.
func (c *chaos) breakFiles(r *rand.Rand, dir, version string) error {
	if err := os.MkdirAll(version, 0o755); err != nil {
		return err
	}
	path := filepath.Join(version, "model.onnx")
	switch r.IntN(7) {
	case 0: // no model
		return os.WriteFile(path, []byte("no model"), 0o600)
	case 1: // random bytes
		content := make([]byte, 4096)
		for i := range content {
			content[i] = byte(r.Uint32())
		}
		return os.WriteFile(path, content, 0o600)
	case 2: // a model with a bit that is flipped
		m := c.healthy[r.IntN(len(c.healthy))]
		content := append([]byte(nil), m.onnx[:min(len(m.onnx), 1<<20)]...)
		content[r.IntN(len(content))] ^= 1 << r.IntN(8)
		return os.WriteFile(path, content, 0o600)
	case 3:
		return syscall.Mkfifo(path, 0o600)
	case 4:
		return os.Symlink("/nowhere/model.onnx", path)
	case 5:
		return os.WriteFile(filepath.Join(dir, "config.pbtxt"), []byte("max_batch_size: {"), 0o600)
	default: // one whose load ends a worker
		crashers := atLoad()
		return os.WriteFile(path, crashers[r.IntN(len(crashers))].Model, 0o600)
	}
}

// atLoad returns the models whose loads crash.
func atLoad() []onnxtest.Crasher {
	var list []onnxtest.Crasher
	for _, c := range onnxtest.Crashers() {
		if c.AtLoad && !c.Endless {
			list = append(list, c)
		}
	}
	return list
}
