package ember_test

import (
	"fmt"
	"io"
	"net"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// slowest is how long an answer may take while Redis is in trouble.
const slowest = time.Second

// redis is a server process.
type redis struct {
	t    testing.TB
	addr string
	cmd  *exec.Cmd
}

// startRedis runs a Redis server, or skips the test where there is none.
func startRedis(t testing.TB) *redis {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed (Debian: apt-get install redis-server)")
	}
	addr := freeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	r := &redis{t, addr, exec.Command(program, "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", t.TempDir())}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait()
	})
	for range 100 {
		if conn, err := net.Dial("tcp", addr); err == nil {
			_ = conn.Close()
			return r
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("redis-server does not answer")
	return nil
}

func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (r *redis) signal(s syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// say sends an inline command and returns what comes within a moment.
func (r *redis) say(command string) string {
	r.t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, command+"\r\n"); err != nil {
		r.t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	b, _ := io.ReadAll(conn)
	return string(b)
}

func openWithRedis(t testing.TB, addr string) *hospital {
	config := testConfig(trainedDir(t))
	config.Redis = []string{addr}
	return open(t, config)
}

// asker asks about a patient that was not asked about before.
type asker struct {
	*hospital
	n int
}

func (a *asker) next() (answer, time.Duration) {
	a.Helper()
	id := fmt.Sprintf("rds-%d", a.n)
	a.n++
	a.load(patient(id) + "\n" + `{"resourceType":"Condition","id":"` + id + `","subject":{"reference":"Patient/` + id + `"},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"I10"}]},"recordedDate":"2020-01-01"}`)
	began := time.Now()
	answer := a.recommend(id, "want=treatments")
	return answer, time.Since(began)
}

// goesOn asks ten times and wants answers in time; degraded must be said.
func (a *asker) goesOn(want string) {
	a.Helper()
	said := 0
	for range 10 {
		got, took := a.next()
		if len(got.Items) == 0 || took > slowest {
			a.Fatalf("%d items after %v: %s", len(got.Items), took, got.raw)
		}
		if slices.Contains(got.Degraded, "cache") {
			said++
		}
	}
	if want == "degraded" && said == 0 || want == "well" && said > 0 {
		a.Errorf("%d of 10 answers say they are degraded, want %s", said, want)
	}
	status := string(a.get("/v1/status").body)
	if strings.Contains(status, `"redis"`) != (want == "degraded") {
		a.Errorf("/v1/status, want %s: %s", want, status)
	}
}

func TestRedisAbsent(t *testing.T) {
	a := &asker{hospital: openWithRedis(t, freeAddr(t))}
	a.goesOn("degraded")
	without := openTrained(t)
	for i := range 3 {
		b := &asker{hospital: without, n: i}
		got, _ := b.next()
		if want := a.recommend(fmt.Sprintf("rds-%d", i), "want=treatments"); fmt.Sprint(want.Items) != fmt.Sprint(got.Items) {
			t.Errorf("Redis changes the answer:\n%v\n%v", want.Items, got.Items)
		}
	}
}

func TestRedisStopsAndComesBack(t *testing.T) {
	r := startRedis(t)
	a := &asker{hospital: openWithRedis(t, r.addr)}
	a.goesOn("well")
	if keys := r.say("DBSIZE"); strings.HasPrefix(keys, ":0") {
		t.Error("nothing was cached in Redis")
	}
	r.signal(syscall.SIGSTOP) // connections stay open and nothing comes back
	a.goesOn("degraded")
	r.signal(syscall.SIGCONT)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if got, _ := a.next(); len(got.Degraded) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("still degraded 20 s after Redis came back")
		}
	}
	a.goesOn("well")
	r.signal(syscall.SIGKILL)
	a.goesOn("degraded")
}

// TestRedisSlow puts half a second before each of Redis' answers.
func TestRedisSlow(t *testing.T) {
	r := startRedis(t)
	slow, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slow.Close() })
	go func() {
		for {
			conn, err := slow.Accept()
			if err != nil {
				return
			}
			go delay(conn, r.addr)
		}
	}()
	a := &asker{hospital: openWithRedis(t, slow.Addr().String())}
	a.goesOn("degraded")
}

func delay(conn net.Conn, addr string) {
	defer conn.Close()
	far, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer far.Close()
	go func() { _, _ = io.Copy(far, conn) }()
	b := make([]byte, 4096)
	for {
		n, err := far.Read(b)
		if err != nil {
			return
		}
		time.Sleep(500 * time.Millisecond)
		if _, err := conn.Write(b[:n]); err != nil {
			return
		}
	}
}
