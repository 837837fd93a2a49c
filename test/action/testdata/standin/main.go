// Command standin stands in for tailjoin where a test is about the action: its hook, its script, its order.
// It does nothing but write down, at the address in STANDIN_RECORDER, each stage it is run for and what it finds there.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

// version is stamped by the linker: which release's binary is this?
var version = "unstamped"

// A Stage is one run of this program, or a signal that reached it.
type Stage struct {
	Name    string            // "join", "leave", "signal"
	Version string            // of the binary
	State   string            // what the session held at its start: "", "joining", "joined"
	Session string            // directory
	Bundle  string            // directory
	Inputs  map[string]string // some of the inputs
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Println("::error::standin:", err)
		os.Exit(1)
	}
}

func run(command string) error {
	session := os.Getenv("TAILJOIN_SESSION")
	state, _ := os.ReadFile(filepath.Join(session, "state")) // none: nothing was begun
	stage := Stage{
		Name: command, Version: version, State: string(state), Session: session, Bundle: os.Getenv("TAILJOIN_BUNDLE"),
		Inputs: map[string]string{"client": os.Getenv("TAILJOIN_OAUTH_CLIENT_ID"), "audience": os.Getenv("TAILJOIN_AUDIENCE")},
	}
	if err := record(stage); err != nil {
		return err
	}
	if command == "leave" {
		return leave(session)
	}
	return join(stage)
}

func leave(session string) error {
	return errors.Join(os.RemoveAll(session), idToken())
}

// join is either told to wait for a signal, by STANDIN_HANG, or joins as soon as it has an ID token.
func join(stage Stage) error {
	if err := write(stage.Session, "joining"); err != nil {
		return err
	}
	if os.Getenv("STANDIN_HANG") != "" {
		return hang(stage)
	}
	if err := idToken(); err != nil {
		return err
	}
	if err := write(stage.Session, "joined"); err != nil {
		return err
	}
	return output("node-id", "n"+version)
}

func write(session, state string) error {
	return os.WriteFile(filepath.Join(session, "state"), []byte(state), 0o600)
}

func hang(stage Stage) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	fmt.Println("standin: hanging")
	stage.Name = "signal"
	stage.State = (<-signals).String()
	if err := record(stage); err != nil {
		return err
	}
	return fmt.Errorf("cancelled by %s", stage.State)
}

// idToken asks for one as a job does: the runner hands address and bearer to run steps and to hooks alike.
func idToken() error {
	req, err := http.NewRequest("GET", os.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL"), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+os.Getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN"))
	return do(req)
}

func record(stage Stage) error {
	body, err := json.Marshal(stage)
	if err != nil {
		return err
	}
	req, err := http.NewRequest("POST", os.Getenv("STANDIN_RECORDER"), bytes.NewReader(body))
	if err != nil {
		return err
	}
	return do(req)
}

func do(req *http.Request) error {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", req.Method, req.URL, resp.Status)
	}
	return nil
}

func output(name, value string) error {
	f, err := os.OpenFile(os.Getenv("GITHUB_OUTPUT"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintf(f, "%s=%s\n", name, value)
	return err
}
