package repository

// BeforeRead sets a function that is called before each read of the models directory by Poll
// and by a load. One that does not return is a file system that does not answer.
func BeforeRead[S any](o *Options[S], f func()) { o.beforeRead = f }
