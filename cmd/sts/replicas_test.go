//go:build unix

package main

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/sts"
)

// brisk are times for a test, with tokens that live for 5 s: a replica that
// hears nothing stops to sign after 1.5 s, and to publish after 6.5 s. A key
// is published for 8 s before it signs.
const brisk = "every: 0s, refresh: 500ms, skew: 3s, cacheFor: 2s"

// kidOf is the name of the key that signed a token.
func kidOf(t *testing.T, token string) string {
	t.Helper()
	head, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		t.Fatal(err)
	}
	var header struct{ Kid string }
	if err := json.Unmarshal(raw, &header); err != nil || header.Kid == "" {
		t.Fatalf("a token without the name of a key: %v", err)
	}
	return header.Kid
}

// wantSame waits until all these publish the same keys and sign with the same
// one, and returns both.
func (f *fleet) wantSame(replicas ...*replica) (published, kid string) {
	f.t.Helper()
	f.until("all replicas agree", func() bool {
		var keys, kids []string
		for _, r := range replicas {
			_, _, body := f.get(r, keysPath)
			a := f.web.ask(f.t, r.url, audience)
			if a.token == "" {
				return false
			}
			keys, kids = append(keys, body), append(kids, kidOf(f.t, a.token))
		}
		published, kid = keys[0], kids[0]
		return allEqual(keys) && allEqual(kids)
	})
	return published, kid
}

func allEqual(all []string) bool {
	for _, one := range all {
		if one != all[0] {
			return false
		}
	}
	return true
}

// rotate runs `tailjoin-sts keys rotate` with the configuration of a replica.
func (f *fleet) rotate(r *replica) (words string) {
	f.t.Helper()
	out, errs := newBuffer(), newBuffer()
	if sts.Run(f.t.Context(), sts.Process{Args: []string{"keys", "rotate", "--config", r.config}, Out: out, Err: errs}) != sts.Done {
		return errs.String()
	}
	return ""
}

func TestReplicas_areOneService(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 5, 5*time.Second, brisk)
	for _, r := range f.replicas {
		f.start(r)
	}
	for _, r := range f.replicas {
		f.until(r.name+" is ready", r.isReady)
	}
	published, first := f.wantSame(f.replicas...)
	if n := strings.Count(published, `"kid"`); n != 4 {
		t.Fatalf("%d keys are published, want an active and a next one for each of two algorithms: %s", n, published)
	}
	f.step("that follows a rotation by one", func() { f.followRotations(published, first) })
	f.step("a part of which is cut off", func() { f.cutOff(f.replicas[4], f.replicas[:4]) })
	f.step("that a part joins while etcd is away", func() { f.startCutOff(f.replica("sts-6"), f.replicas) })
	f.step("whose etcd is away", func() { f.loseEtcd() })
}

// followRotations rotates twice. The second time it is a key that was made
// while the replicas ran: they all have to publish it before it signs.
func (f *fleet) followRotations(published, first string) {
	for range 2 {
		f.until("the next key may sign", func() bool {
			words := f.rotate(f.replicas[0])
			if words != "" && !strings.Contains(words, "#key-too-new\n") {
				f.t.Fatal(words)
			}
			return words == ""
		})
		var kid string
		before := published
		f.until("another key signs", func() bool {
			published, kid = f.wantSame(f.replicas...)
			return kid != first
		})
		if !strings.Contains(before, kid) {
			f.t.Errorf("the key %s signs, and was not published before", kid)
		}
		first = kid
	}
}

// wantSilent sees that a replica gives nobody a token, and says why.
func (f *fleet) wantSilent(r *replica) {
	f.t.Helper()
	f.until(r.name+" stops to sign", func() bool {
		a := f.web.ask(f.t, r.url, audience)
		if a.token == "" && (a.code != "unavailable" || a.status != http.StatusServiceUnavailable) {
			f.t.Fatalf("%s answers %d %s", r.name, a.status, a.code)
		}
		return a.token == ""
	})
	if r.isReady() {
		f.t.Errorf("%s says that it is ready", r.name)
	}
}

// wantUnpublished waits until a replica no longer shows the keys that it saw last.
// Until then no verifier may keep them.
func (f *fleet) wantUnpublished(r *replica, published string) {
	f.t.Helper()
	f.until(r.name+" stops to publish", func() bool {
		status, header, now := f.get(r, keysPath)
		if status == http.StatusServiceUnavailable {
			return true
		}
		if status != http.StatusOK || header.Get("Cache-Control") != "public, max-age=0" {
			f.t.Fatalf("cut off, %s answers %d %v", r.name, status, header)
		}
		f.wantNoOthers(published, now)
		return false
	})
}

// wantNoOthers sees that no key is published that was not published before.
// One that was retired can be gone.
func (f *fleet) wantNoOthers(before, now string) {
	f.t.Helper()
	for _, kid := range kidsIn(f.t, now) {
		if !strings.Contains(before, kid) {
			f.t.Errorf("there are other keys: %s, and %s before", now, before)
		}
	}
}

func kidsIn(t *testing.T, published string) (all []string) {
	t.Helper()
	var set struct{ Keys []struct{ Kid string } }
	if err := json.Unmarshal([]byte(published), &set); err != nil || len(set.Keys) == 0 {
		t.Fatalf("%q are no keys: %v", published, err)
	}
	for _, key := range set.Keys {
		all = append(all, key.Kid)
	}
	return all
}

// cutOff cuts a replica off from etcd. It stops to sign and to publish, while
// the others rotate.
func (f *fleet) cutOff(r *replica, others []*replica) {
	published, before := f.wantSame(append(others, r)...)
	r.etcd.cut()
	f.wantSilent(r)
	f.wantUnpublished(r, published)
	f.until("the next key may sign", func() bool { return f.rotate(others[0]) == "" })
	f.until("another key signs", func() bool { _, kid := f.wantSame(others...); return kid != before })
	f.wantSilent(r)
	f.wantUnpublished(r, "nothing")
	want, kid := f.wantSame(others...)
	r.etcd.mend()
	f.until(r.name+" is ready again", r.isReady)
	got, also := f.wantSame(append(others, r)...)
	f.wantNoOthers(want, got)
	if also != kid {
		f.t.Errorf("back again, %s signs, and %s before", also, kid)
	}
	if !strings.Contains(r.log.String(), "the signing keys could not be looked at") || !strings.Contains(r.log.String(), "can be looked at again") {
		f.t.Error("its log does not say so")
	}
}

func (f *fleet) startCutOff(r *replica, others []*replica) {
	want, kid := f.wantSame(others...)
	r.etcd.cut()
	f.start(r)
	r.log.await(f.t, "no token is given out until the store of the signing keys is back", r.hasEnded)
	r.log.await(f.t, `"msg":"serving"`, r.hasEnded)
	f.until("the caller knows "+r.name, func() bool { return f.web.reaches(r.url) })
	f.wantSilent(r)
	for _, path := range []string{keysPath, "/.well-known/openid-configuration"} {
		if status, _, body := f.get(r, path); status != http.StatusServiceUnavailable {
			f.t.Errorf("%s without any keys: %d %s", path, status, body)
		}
	}
	r.etcd.mend()
	f.until(r.name+" is ready", r.isReady)
	got, also := f.wantSame(append(others, r)...)
	f.wantNoOthers(want, got)
	if also != kid {
		f.t.Errorf("%s signs, and %s before", also, kid)
	}
}

// loseEtcd kills etcd itself: no replica signs, and some time later none
// publishes. With etcd all is as it was.
func (f *fleet) loseEtcd() {
	want, kid := f.wantSame(f.replicas...)
	f.etcd.Kill()
	for _, r := range f.replicas {
		f.wantSilent(r)
		f.wantUnpublished(r, want)
	}
	if err := f.etcd.Restart(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	got, also := f.wantSame(f.replicas...)
	f.wantNoOthers(want, got)
	if also != kid {
		f.t.Errorf("with etcd again %s signs, and %s before", also, kid)
	}
}

func (r *replica) hasEnded() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}
