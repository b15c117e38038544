package interpreter

var (
	Fits     = fits
	ScanTOML = scanTOML
)
