//go:build unix

package repository

import (
	"io/fs"
	"syscall"
)

// inode returns the file system's number of a file, for printing.
func inode(info fs.FileInfo) any {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Ino
	}
	return 0
}
