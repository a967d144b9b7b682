//go:build !unix

package repository

import "io/fs"

// inode returns 0: FileInfo has no inode on this system.
func inode(fs.FileInfo) any { return 0 }

// owned returns true: a directory of temporary files is the user's own on this system.
func owned(fs.FileInfo) bool { return true }
