package transport

import "syscall"

// Patience is what the kernel's options say of each connection: whether it asks idle peers for a sign of life, and after how many milliseconds
// without one it gives up.
func Patience(s *Server) (asks []int, gives []int) {
	conns, _ := s.all()
	for _, c := range conns {
		a, _ := syscall.GetsockoptInt(c.nc.Hash(), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE)
		g, _ := syscall.GetsockoptInt(c.nc.Hash(), syscall.IPPROTO_TCP, tcpUserTimeout)
		asks, gives = append(asks, a), append(gives, g)
	}
	return asks, gives
}
