package wire

// StatusClientClosedRequest is nginx's status for a client that has disconnected. HTTP has
// none, and only logs show it.
const StatusClientClosedRequest = 499
