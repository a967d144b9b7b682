package repository

import (
	"context"
	"time"
)

// hungAfter is the time after which the log says that the models directory does not answer.
const hungAfter = 10 * time.Second

// listing is what one pass of Poll reads.
type listing struct {
	// root has one reference; nil with an err.
	root  *sharedRoot
	err   error
	names []string
	// populated reports that one of the models has a version.
	populated bool
	// known is the state of the models that no operation changed before the read.
	known map[string]knownModel
	// directories are those of the models in known and of new ones.
	directories map[string]*directory
}

// knownModel is the part of a modelState that a pass compares.
type knownModel struct {
	settings   *settings
	reconciled int
}

func (l *listing) release() {
	if l.root != nil {
		_ = l.root.release() // it was only read
	}
}

// look reads the models directory. A file system that does not answer, such as one of a
// network, blocks one goroutine, which holds no lock: look returns nil when ctx ends.
func (p *poller[S]) look(ctx context.Context) *listing {
	known, busy := p.knownModels()
	read := make(chan *listing)
	go func() {
		if p.options.beforeRead != nil {
			p.options.beforeRead()
		}
		l := p.readListing(known, busy)
		select {
		case read <- l:
		case <-ctx.Done():
			l.release()
		}
	}()
	for hung := time.After(hungAfter); ; {
		select {
		case l := <-read:
			return l
		case <-ctx.Done():
			return nil
		case <-hung:
			p.keep("the models directory does not answer", "dir", p.dir, "since", hungAfter)
		}
	}
}

// knownModels returns the state of the models that no operation changes at present, and the
// names of the others.
func (p *poller[S]) knownModels() (known map[string]knownModel, busy map[string]bool) {
	known, busy = make(map[string]knownModel), make(map[string]bool)
	for _, name := range p.entryNames() {
		o := p.tryBegin(name)
		if o == nil {
			busy[name] = true
			continue
		}
		known[name] = knownModel{o.settings, o.reconciled}
		o.end()
	}
	return known, busy
}

// readListing reads the directory, and those of the models that are not busy.
func (r *Repository[S]) readListing(known map[string]knownModel, busy map[string]bool) *listing {
	l := &listing{known: known, directories: make(map[string]*directory)}
	if l.root, l.names, l.err = r.openModels(); l.err != nil || r.options.Control == ControlExplicit {
		return l
	}
	l.populated = populated(l.root.tree, l.names)
	for _, name := range l.names {
		if !busy[name] {
			l.directories[name] = r.examine(l.root.tree, name, known[name].settings)
		}
	}
	return l
}
