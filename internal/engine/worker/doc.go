// Package worker runs models in worker processes, so that native code that crashes, hangs
// or runs out of memory ends a worker and not the server. Its [Engine] is an engine.Engine
// whose sessions forward to workers; it has the policy, and no mechanism: processes and
// their data path are behind the interface [Process].
//
// # Placement
//
// A host keeps one process running for its sessions, and starts another when it dies
// (host.go). With isolation by version each version has a host of its own; small models
// share pools of bounded size (placement.go). With shared isolation there is one host.
//
// # Death of a worker
//
// The requests that were running in it are suspects: nobody knows which of them it was. A
// suspect runs again, within its deadline, in a trial: a separate process with its model
// alone, for one request at a time (trial.go). A request that ends the trial's process too
// ran alone: it is blamed, and its caller gets an engine.ErrCrashed. All other requests get
// their responses. Requests that arrive meanwhile wait for the host's next process, which a
// blamed request does not delay (backoff.go). Requests that ran in a process that was killed
// for its memory, or that lacked memory beside others, are suspects too. A trial that
// something outside killed is repeated.
//
// A blamed request is quarantined: equal requests are refused for a while, and so are all
// requests for that model by a peer that was blamed repeatedly (quarantine.go). A blamed
// model leaves its pool. If a pool dies and nobody can be blamed, it is split in two, until
// the culprit is alone.
//
// A worker that the server ended itself because a run or a load took too long, or because it
// was unresponsive, makes no suspects: at most that run failed, the others run again. Where its memory exceeded the limit,
// nobody knows which run needed it, and there are suspects as above.
package worker
