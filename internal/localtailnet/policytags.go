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

// refuseGrant says why a credential with these tags may not give the requested
// ones to a key or to another credential; nil if it may. They must be all of its
// own tags, or only tags that one of its own tags owns in tagOwners: a part of
// its own is refused, and its own together with owned ones are.
// Source: https://github.com/tailscale/tailscale/issues/12402 and
// https://github.com/tailscale/terraform-provider-tailscale/issues/437.
func (s *state) refuseGrant(requested, own []string) error {
	if err := refuseTags(requested, s.existing(own)); err == nil && includesAll(requested, own) {
		return nil
	}
	owned := s.ownedBy(own)
	if err := refuseTags(requested, append(owned, own...)); err != nil {
		return err
	}
	return refuseTags(requested, owned)
}

// existing is the part of tags that the policy knows. Without tagOwners it knows
// all of them.
func (s *state) existing(tags []string) []string {
	if len(s.policy.tagOwners) == 0 {
		return tags
	}
	known := s.knownTags()
	return slices.DeleteFunc(slices.Clone(tags), func(tag string) bool { return !slices.Contains(known, tag) })
}

// ownedBy are the tags that one of these tags owns in tagOwners.
func (s *state) ownedBy(tags []string) (owned []string) {
	for _, entry := range s.policy.tagOwners {
		if slices.ContainsFunc(entry.of, func(owner word) bool { return slices.Contains(tags, owner.text) }) {
			owned = append(owned, entry.text)
		}
	}
	return owned
}

// includesAll reports whether all of these are among tags.
func includesAll(tags, all []string) bool {
	return !slices.ContainsFunc(all, func(tag string) bool { return !slices.Contains(tags, tag) })
}
