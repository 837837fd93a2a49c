package diagnosis

// ruledOut is what cannot be the cause, as far as it was looked at.
func (e *Evidence) ruledOut() (out []string) {
	if e.verified.done && e.verified.err == nil {
		out = append(out, "signature")
	}
	if e.timesAreGood() {
		out = append(out, "times")
	}
	return out
}
