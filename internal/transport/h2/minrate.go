package h2

import "time"

// minProgress is the least number of bytes that a peer must accept per WriteTimeout on a stream
// that waits for the stream's or the connection's window. It defeats windows of one byte.
const minProgress = 16 << 10

// minProgress returns the number for the server's MinWriteRate: half of what the rate gives in a
// WriteTimeout, so that a peer may pause for the other half.
func (o Options) minProgress() int {
	return max(int(float64(o.MinWriteRate)*o.WriteTimeout.Seconds()/2), minProgress)
}

// sendProgress measures DATA against minProgress.
type sendProgress struct {
	since time.Time // when minProgress was last reached
	bytes int
}

func (p *sendProgress) restart(now time.Time) { p.since, p.bytes = now, 0 }

func (p *sendProgress) add(n int, now time.Time, enough int) {
	if p.bytes += n; p.bytes >= enough {
		p.restart(now)
	}
}

// sendShare counts the DATA sent per WriteTimeout. Streams that wait for their turn share
// the progress of others, but not without limit: of streams without progress of their own,
// one may keep waiting per minProgress bytes sent. Otherwise 16 KiB per minute could hold
// all handlers of a connection.
type sendShare struct {
	since time.Time
	bytes int // sent since then
}

// takeShare reports whether a WriteTimeout has passed, and how many streams may then keep
// waiting without progress of their own.
func (q *sendQueue) takeShare(now time.Time, limit time.Duration, enough int) (share int, due bool) {
	if now.Sub(q.share.since) < limit {
		return 0, false
	}
	bytes := q.share.bytes
	if q.writing {
		bytes += q.roundSize // of a round that may have begun earlier
	}
	q.share = sendShare{since: now}
	return bytes / enough, true
}

// stalledLocked returns the streams whose handlers have waited too long for a window, and
// the time of the next check.
func (c *conn) stalledLocked(now time.Time) (stalled []*stream, nextCheck time.Time) {
	nextCheck = now.Add(c.server.options.PingAfter)
	limit := c.server.options.WriteTimeout
	share, due := c.send.takeShare(now, limit, c.server.minProgress)
	for _, st := range c.streams {
		if !st.hasPendingLocked() {
			continue
		}
		since := st.progress.since
		if st.queued && !st.writing {
			nextCheck = earlier(nextCheck, c.send.share.since.Add(limit))
			if due && now.Sub(since) >= limit {
				if share--; share < 0 {
					stalled = append(stalled, st)
					continue
				}
			}
		}
		if st.queued || st.writing || st.sendWindow > 0 {
			// It may wait for its turn, or its turn may be slow. Then the progress of other
			// streams counts, and the connection's write deadline applies.
			if since.Before(c.send.progress.since) {
				since = c.send.progress.since
			}
			if c.send.writing && c.send.roundSize >= c.server.minProgress {
				since = now
			}
		}
		if by := since.Add(limit); now.Before(by) {
			nextCheck = earlier(nextCheck, by)
		} else {
			stalled = append(stalled, st)
		}
	}
	return stalled, nextCheck
}
