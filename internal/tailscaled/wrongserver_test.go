package tailscaled

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tailjoin/tailjoin/internal/retry"
	"tailscale.com/health"
	"tailscale.com/ipn"
	"tailscale.com/tsconst"
)

// saying is the event of a daemon whose login has had this answer to /key.
func saying(status int) ipn.Notify {
	text := fmt.Sprintf("You are logged out. The last login error was: fetch control key: %d %s", status, http.StatusText(status))
	return ipn.Notify{Health: &health.State{Warnings: map[health.WarnableCode]health.UnhealthyState{
		tsconst.HealthWarnableLoginState: {Text: text},
	}}}
}

func TestLogin_givesUpAServerThatKeepsRefusingItsKey(t *testing.T) {
	for status := 400; status < 600; status++ {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			l := &Login{ctx: ctx, cancel: cancel}
			l.doubtServer(saying(status))
			time.Sleep(time.Minute) // of the bubble
			synctest.Wait()
			own, gaveUpNow := errors.AsType[*gaveUp](context.Cause(ctx))
			if want := status < 500 && !retry.MayPass(status); gaveUpNow != want || want && !IsNoControl(own.error) {
				t.Errorf("%d: gave up: %t (%v), want %t", status, gaveUpNow, context.Cause(ctx), want)
			}
		})
	}
}

func TestLogin_waitsForAServerThatComesBackInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		l := &Login{ctx: ctx, cancel: cancel}
		l.doubtServer(saying(404))
		time.Sleep(wrongServerDoubt - time.Millisecond)
		l.doubtServer(ipn.Notify{}) // says nothing of the server
		if l.wrong == nil {
			t.Error("an event about something else ends the doubt")
		}
		l.doubtServer(ipn.Notify{Health: &health.State{}})
		time.Sleep(time.Minute)
		synctest.Wait()
		if ctx.Err() != nil || l.wrong != nil {
			t.Errorf("gave up: %v", context.Cause(ctx))
		}
	})
}
