// Package infertest has models and repositories for the tests of package infer and of the
// APIs. Only tests import it.
package infertest
