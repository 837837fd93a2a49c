package localtailnet

import "slices"

// knownTags are those of tagOwners; without any, those that some credential may
// give.
func (s *state) knownTags() (tags []string) {
	for _, owned := range s.policy.tagOwners {
		tags = append(tags, owned.text)
	}
	if tags != nil {
		return tags
	}
	for _, c := range s.creds {
		tags = append(tags, c.Tags...)
	}
	return tags
}

// grantable are the tags that a credential with these may give: its own, and
// those whose owner one of its own is. If there are tagOwners, they define
// which tags there are.
func (s *state) grantable(tags []string) []string {
	if len(s.policy.tagOwners) == 0 {
		return tags
	}
	var all []string
	for _, owned := range s.policy.tagOwners {
		owns := func(w word) bool { return slices.Contains(tags, w.text) }
		if slices.ContainsFunc(append(slices.Clip(owned.of), owned.word), owns) {
			all = append(all, owned.text)
		}
	}
	return all
}
