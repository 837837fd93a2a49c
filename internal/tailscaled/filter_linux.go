package tailscaled

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// A filterChain is a chain of tailscaled in the packet filter, and the one that
// leads to it.
type filterChain struct{ table, from, name string }

// filterChains are all of them, whether tailscaled made them by nftables or by
// iptables. Source: tailscale.com v1.102.5, util/linuxfw.
var filterChains = []filterChain{
	{"filter", "INPUT", "ts-input"},
	{"filter", "FORWARD", "ts-forward"},
	{"nat", "POSTROUTING", "ts-postrouting"},
}

// removeFilter removes tailscaled's chains from the packet filter. iptables
// writes into nftables, or into tables of its own that only its program changes.
func removeFilter(ctx context.Context) error {
	if err := errors.Join(removeChains(), removeLegacyChains(ctx)); err != nil {
		return fmt.Errorf("removing tailscaled's chains of the packet filter: %w", err)
	}
	return nil
}

// removeLegacyChains calls iptables-legacy where it has tables: the mere call
// makes them.
func removeLegacyChains(ctx context.Context) error {
	var errs []error
	for file, program := range map[string]string{
		"/proc/net/ip_tables_names":  "iptables-legacy",
		"/proc/net/ip6_tables_names": "ip6tables-legacy",
	} {
		tables, err := os.ReadFile(file)
		if path := hostProgram(program); err == nil && path != "" {
			errs = append(errs, removeLegacy(ctx, path, bytes.Fields(tables)))
		}
	}
	return errors.Join(errs...)
}

func removeLegacy(ctx context.Context, program string, tables [][]byte) error {
	var errs []error
	for _, c := range filterChains {
		if !slices.ContainsFunc(tables, func(table []byte) bool { return string(table) == c.table }) {
			continue
		}
		if _, err := runHost(ctx, program, "-w", "-t", c.table, "-S", c.name); err != nil {
			continue // it has no such chain
		}
		for _, words := range [][]string{{"-D", c.from, "-j", c.name}, {"-F", c.name}, {"-X", c.name}} {
			_, err := runHost(ctx, program, append([]string{"-w", "-t", c.table}, words...)...)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Kinds of messages and attributes, from linux/netfilter/nf_tables.h.
const (
	getChain, deleteChain = 4, 5
	getRule, deleteRule   = 7, 8

	chainTable, chainName                        = 1, 3
	ruleTable, ruleChain, ruleHandle, ruleExprs  = 1, 2, 3, 4
	listElem, exprData, immediateData, dataValue = 1, 2, 2, 2
	verdictChain                                 = 2
)

// removeChains removes tailscaled's chains from nftables, and the jumps to them.
func removeChains() error {
	f, err := dialFilter()
	if errors.Is(err, unix.EPROTONOSUPPORT) { // this kernel has no nftables
		return nil
	}
	if err != nil {
		return err
	}
	defer f.close()
	rules, err := f.list(getRule)
	if err != nil {
		return unlessGone(err)
	}
	chains, err := f.list(getChain)
	if err != nil {
		return unlessGone(err)
	}
	return f.change(append(jumpRemovals(rules), chainRemovals(chains)...))
}

// jumpRemovals are messages that remove the rules that jump to tailscaled's
// chains.
func jumpRemovals(rules []filterMessage) (removals []filterMessage) {
	for _, r := range rules {
		has := attributes(r.body)
		for _, c := range filterChains {
			if isText(has[ruleTable], c.table) && isText(has[ruleChain], c.from) && jumpsTo(has[ruleExprs], c.name) {
				body := slices.Concat(textAttribute(ruleTable, c.table), textAttribute(ruleChain, c.from), rawAttribute(ruleHandle, has[ruleHandle]))
				removals = append(removals, filterMessage{deleteRule, r.family, body})
			}
		}
	}
	return removals
}

// chainRemovals are messages that empty and remove tailscaled's chains.
func chainRemovals(chains []filterMessage) (removals []filterMessage) {
	for _, r := range chains {
		has := attributes(r.body)
		for _, c := range filterChains {
			if isText(has[chainTable], c.table) && isText(has[chainName], c.name) {
				removals = append(removals,
					filterMessage{deleteRule, r.family, slices.Concat(textAttribute(ruleTable, c.table), textAttribute(ruleChain, c.name))},
					filterMessage{deleteChain, r.family, slices.Concat(textAttribute(chainTable, c.table), textAttribute(chainName, c.name))})
			}
		}
	}
	return removals
}

// jumpsTo reports that one of a rule's expressions is a jump to a chain.
func jumpsTo(expressions []byte, chain string) bool {
	for _, e := range listOf(expressions) {
		value := attributes(attributes(attributes(e)[exprData])[immediateData])[dataValue]
		if isText(attributes(value)[verdictChain], chain) {
			return true
		}
	}
	return false
}

// attributes are the parts of a netlink message by kind. A list has many of the
// same kind: see listOf.
func attributes(b []byte) map[uint16][]byte {
	found := map[uint16][]byte{}
	eachAttribute(b, func(kind uint16, value []byte) { found[kind] = value })
	return found
}

func listOf(b []byte) (items [][]byte) {
	eachAttribute(b, func(kind uint16, value []byte) {
		if kind == listElem {
			items = append(items, value)
		}
	})
	return items
}

func eachAttribute(b []byte, f func(kind uint16, value []byte)) {
	for len(b) >= unix.SizeofNlAttr {
		length := int(binary.NativeEndian.Uint16(b))
		if length < unix.SizeofNlAttr || length > len(b) {
			return
		}
		const flags = unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER
		f(binary.NativeEndian.Uint16(b[2:])&^flags, b[unix.SizeofNlAttr:length])
		b = b[min(aligned(length), len(b)):]
	}
}

func aligned(length int) int { return (length + 3) &^ 3 }

func isText(value []byte, text string) bool { return string(bytes.TrimRight(value, "\x00")) == text }

func textAttribute(kind uint16, text string) []byte {
	return rawAttribute(kind, append([]byte(text), 0))
}

func rawAttribute(kind uint16, value []byte) []byte {
	length := unix.SizeofNlAttr + len(value)
	b := binary.NativeEndian.AppendUint16(nil, uint16(length))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	return append(b, make([]byte, aligned(length)-length)...)
}
