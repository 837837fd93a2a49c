package localtailnet

import (
	"maps"
	"slices"

	"tailscale.com/tailcfg"
)

// The owners of nodes: one person, and the account that Tailscale shows as the
// owner of everything tagged.
const (
	person tailcfg.UserID = iota + 1
	taggedDevices
)

var users = map[tailcfg.UserID]tailcfg.UserProfile{
	person:        {ID: person, LoginName: "owner@tailjoin.example", DisplayName: "Owner"},
	taggedDevices: {ID: taggedDevices, LoginName: "tagged-devices", DisplayName: "Tagged Devices"},
}

func ownerOf(tags []string) tailcfg.UserID {
	if len(tags) > 0 {
		return taggedDevices
	}
	return person
}

func userProfiles() []tailcfg.UserProfile {
	profiles := make([]tailcfg.UserProfile, 0, len(users))
	for _, id := range slices.Sorted(maps.Keys(users)) {
		profiles = append(profiles, users[id])
	}
	return profiles
}
