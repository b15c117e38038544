package socketio

// DecodePacked reads one packet of msgpack. Data is the payload as JSON, which is not kept of a CONNECT_ERROR.
func DecodePacked(p []byte) (Decoded, [][]byte, error) {
	k, err := decodePacked(p)
	if err != nil {
		return Decoded{}, nil, err
	}
	if k.kind == event || k.kind == ack {
		k.data, _ = k.packed.unpack()
	}
	blobs := k.packed.attachments()
	return Decoded{byte(k.kind), string(k.path), k.id, k.hasID, len(blobs), string(k.data), string(k.name)}, blobs, nil
}

// RelayPacked writes a received event again, from its msgpack or, as JSON, from what that was made into. It is nil for other packets, and for
// an event without a name.
func RelayPacked(p []byte, name string, json bool) []byte {
	k, err := decodePacked(p)
	if err != nil || k.kind != event || k.packed.nameEnd == 0 {
		return nil
	}
	r := &Event{Name: string(k.name), Attachments: k.packed.attachments(), packed: k.packed}
	if json {
		r = &Event{Name: string(k.name), Attachments: r.Attachments, Payload: r.JSON()}
	}
	var e packer
	if e.packet(&draft{kind: k.kind, id: k.id, hasID: k.hasID, path: string(k.path), name: name, relay: r}) != nil {
		return nil
	}
	return e.buf
}

// Pack writes JSON as msgpack, with blobs in the place of their placeholders.
func Pack(json string, blobs ...[]byte) ([]byte, error) {
	var e packer
	err := e.raw([]byte(json), blobs)
	return e.buf, err
}

// PackArgs is EncodeArgs for msgpack.
func PackArgs(name string, args ...any) ([]byte, error) {
	var e packer
	err := e.payload(&draft{kind: event, name: name, args: args})
	return e.buf, err
}

// Unpack writes one value of msgpack as JSON, with its binary values apart.
func Unpack(p []byte) (json string, blobs [][]byte, ok bool) {
	end, n, ok := skipPacked(p, 0, 0)
	if !ok || end != len(p) {
		return "", nil, false
	}
	a := arguments{body: p, n: 1, blobs: n}
	array, _ := a.unpack()
	return string(array[1 : len(array)-1]), a.attachments(), true
}

// Deepest is how deep received msgpack may be nested.
const Deepest = maxNesting

// Reserved reports whether the server may not use this name for an event.
func Reserved(name string) bool { return reserved(name) }

// Decodes reports whether p is a packet.
func Decodes(p []byte) bool {
	_, err := decodePacked(p)
	return err == nil
}
