// Package pull brings a model from a URL into a repository. It knows no terminal: it
// tells of its progress by callbacks.
//
// What arrives is kept in a directory of the repository whose name begins with a dot,
// which servers pass over, and survives the process: the next pull of the same model
// and version goes on where the last one ended. When the file is whole and its
// checksum fits, the finished directory is renamed into its place, so that a server
// that follows the repository sees the version whole or not at all.
package pull
