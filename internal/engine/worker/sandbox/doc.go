// Package sandbox restricts the current process for the rest of its life: what a worker
// needs no more after it has loaded its native library. Landlock allows reading a few
// files and nothing else of the file system. A seccomp filter denies system calls for
// sockets, other programs and processes, writing files, and changing the system.
// Capabilities of the superuser are dropped, and no_new_privs is set.
//
// The restrictions hold for every thread, also those of native code. Where the kernel has
// no Landlock or no seccomp, the other restrictions still apply, and the Report says so.
package sandbox
