package bulk

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"syscall"
)

var errNoSpace = errors.New("bulk: no space left")

// series is the files of one type: lines, parted where a file would grow too large.
type series struct {
	s       *Service
	job     string
	name    string
	typ     string
	w       io.WriteCloser // nil: none is open
	buf     []byte
	current File
	files   []File
	input   string
}

func (s *Service) series(job, name, typ string) *series {
	return &series{s: s, job: job, name: name, typ: typ}
}

// lineBuffer is how much is sealed at once.
const lineBuffer = 32 << 10

// write appends whole lines.
func (p *series) write(lines []byte, count int64) error {
	if p.w != nil && p.current.Bytes+int64(len(lines)) > p.s.opt.FileBytes {
		if err := p.close(); err != nil {
			return err
		}
	}
	if p.w == nil {
		if err := p.begin(); err != nil {
			return err
		}
	}
	p.current.Count += count
	p.current.Bytes += int64(len(lines))
	if p.buf = append(p.buf, lines...); len(p.buf) < lineBuffer {
		return nil
	}
	return p.flush()
}

func (p *series) begin() (err error) {
	name := p.name + "." + strconv.Itoa(len(p.files)+1)
	p.current = File{Name: name, Type: p.typ, Input: p.input}
	p.w, err = p.s.opt.Store.Vault().Create(p.s.path(p.job, name))
	return spaceless(err)
}

func (p *series) flush() error {
	_, err := p.w.Write(p.buf)
	p.buf = p.buf[:0]
	return spaceless(err)
}

// close ends the file that is open.
func (p *series) close() error {
	if p.w == nil {
		return nil
	}
	err := errors.Join(p.flush(), spaceless(p.w.Close()))
	p.w = nil
	if err == nil {
		p.files = append(p.files, p.current)
	}
	return err
}

func spaceless(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("%w: %w", errNoSpace, err)
	}
	return err
}
