package h2

import "encoding/binary"

// sendSettingsLocked queues our SETTINGS (RFC 9113, section 6.5), and WINDOW_UPDATE for the
// connection's window.
func (c *conn) sendSettingsLocked() {
	o := &c.server.options
	settings := [][2]uint32{
		{settingMaxConcurrentStreams, o.MaxConcurrentStreams},
		{settingInitialWindowSize, uint32(o.StreamWindow)},
		{settingMaxFrameSize, o.MaxFrameSize},
		{settingMaxHeaderListSize, uint32(o.MaxHeaderBytes)},
	}
	c.send.reserve(0)
	b := appendFrame(c.send.buf, len(settings)*6, frameSettings, 0, 0)
	for _, s := range settings {
		b = binary.BigEndian.AppendUint16(b, uint16(s[0]))
		b = binary.BigEndian.AppendUint32(b, s[1])
	}
	c.send.buf = b
	if grow := o.ConnectionWindow - initialWindow; grow > 0 {
		c.send.appendWindowUpdate(0, uint32(grow))
	}
	c.settingsUnacked = true
	c.armWriterLocked()
}

// onSettings handles SETTINGS (RFC 9113, section 6.5): it applies and acknowledges the
// peer's, and takes the acknowledgment of ours.
func (c *conn) onSettings(f frame) error {
	switch {
	case f.id != 0:
		return connErrorf(codeProtocol, "SETTINGS on stream %d, want stream 0", f.id)
	case f.has(flagAck) && f.length != 0, f.length%6 != 0:
		return connErrorf(codeFrameSize, "SETTINGS of %d bytes, want a multiple of 6, and 0 with ACK", f.length)
	}
	b, err := c.payload(f)
	if err != nil {
		return err
	}
	// A new initial window size affects every stream, so many parameters cost more.
	if err := c.flood.spend(costControl + f.length/(6*settingsPerCost)); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.has(flagAck) {
		c.settingsUnacked = false
		return nil
	}
	c.gotSettings = true
	for ; len(b) > 0; b = b[6:] {
		if err := c.applySettingLocked(binary.BigEndian.Uint16(b), binary.BigEndian.Uint32(b[2:])); err != nil {
			return err
		}
	}
	c.send.reserve(0)
	c.send.buf = appendFrame(c.send.buf, 0, frameSettings, flagAck, 0)
	return c.armControlLocked()
}

// applySettingLocked applies one SETTINGS parameter of the peer (RFC 9113, section 6.5.2).
func (c *conn) applySettingLocked(id uint16, value uint32) error {
	switch id {
	case settingHeaderTableSize:
		c.send.encoder.SetMaxDynamicTableSizeLimit(min(value, headerTableSize))
		c.send.encoder.SetMaxDynamicTableSize(min(value, headerTableSize))
	case settingEnablePush:
		if value > 1 {
			return connErrorf(codeProtocol, "SETTINGS_ENABLE_PUSH is %d, want 0 or 1", value)
		}
	case settingInitialWindowSize:
		if value > maxWindow {
			return connErrorf(codeFlowControl, "SETTINGS_INITIAL_WINDOW_SIZE is %d, want at most %d", value, maxWindow)
		}
		change := int64(value) - c.peer.initialWindow
		c.peer.initialWindow = int64(value)
		for _, st := range c.streams {
			if st.sendWindow += change; st.sendWindow > maxWindow {
				return connErrorf(codeFlowControl, "SETTINGS_INITIAL_WINDOW_SIZE %d overflows a stream's window", value)
			}
			c.send.enqueueIfReady(st)
		}
		c.armWriterLocked()
	case settingMaxFrameSize:
		if value < minFrameSize || value > maxFrameSize {
			return connErrorf(codeProtocol, "SETTINGS_MAX_FRAME_SIZE is %d, want %d to %d", value, minFrameSize, maxFrameSize)
		}
		c.peer.maxFrame = int(value)
	}
	return nil
}

// settingsPerCost is the number of parameters that cost as much as an empty frame.
const settingsPerCost = 8
