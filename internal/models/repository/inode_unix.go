//go:build unix

package repository

import (
	"io/fs"
	"syscall"
)

// inode returns the number by which the file system knows the file, to be printed.
func inode(info fs.FileInfo) any {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Ino
	}
	return 0
}
