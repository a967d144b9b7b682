//go:build !unix

package repository

import "io/fs"

// inode returns 0: FileInfo has no inode on this system.
func inode(fs.FileInfo) any { return 0 }
