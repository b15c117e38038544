package static

import (
	"path"
	"strings"
)

// kind is what a file's extension tells.
type kind struct {
	name    string // Content-Type
	text    bool   // worth compressing
	rewrite bool   // [Options].Rewrite applies
}

// kindOf never looks at the content: what a browser makes of a file is its owner's decision, not that of somebody who could upload it.
func kindOf(name string) kind {
	const utf8 = "; charset=utf-8"
	switch strings.ToLower(path.Ext(name)) {
	case ".html", ".htm":
		return kind{"text/html" + utf8, true, true}
	case ".js", ".mjs":
		return kind{"text/javascript" + utf8, true, true}
	case ".css":
		return kind{"text/css" + utf8, true, true}
	case ".json", ".map":
		return kind{"application/json" + utf8, true, true}
	case ".svg":
		return kind{"image/svg+xml" + utf8, true, true}
	case ".txt":
		return kind{"text/plain" + utf8, true, true}
	case ".xml":
		return kind{"application/xml" + utf8, true, false}
	case ".webmanifest":
		return kind{"application/manifest+json" + utf8, true, false}
	case ".png":
		return kind{name: "image/png"}
	case ".jpg", ".jpeg":
		return kind{name: "image/jpeg"}
	case ".gif":
		return kind{name: "image/gif"}
	case ".webp":
		return kind{name: "image/webp"}
	case ".ico":
		return kind{name: "image/x-icon"}
	case ".wasm":
		return kind{name: "application/wasm"}
	case ".woff2":
		return kind{name: "font/woff2"}
	case ".woff":
		return kind{name: "font/woff"}
	case ".ttf":
		return kind{name: "font/ttf"}
	case ".pdf":
		return kind{name: "application/pdf"}
	case ".mp4":
		return kind{name: "video/mp4"}
	case ".webm":
		return kind{name: "video/webm"}
	}
	return kind{name: "application/octet-stream"}
}
