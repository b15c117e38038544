package instance

import (
	"encoding/json"

	"github.com/sockd/sockd/instance/worker"
)

// textual is the array of arguments as those see it who read text: binary values are {"$binary":"<base64>"}.
func textual(args []json.RawMessage, attachments [][]byte) (json.RawMessage, error) {
	size := 2
	for _, a := range args {
		size += len(a) + 1
	}
	list := append(make([]byte, 0, size), '[')
	for i, a := range args {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, a...)
	}
	list = append(list, ']')
	if len(attachments) == 0 {
		return list, nil
	}
	return worker.EncodeBinary(list, attachments)
}
