package tensor

// DynamicAxes returns the axes whose size is Dynamic, in ascending order.
func (s Shape) DynamicAxes() []int {
	var axes []int
	for axis, size := range s {
		if size == Dynamic {
			axes = append(axes, axis)
		}
	}
	return axes
}
