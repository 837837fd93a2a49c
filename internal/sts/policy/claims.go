package policy

// fields are what a template may show of a node. Nothing else of what the
// tailnet knows gets into a token.
var fields = map[string]func(*Caller) string{
	"nodeId":        func(c *Caller) string { return c.NodeID },
	"name":          func(c *Caller) string { return c.Name },
	"hostname":      func(c *Caller) string { return c.Hostname },
	"ip4":           func(c *Caller) string { return c.IP4 },
	"ip6":           func(c *Caller) string { return c.IP6 },
	"userLoginName": func(c *Caller) string { return c.User },
}

// node is the vocabulary of the node that asks for a token. Its tags are the
// one field that is a list, so it stands alone.
var node = Vocabulary[*Caller]{
	Text: func(name string) func(*Caller) (string, bool) {
		field := fields[name]
		if field == nil {
			return nil
		}
		return func(c *Caller) (string, bool) { return field(c), true }
	},
	Whole: func(name string) func(*Caller) any {
		if name != "tags" {
			return nil
		}
		return func(c *Caller) any {
			if len(c.Tags) == 0 {
				return nil
			}
			return c.Tags
		}
	},
	Words: "{hostname} {ip4} {ip6} {name} {nodeId} {userLoginName} or, alone, {tags}",
}

// ParseTemplate reads a template for what is known of a node.
func ParseTemplate(text string) (*Template[*Caller], error) { return node.Template(text) }

// ParseClaims reads claims for what is known of a node.
func ParseClaims(raw map[string]any) (Claims[*Caller], error) { return node.Claims(raw) }

// DefaultClaims are those of tsiam, without the capability map: that shows
// every grant of the node to whoever gets a token.
func DefaultClaims() map[string]any {
	return map[string]any{"italypaleale.me/tsiam": map[string]any{
		"nodeId": "{nodeId}", "name": "{name}", "hostname": "{hostname}",
		"ip4": "{ip4}", "ip6": "{ip6}", "userLoginName": "{userLoginName}", "tags": "{tags}",
	}}
}
