package localtailnet

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"tailscale.com/tailcfg"
)

// The owners of nodes that every tailnet has: the person who owns it, and the
// account that Tailscale shows as the owner of everything tagged.
const (
	person tailcfg.UserID = iota + 1
	taggedDevices
)

var users = map[tailcfg.UserID]tailcfg.UserProfile{
	person:        {ID: person, LoginName: "owner@tailjoin.example", DisplayName: "Owner"},
	taggedDevices: {ID: taggedDevices, LoginName: "tagged-devices", DisplayName: "Tagged Devices"},
}

// ownerOf is who owns a node with these tags that a key of this login name let
// in; "" is the tailnet's owner. A name that is new becomes a member.
func (s *state) ownerOf(tags []string, login string) tailcfg.UserID {
	if len(tags) > 0 {
		return taggedDevices
	}
	login = cmp.Or(login, users[person].LoginName)
	for id, p := range s.people {
		if p.LoginName == login {
			return id
		}
	}
	id := tailcfg.UserID(len(s.people) + 1)
	s.people[id] = tailcfg.UserProfile{ID: id, LoginName: login, DisplayName: login}
	return id
}

// userID is how the API names a user.
func userID(id tailcfg.UserID) string { return fmt.Sprintf("u%dCNTRL", id) }

// knows reports whether somebody has this login name.
func (s *state) knows(login string) bool {
	for _, p := range s.people {
		if p.LoginName == login {
			return true
		}
	}
	return false
}

func (s *state) profiles() []tailcfg.UserProfile {
	profiles := make([]tailcfg.UserProfile, 0, len(s.people))
	for _, id := range slices.Sorted(maps.Keys(s.people)) {
		profiles = append(profiles, s.people[id])
	}
	return profiles
}
