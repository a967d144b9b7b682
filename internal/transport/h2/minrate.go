package h2

import "time"

// stallLeast is how much a peer must take in a WriteTimeout, at least, of a stream
// that waits for its window or for the connection's. It makes windows of a byte
// useless.
const minProgress = 16 << 10

// progress is how far DATA gets.
type sendProgress struct {
	since time.Time // when it was last enough
	bytes int
}

func (p *sendProgress) restart(now time.Time) { p.since, p.bytes = now, 0 }

func (p *sendProgress) add(n int, now time.Time) {
	if p.bytes += n; p.bytes >= minProgress {
		p.restart(now)
	}
}

// turns is how far DATA gets in a WriteTimeout. Streams that wait for their turn have a part
// in the others' progress, but not without end: of those without any of their own, as many
// may wait on as there was stallLeast for. Else 16 KiB a minute would hold all of a
// connection's handlers.
type sendShare struct {
	since time.Time
	bytes int // that were sent since
}

// due reports whether it is time to look, and how many streams may then wait on. The caller
// holds conn.mu.
func (o *sendQueue) takeShare(now time.Time, limit time.Duration) (share int, due bool) {
	if now.Sub(o.share.since) < limit {
		return 0, false
	}
	bytes := o.share.bytes
	if o.writing {
		bytes += o.roundSize // of a round that may have begun before
	}
	o.share = sendShare{since: now}
	return bytes / minProgress, true
}

// stalled returns the streams whose handlers have waited too long for a window, and
// when to look again. The caller holds mu.
func (c *conn) stalledLocked(now time.Time) (stalled []*stream, again time.Time) {
	again = now.Add(c.server.options.PingAfter)
	limit := c.server.options.WriteTimeout
	share, due := c.send.takeShare(now, limit)
	for _, st := range c.streams {
		if !st.hasPendingLocked() {
			continue
		}
		since := st.progress.since
		if st.queued && !st.writing {
			again = earlier(again, c.send.share.since.Add(limit))
			if due && now.Sub(since) >= limit {
				if share--; share < 0 {
					stalled = append(stalled, st)
					continue
				}
			}
		}
		if st.queued || st.writing || st.sendWindow > 0 {
			// It may wait for its turn, or its turn be slow: then it is for the others to
			// move, and for the connection's write deadline.
			if since.Before(c.send.progress.since) {
				since = c.send.progress.since
			}
			if c.send.writing && c.send.roundSize >= minProgress {
				since = now
			}
		}
		if by := since.Add(limit); now.Before(by) {
			again = earlier(again, by)
		} else {
			stalled = append(stalled, st)
		}
	}
	return stalled, again
}
