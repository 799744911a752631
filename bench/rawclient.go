package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// rawClient sends the same request over one connection again and again and does no
// more than it has to: on a machine that client and server share, what a client
// spends the server lacks.
type rawClient struct {
	conn    net.Conn
	answers *bufio.Reader
	request []byte
}

// dialRaw makes a POST of a body to a path at http://HOST:PORT.
func dialRaw(ctx context.Context, base, path string, body []byte, headers ...string) (*rawClient, error) {
	host := strings.TrimPrefix(base, "http://")
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", path, host, len(body))
	for _, h := range headers {
		head += h + "\r\n"
	}
	return &rawClient{conn, bufio.NewReader(conn), append([]byte(head+"\r\n"), body...)}, nil
}

// ask sends the request and reads the answer to its end.
func (c *rawClient) ask() error {
	if _, err := c.conn.Write(c.request); err != nil {
		return err
	}
	status, err := c.answers.ReadString('\n')
	if err != nil {
		return err
	}
	length := -1
	for {
		line, err := c.answers.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		const name = "Content-Length: "
		if len(line) > len(name) && string(line[:len(name)]) == name {
			if length, err = strconv.Atoi(string(line[len(name) : len(line)-2])); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return fmt.Errorf("an answer without a length: %s", status)
	}
	text, err := io.ReadAll(io.LimitReader(c.answers, int64(length)))
	if err != nil {
		return err
	}
	if !strings.Contains(status, " 200 ") {
		return fmt.Errorf("%s: %.200s", strings.TrimSpace(status), text)
	}
	return nil
}

func (c *rawClient) close() error { return c.conn.Close() }
