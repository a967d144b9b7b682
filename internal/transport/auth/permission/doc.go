// Package permission has what clients may do. It knows no protocol, so that the core can ask it.
//
// Each route has a [Need]: the action, and the model where the path names it. A [Client] permits it or
// not. Where a message names the model, handlers call [CheckModel] as soon as they know the name.
package permission
