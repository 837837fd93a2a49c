package join

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/private"
)

const fileName = "session.jsonl"

// A session is the directory of one join and what there is to undo. It never
// holds a key or a token. Later steps of the job can write to it: what is read
// back is data from an untrusted place.
type session struct {
	dir  *private.Dir
	held *os.File // the lock on dir; nil on a file system without locks
	mu   sync.Mutex
	record
}

// A record is a line of session.jsonl. The last one holds.
type record struct {
	ID   string `json:"id"`   // random; in the description of the key we mint
	Join owner  `json:"join"` // the process that joins

	ClientID string `json:"clientID,omitempty"` // what Leave needs to act as Run did
	Audience string `json:"audience,omitempty"`
	ByKey    bool   `json:"byKey,omitempty"`  // by an auth key of the user's
	Server   string `json:"server,omitempty"` // the control server, for people to read

	Key    keyState    `json:"key"`
	Daemon daemonState `json:"daemon"`
	Node   string      `json:"node,omitempty"` // ID, once it is known
	Login  bool        `json:"login"`          // the daemon was given a key

	Product string `json:"product,omitempty"` // of an MSI that may have been installed for this join

	Links []link `json:"links,omitempty"`
}

// A keyState says what may be left of auth keys. Each try may have minted one,
// even if its answer was lost.
type keyState struct {
	Tries int    `json:"tries"`
	ID    string `json:"id,omitempty"`   // of the last one, if its answer came
	Used  bool   `json:"used,omitempty"` // the last one is spent: the node registered
}

// left reports that a key may exist that nobody used.
func (k keyState) left() bool { return k.Tries > 1 || k.Tries == 1 && !k.Used }

// known reports that ID is the only key there can be.
func (k keyState) known() bool { return k.Tries == 1 && k.ID != "" }

// A daemonState is what Stop needs to find and end the daemon.
type daemonState struct {
	Started   bool   `json:"started"`
	PID       int    `json:"pid,omitempty"`
	Socket    string `json:"socket,omitempty"`
	Short     string `json:"short,omitempty"` // a directory with a short path, which leads to the socket
	StateDir  string `json:"stateDir,omitempty"`
	TUN       bool   `json:"tun"`
	Light     bool   `json:"light,omitempty"` // once it is logged out, it has nothing more to do
	Sudo      bool   `json:"sudo"`
	SocketDir bool   `json:"socketDir"` // the socket's directory was not there before
}

// light is Light, of which an interface is not: the file may have been changed.
func (d daemonState) light() bool { return d.Light && !d.TUN }

// A link is a symbolic link that was made outside of the session.
type link struct {
	Path   string `json:"path"`
	Target string `json:"target"`
}

// Description is how the keys of a session are found at the API when their
// ID is not known: letters, digits and spaces, 50 at most.
func (r record) Description() string { return "tailjoin " + r.ID }

// newSession makes the directory, or takes an empty one that the hook made,
// and notes what is known before anything is done.
func newSession(path, trustedParent string, known record, log *slog.Logger) (*session, error) {
	dir, err := makeDir(path, trustedParent)
	if err != nil {
		return nil, err
	}
	s := &session{dir: dir, record: known}
	s.ID, s.Join = strings.ToLower(rand.Text()), self()
	if err := s.begin(log); err != nil {
		dir.Close()
		return nil, err
	}
	return s, nil
}

// begin takes an empty directory for this process.
func (s *session) begin(log *slog.Logger) error {
	empty, err := s.dir.IsEmpty()
	if err != nil {
		return fmt.Errorf("reading session directory: %w", err)
	}
	if !empty {
		return sessionExists(s.dir.Path)
	}
	if s.held, err = lock(s.dir, log); err != nil {
		return err
	}
	return s.append(os.O_CREATE | os.O_EXCL)
}

func sessionExists(dir string) error {
	return problem("session-exists", "this session has joined already, or was not cleaned up",
		"run `tailjoin leave` first; for a second tailnet give --session another directory",
		nil, diag.Fact{Name: "session", Value: dir})
}

// errGarbled: the file exists, but no join wrote it so.
var errGarbled = errors.New("reading session: its record was changed by another process")

// maxRecords is far above what a join writes.
const maxRecords = 1 << 20

// readSession reads what an earlier process wrote. It returns nil if there is
// no record, or an empty one.
func readSession(dir *private.Dir) (*session, error) {
	raw, err := dir.Read(fileName, maxRecords)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(raw) == 0 { // killed before it began
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errGarbled, err)
	}
	last, err := lastRecord(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errGarbled, err)
	}
	return &session{dir: dir, record: last}, nil
}

// lastRecord is the last one that was written to its end.
func lastRecord(lines []byte) (last record, err error) {
	for {
		start := bytes.LastIndexByte(lines, '\n')
		last = record{}
		if err = json.Unmarshal(lines[start+1:], &last); err == nil || start < 0 {
			return last, err
		}
		lines = lines[:start]
	}
}

// note writes down what is about to be done, before it is done.
func (s *session) note(change func(*record)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.record)
	return s.append(0)
}

// append writes the record in one call of the kernel, which a process is hardly
// killed within; if it is, a line without an end stays, and the next begins its
// own. (Replacing the file by rename has the kernel allocate it on the disk.)
func (s *session) append(mode int) error {
	raw, err := json.Marshal(s.record)
	if err != nil {
		return fmt.Errorf("writing session: %w", err)
	}
	file, err := s.dir.OpenRegular(fileName, os.O_WRONLY|os.O_APPEND|mode, 0o600)
	if err != nil {
		return fmt.Errorf("writing session: %w", err)
	}
	_, err = file.Write(append([]byte{'\n'}, raw...))
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("writing session: %w", err)
	}
	return nil
}

// clear removes what the directory holds but for the session's file, and what
// else keep names.
func (s *session) clear(keep ...string) error { return s.dir.Clear(append(keep, fileName)...) }

// remove removes the directory, and the session's file after all else: while
// anything is there, another leave finds it.
func (s *session) remove() error {
	err := s.clear()
	if err == nil {
		err = s.dir.Delete(fileName)
	}
	if err == nil {
		err = s.dir.RemoveSelf()
	}
	if err != nil {
		return fmt.Errorf("removing the session directory: %w", err)
	}
	return nil
}
