package h2

import "encoding/binary"

// sendSettings sends our SETTINGS, and opens the connection's window. The caller holds
// mu.
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
	// A change of the initial window concerns every stream: many settings cost more.
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

// setting takes over one of the peer's settings. The caller holds mu.
func (c *conn) applySettingLocked(id uint16, value uint32) error {
	switch id {
	case settingHeaderTableSize:
		c.send.encoder.SetMaxDynamicTableSizeLimit(min(value, headerTableSize))
		c.send.encoder.SetMaxDynamicTableSize(min(value, headerTableSize))
	case settingEnablePush:
		if value > 1 {
			return connError{codeProtocol, "SETTINGS_ENABLE_PUSH is neither 0 nor 1"}
		}
	case settingInitialWindowSize:
		if value > maxWindow {
			return connError{codeFlowControl, "SETTINGS_INITIAL_WINDOW_SIZE is too large"}
		}
		change := int64(value) - c.peer.initialWindow
		c.peer.initialWindow = int64(value)
		for _, st := range c.streams {
			if st.sendWindow += change; st.sendWindow > maxWindow {
				return connError{codeFlowControl, "SETTINGS_INITIAL_WINDOW_SIZE makes a window overflow"}
			}
			c.send.enqueueIfReady(st)
		}
		c.armWriterLocked()
	case settingMaxFrameSize:
		if value < minFrameSize || value > maxFrameSize {
			return connError{codeProtocol, "SETTINGS_MAX_FRAME_SIZE is out of range"}
		}
		c.peer.maxFrame = int(value)
	}
	return nil
}

// freeSettings is how many settings of a frame cost no more than the frame.
const settingsPerCost = 8
