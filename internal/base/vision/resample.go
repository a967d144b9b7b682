package vision

// resampler is the pooled scratch memory of one resize. It is not safe for concurrent
// use.
//
// Rows are streamed through it: each input row is resized horizontally once, into a
// ring that holds only the rows for one output row. So the scratch memory stays small
// and mostly in the L1 cache.
type resampler struct {
	source []byte  // an input row converted to gray
	ring   []byte  // rows after the horizontal pass
	sums   []int32 // of the vertical pass
}

// resample resizes and crops m into dst: h.out x v.out pixels with m's channels, or
// one if gray is set. The horizontal pass comes first and both round to 8 bits, so the
// bytes equal those of Pillow up to 12.
func (s *resampler) resample(dst []byte, m *Image, gray bool, f Filter, h, v window) {
	channels := m.Channels
	if gray {
		channels = 1
	}
	if h.size < h.out || v.size < v.out {
		clear(dst)
	}
	p := pass{s: s, m: m, gray: gray, channels: channels, h: h, filter: f}
	if h.in != h.resized {
		p.columns = h.axis(f)
	}
	width := h.size * channels
	at := func(y int) []byte { return dst[((v.pad+y)*h.out+h.pad)*channels:][:width] }
	switch {
	case v.in == v.resized:
		for y := range v.size {
			p.row(at(y), v.offset+y)
		}
	case f == Nearest:
		for y, from := range v.axis(f).first {
			p.row(at(y), int(from))
		}
	default:
		s.vertical(&p, v, at)
	}
}

// vertical runs the second pass over the rows of the first one.
func (s *resampler) vertical(p *pass, v window, at func(y int) []byte) {
	rows := v.axis(p.filter)
	width := p.h.size * p.channels
	s.ring = grow(s.ring, rows.taps*width)
	s.sums = grow(s.sums, width)
	next := 0 // the first input row that is not in the ring yet
	for y := range v.size {
		from, to := rows.span(y)
		for next = max(next, from); next < to; next++ {
			p.row(s.ring[next%rows.taps*width:][:width], next)
		}
		for i := range s.sums {
			s.sums[i] = weightHalf
		}
		for i, w := range rows.at(y) {
			addRow(s.sums, s.ring[(from+i)%rows.taps*width:][:width], w)
		}
		out := at(y)
		for i, sum := range s.sums {
			out[i] = clamp8(sum >> weightBits)
		}
	}
}

// addRow adds a row times its weight to the sums.
func addRow(sums []int32, row []byte, w int32) {
	row = row[:len(sums)]
	for i := range sums {
		sums[i] += w * int32(row[i])
	}
}

// pass is the horizontal pass, computed row by row on demand.
type pass struct {
	s        *resampler
	m        *Image
	gray     bool
	channels int
	h        window
	filter   Filter
	columns  *axis // nil if the width is unchanged
}

// row writes the output columns of input row y into dst.
func (p *pass) row(dst []byte, y int) {
	src := p.source(y)
	switch {
	case p.columns == nil:
		copy(dst, src[p.h.offset*p.channels:])
	case p.filter == Nearest:
		pick(dst, src, p.columns, p.channels)
	case p.channels == 1:
		convolveGray(dst, src, p.columns)
	default:
		convolveRGB(dst, src, p.columns)
	}
}

// source returns input row y in the channels of the result.
func (p *pass) source(y int) []byte {
	if !p.gray {
		return p.m.row(y)
	}
	p.s.source = grow(p.s.source, p.m.Width)
	luma(p.s.source, p.m.row(y))
	return p.s.source
}

// pick copies the nearest pixels.
func pick(dst, src []byte, a *axis, channels int) {
	for x, from := range a.first {
		copy(dst[x*channels:(x+1)*channels], src[int(from)*channels:])
	}
}

func convolveGray(dst, src []byte, a *axis) {
	for x := range dst {
		from, to := a.span(x)
		line, sum := src[from:to], int32(weightHalf)
		for i, w := range a.at(x)[:len(line)] {
			sum += w * int32(line[i])
		}
		dst[x] = clamp8(sum >> weightBits)
	}
}

// convolveRGB keeps three sums and reslices the line from the front, which needs fewer
// bounds checks than an index.
func convolveRGB(dst, src []byte, a *axis) {
	for x := range a.first {
		from, to := a.span(x)
		line := src[3*from : 3*to]
		red, green, blue := int32(weightHalf), int32(weightHalf), int32(weightHalf)
		for _, w := range a.at(x) {
			if len(line) < 3 {
				break // unreachable, there are as many weights as pixels; avoids bounds checks
			}
			red += w * int32(line[0])
			green += w * int32(line[1])
			blue += w * int32(line[2])
			line = line[3:]
		}
		p := dst[3*x : 3*x+3 : 3*x+3]
		p[0], p[1], p[2] = clamp8(red>>weightBits), clamp8(green>>weightBits), clamp8(blue>>weightBits)
	}
}

// grow returns a slice of n elements with arbitrary content. It reuses buf if it is
// large enough.
func grow[T any](buf []T, n int) []T {
	if cap(buf) < n {
		return make([]T, n)
	}
	return buf[:n]
}
