//go:build !unix

package repository

import "io/fs"

// inode returns 0: the system's FileInfo has no such number.
func inode(fs.FileInfo) any { return 0 }
