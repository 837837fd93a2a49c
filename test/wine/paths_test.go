//go:build linux

package wine

import (
	"strings"
	"testing"
)

func TestJoin_whateverThePathOfTheSession(t *testing.T) {
	t.Parallel()
	for name, temp := range map[string]string{
		"blanks":       `C:\Program Files\runner (1)\_temp`,
		"umlauts":      `C:\Läufer ü\_temp`,
		"percent":      `C:\100%PATH%\_temp`,
		"an ampersand": `C:\this & that\_temp`,
		"Linux's":      `Z:\tmp\` + strings.ToLower(t.Name()),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, temp)
			w.mustJoinUseAndLeave()
		})
	}
}

func TestJoin_whereThePathHasAShortName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `C:\Users with a long name\_temp`)
	w.vars["TAILJOIN_SESSION"] = w.shortName(w.temp) + `\session`
	w.mustJoinUseAndLeave()
}

func TestJoin_whereThePathHasSlashesAndCapitals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `C:\actions\_temp`)
	w.vars["TAILJOIN_SESSION"] = "C:/ACTIONS/_temp/session"
	w.mustJoinUseAndLeave()
}

// mustJoinUseAndLeave also loses the record, so that the daemon is looked for by its path.
func (w *world) mustJoinUseAndLeave() {
	w.t.Helper()
	w.mustJoin()
	w.vars["WINEPATH"] = strings.TrimSpace(w.read(w.temp + `\path`))
	got := finish(w.t, w.command(`C:\windows\system32\cmd.exe`, "/d", "/c", "tailscale", "status", "--json"))
	wantWords(w.t, got, `"BackendState": "Running"`)
	w.mustLeave()
	w.wantNothingLeft()
	w.mustJoin()
	w.remove(w.session + `\session.jsonl`)
	wantWords(w.t, w.run("leave"), "its daemon was found by name and ended")
	w.wantNothingLeft()
}
