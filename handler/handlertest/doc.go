// Package handlertest serves models over all APIs for the APIs' tests, and has their short
// ways to make requests and check answers. Only tests import it.
package handlertest
