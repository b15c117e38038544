package bench

import (
	"encoding/binary"
	"errors"
)

// Opcodes of RFC 6455.
const (
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8
	opPing   = 0x9
	opPong   = 0xA
)

// maxFrame bounds what is kept of a frame that has not arrived in full.
const maxFrame = 64 << 20

var (
	errFragment = errors.New("fragmented or compressed frame")
	errMasked   = errors.New("masked frame of a server")
	errTooLarge = errors.New("message too large")
)

// nextFrame reads the first frame of a server's bytes. The payload is a part of p; size is 0 while the frame is incomplete.
func nextFrame(p []byte) (op byte, payload []byte, size int, err error) {
	if len(p) < 2 {
		return 0, nil, 0, nil
	}
	if p[0]&0xF0 != 0x80 {
		return 0, nil, 0, errFragment
	}
	if p[1]&0x80 != 0 {
		return 0, nil, 0, errMasked
	}
	head, length := 2, uint64(p[1])
	switch {
	case length == 126 && len(p) >= 4:
		head, length = 4, uint64(binary.BigEndian.Uint16(p[2:]))
	case length == 127 && len(p) >= 10:
		head, length = 10, binary.BigEndian.Uint64(p[2:])
	case length >= 126:
		return 0, nil, 0, nil
	}
	if length > maxFrame {
		return 0, nil, 0, errTooLarge
	}
	size = head + int(length)
	if len(p) < size {
		return 0, nil, 0, nil
	}
	return p[0] & 0x0F, p[head:size], size, nil
}

// openFrame appends the header of a client's frame whose payload of n bytes the caller appends. The masking key is zero.
func openFrame(dst []byte, op byte, n int) []byte {
	dst = append(dst, 0x80|op)
	switch {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n <= 0xFFFF:
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(n))
	}
	return append(dst, 0, 0, 0, 0)
}
