package bench

// seenWindow is how many sequence numbers back a receiver tells doubled from late.
const seenWindow = 1024

// seen is the set of sequence numbers that one receiver has had. What is older than the window counts as new: it can be that late only if a
// post was, and the board knows whether anybody lacks it.
type seen struct {
	next uint64 // one above the highest
	bits [seenWindow / 64]uint64
}

// add reports whether the number is new.
func (s *seen) add(seq uint64) bool {
	if seq >= s.next {
		s.forget(seq)
		s.next = seq + 1
	} else if s.next-seq > seenWindow {
		return true
	}
	word, bit := &s.bits[seq/64%uint64(len(s.bits))], uint64(1)<<(seq%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}

// forget clears the bits of the numbers from next to seq, which held those of a window ago.
func (s *seen) forget(seq uint64) {
	if seq-s.next >= seenWindow {
		s.bits = [len(s.bits)]uint64{}
		return
	}
	for n := s.next; n <= seq; n++ {
		s.bits[n/64%uint64(len(s.bits))] &^= 1 << (n % 64)
	}
}
