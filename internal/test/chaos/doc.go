// Package chaos tests the built server, in one package of tests for Linux, while its worker
// processes, its models, its clients and its disk fail. `make chaos` runs TestChaos: mixed
// traffic on eight healthy models over every protocol, and faults at random. `make
// crash-fuzz` runs TestCrashFuzz: random models on random valid inputs. A short TestChaos,
// TestChaosSmoke, is one of the ordinary tests.
package chaos
