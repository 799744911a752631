package ember

import (
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"
)

// SocketName is the Unix socket in the data directory through which commands
// reach the process that owns it. Only the owner of the directory may use it.
const SocketName = "ember.sock"

// Message is one line of the answer to a long-running command: progress, an
// issue with the input, the result, or the error that ended it.
type Message struct {
	Stage  string          `json:"stage,omitempty"`
	Done   int             `json:"done,omitempty"`
	Total  int             `json:"total,omitempty"` // 0 = not known
	Note   string          `json:"note,omitempty"`  // such as loss and metric
	Left   float64         `json:"left,omitempty"`  // seconds the stage will take still; 0 = not known
	Issue  *Issue          `json:"issue,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// Issue is something in the input that could not be used; Path names the place.
type Issue struct {
	Severity string `json:"severity"`
	Code     string `json:"code"`
	Path     string `json:"path"`
	Detail   string `json:"detail"`
}

// Progress is called while something takes long; total 0 is unknown.
type Progress func(stage string, done, total int)

// messages writes lines as they come; progress at most ten times a second and
// stage.
type messages struct {
	mu    sync.Mutex
	w     io.Writer
	now   func() time.Time
	stage string
	last  time.Time
	err   error
}

func (m *messages) send(v Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.write(v)
}

func (m *messages) write(v Message) {
	if m.err != nil {
		return
	}
	b, err := json.Marshal(v)
	if err == nil {
		_, err = m.w.Write(append(b, '\n'))
	}
	if m.err = err; err != nil {
		return
	}
	if f, ok := m.w.(http.Flusher); ok {
		f.Flush()
	}
}

// progress implements Progress.
func (m *messages) progress(stage string, done, total int) {
	m.tell(Message{Stage: stage, Done: done, Total: total})
}

func (m *messages) tell(v Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if v.Stage == m.stage && now.Sub(m.last) < 100*time.Millisecond && v.Done != v.Total {
		return
	}
	m.stage, m.last = v.Stage, now
	m.write(v)
}

// end sends the result or the error.
func (m *messages) end(result any, err error) {
	if err != nil {
		m.send(Message{Error: err.Error()})
		return
	}
	b, err := json.Marshal(result)
	if err != nil {
		m.send(Message{Error: err.Error()})
		return
	}
	m.send(Message{Result: b})
}
