package worker

import "testing"

// serveNext begins the turn that is next, of those that wait by name.
func serveNext(t *turns[string], waiting ...string) string {
	next := waiting[0]
	for _, k := range waiting {
		if t.next(k) < t.next(next) {
			next = k
		}
	}
	t.serve(next)
	return next
}

// One that comes is before one that had turns, but newcomers do not keep it from its next turn.
func TestTurns(t *testing.T) {
	var q turns[string]
	for range 10 {
		q.enter("many")
	}
	for range 3 {
		serveNext(&q, "many")
		q.leave("many")
	}
	q.enter("new")
	if next := serveNext(&q, "many", "new"); next != "new" {
		t.Errorf("%s is before one that comes", next)
	}
	q.leave("new")
	for n := 0; ; n++ {
		name := string(rune('a' + n))
		q.enter(name)
		next := serveNext(&q, "many", name)
		q.leave(next)
		if next == "many" {
			break
		}
		if n == turn {
			t.Fatal("newcomers keep another from its turn")
		}
	}
	if len(q.shares) > 2*turn {
		t.Errorf("%d are remembered", len(q.shares))
	}
}
