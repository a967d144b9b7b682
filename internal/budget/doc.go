// Package budget bounds the bytes that the process holds for requests at once. A
// Budget is shared by all transports: each reserves for a message before it reads
// it, through the Account of its request, and what a request holds is released when
// its messages are answered, at the latest when the request ends.
package budget
