package journal

// Abandon gives the folder free as the end of the process would: nothing more is written. Run must not have been called.
func (j *Journal) Abandon() error {
	j.closing.Do(func() {})
	if f := j.writer.file; f != nil {
		_ = f.Close()
	}
	return j.lock.Close()
}
