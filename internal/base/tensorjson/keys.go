package tensorjson

// keys is the set of an object's keys so far. The first ones are compared one by one;
// the map serves objects with more.
type keys struct {
	few   [8][]byte
	count int
	many  map[string]struct{}
}

// add reports whether key is new.
func (k *keys) add(key []byte) bool {
	for _, other := range k.few[:min(k.count, len(k.few))] {
		if string(other) == string(key) {
			return false
		}
	}
	if k.count < len(k.few) {
		k.few[k.count] = key
		k.count++
		return true
	}
	if _, found := k.many[string(key)]; found {
		return false
	}
	if k.many == nil {
		k.many = map[string]struct{}{}
	}
	k.many[string(key)] = struct{}{}
	return true
}
