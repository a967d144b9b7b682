package h2

import (
	"encoding/binary"
	"time"
)

// sendSettings sends our SETTINGS, and opens the connection's window. The caller holds
// mu.
func (c *conn) sendSettings() {
	o := &c.server.options
	settings := [][2]uint32{
		{settingMaxStreams, o.MaxConcurrentStreams},
		{settingInitialWindow, uint32(o.StreamWindow)},
		{settingMaxFrameSize, o.MaxFrameSize},
		{settingMaxHeaderListSize, uint32(o.MaxHeaderBytes)},
	}
	b := appendFrame(c.out.buf, len(settings)*6, frameSettings, 0, 0)
	for _, s := range settings {
		b = binary.BigEndian.AppendUint16(b, uint16(s[0]))
		b = binary.BigEndian.AppendUint32(b, s[1])
	}
	c.out.buf = b
	if grow := o.ConnectionWindow - initialWindow; grow > 0 {
		c.out.windowUpdate(0, uint32(grow))
	}
	c.unacked = true
	c.armWriter()
}

func (c *conn) onSettings(f frame) error {
	switch {
	case f.id != 0:
		return connError{codeProtocol, "SETTINGS on a stream"}
	case f.has(flagAck) && f.length != 0, f.length%6 != 0:
		return connError{codeFrameSize, "SETTINGS of a wrong length"}
	}
	b, err := c.payload(f)
	if err != nil {
		return err
	}
	if err := c.flood.spend(costControl); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.has(flagAck) {
		c.unacked = false
		return nil
	}
	c.gotSettings = true
	for ; len(b) > 0; b = b[6:] {
		if err := c.setting(binary.BigEndian.Uint16(b), binary.BigEndian.Uint32(b[2:])); err != nil {
			return err
		}
	}
	c.out.buf = appendFrame(c.out.buf, 0, frameSettings, flagAck, 0)
	return c.armControl()
}

// setting takes over one of the peer's settings. The caller holds mu.
func (c *conn) setting(id uint16, value uint32) error {
	switch id {
	case settingHeaderTableSize:
		c.out.fields.SetMaxDynamicTableSizeLimit(min(value, headerTableSize))
		c.out.fields.SetMaxDynamicTableSize(min(value, headerTableSize))
	case settingEnablePush:
		if value > 1 {
			return connError{codeProtocol, "SETTINGS_ENABLE_PUSH is neither 0 nor 1"}
		}
	case settingInitialWindow:
		if value > maxWindow {
			return connError{codeFlowControl, "SETTINGS_INITIAL_WINDOW_SIZE is too large"}
		}
		change := int64(value) - c.peer.initialWindow
		c.peer.initialWindow = int64(value)
		for _, st := range c.streams {
			if st.window += change; st.window > maxWindow {
				return connError{codeFlowControl, "SETTINGS_INITIAL_WINDOW_SIZE makes a window overflow"}
			}
			c.out.resume(st)
		}
		c.armWriter()
	case settingMaxFrameSize:
		if value < minFrameSize || value > maxFrameSize {
			return connError{codeProtocol, "SETTINGS_MAX_FRAME_SIZE is out of range"}
		}
		c.peer.maxFrame = int(value)
	}
	return nil
}

func (c *conn) onPing(f frame) error {
	if f.id != 0 {
		return connError{codeProtocol, "PING on a stream"}
	}
	if f.length != 8 {
		return connError{codeFrameSize, "PING of a wrong length"}
	}
	b, err := c.payload(f)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.has(flagAck) {
		if [8]byte(b) == drainPing {
			c.drained()
		}
		c.pinged = time.Time{}
		return nil
	}
	if err := c.flood.spend(costControl); err != nil {
		return err
	}
	c.out.buf = append(appendFrame(c.out.buf, 8, framePing, flagAck, 0), b...)
	return c.armControl()
}

func (c *conn) onPriority(f frame) error {
	if f.id == 0 {
		return connError{codeProtocol, "PRIORITY without a stream"}
	}
	if f.length != 5 {
		if err := c.skip(f.length); err != nil {
			return err
		}
		return streamError{f.id, codeFrameSize, "PRIORITY of a wrong length"}
	}
	b, err := c.payload(f)
	if err != nil {
		return err
	}
	if err := c.flood.spend(costControl); err != nil {
		return err
	}
	return checkDependency(f.id, b)
}

// checkDependency checks the priority fields, which are otherwise ignored (RFC 9113,
// 5.3.2).
func checkDependency(id uint32, b []byte) error {
	if binary.BigEndian.Uint32(b)&maxStreamID == id {
		return streamError{id, codeProtocol, "a stream depends on itself"}
	}
	return nil
}

func (c *conn) onGoAway(f frame) error {
	if f.id != 0 {
		return connError{codeProtocol, "GOAWAY on a stream"}
	}
	if f.length < 8 {
		return connError{codeFrameSize, "GOAWAY of a wrong length"}
	}
	// The peer opens no more streams; it closes the connection when it has its answers.
	if err := c.flood.spend(costControl); err != nil {
		return err
	}
	return c.skip(f.length)
}

func (c *conn) onWindow(f frame) error {
	if f.length != 4 {
		return connError{codeFrameSize, "WINDOW_UPDATE of a wrong length"}
	}
	b, err := c.payload(f)
	if err != nil {
		return err
	}
	if err := c.flood.spend(costWindow); err != nil {
		return err
	}
	grow := int64(binary.BigEndian.Uint32(b) & maxStreamID)
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.id == 0 {
		if grow == 0 {
			return connError{codeProtocol, "WINDOW_UPDATE of 0"}
		}
		if c.out.window += grow; c.out.window > maxWindow {
			return connError{codeFlowControl, "WINDOW_UPDATE makes the connection's window overflow"}
		}
		c.armWriter()
		return nil
	}
	st := c.streams[f.id]
	switch {
	case st == nil && f.id > c.lastID:
		return connError{codeProtocol, "WINDOW_UPDATE of a stream that is idle"}
	case st == nil:
		return nil // it has ended meanwhile
	case grow == 0:
		return streamError{f.id, codeProtocol, "WINDOW_UPDATE of 0"}
	}
	if st.window += grow; st.window > maxWindow {
		return streamError{f.id, codeFlowControl, "WINDOW_UPDATE makes the stream's window overflow"}
	}
	c.out.resume(st)
	c.armWriter()
	return nil
}

func (c *conn) onReset(f frame) error {
	if f.id == 0 {
		return connError{codeProtocol, "RST_STREAM without a stream"}
	}
	if f.length != 4 {
		return connError{codeFrameSize, "RST_STREAM of a wrong length"}
	}
	b, err := c.payload(f)
	if err != nil {
		return err
	}
	if err := c.flood.spend(costReset); err != nil {
		return err
	}
	c.mu.Lock()
	st := c.streams[f.id]
	idle := f.id > c.lastID
	c.mu.Unlock()
	if idle {
		return connError{codeProtocol, "RST_STREAM of a stream that is idle"}
	}
	if st != nil {
		c.closeStream(st, StreamError{binary.BigEndian.Uint32(b)})
	}
	return nil
}
