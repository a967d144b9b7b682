// Package pull downloads a model from a URL into a repository. It writes to no terminal;
// it reports its progress by callbacks.
//
// Received bytes are stored in a directory of the repository whose name begins with a
// dot, which servers ignore. They survive the process: the next pull of the same model
// and version resumes the download. When the file is complete and its checksum matches,
// the finished directory is renamed into place, so that a server that polls the
// repository sees a complete version or none.
package pull
