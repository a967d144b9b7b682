package tensorjson

// JSON returns the value's own text.
func (v Value) JSON() []byte {
	s := v.Scanner()
	s.Skip()
	return v.text[v.at:s.at]
}
