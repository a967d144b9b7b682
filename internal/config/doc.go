// Package config reads the settings of `tensorwire serve`: from flags, the environment
// and a YAML file, in this order of precedence, and else the defaults.
//
// Each setting has one key. It is the flag's name, the key in the file, and, in upper
// case with underscores behind [EnvPrefix], the environment variable: max-queue is
// --max-queue, max-queue: in the file and TENSORWIRE_MAX_QUEUE.
//
// Only the composition root and the command import the package. It takes defaults from
// the packages that own them.
package config
