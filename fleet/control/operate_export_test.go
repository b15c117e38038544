package control

import "io"

// TailLines reads a stream as [Client.Tail] does.
func TailLines(r io.Reader, take func(TailLine) error) error {
	return lines(r, func(line []byte) error { return taken(line, take) })
}
