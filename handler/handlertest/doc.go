// Package handlertest serves models over all APIs for the APIs' tests, and has their helpers
// to make requests and check answers. Only tests import it.
package handlertest
