package cache

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Defaults of RedisOptions.
const (
	defaultTimeout = 20 * time.Millisecond
	defaultDial    = 100 * time.Millisecond
	defaultPause   = 5 * time.Second
	defaultPrefix  = "ember:"
)

// RedisOptions say where Redis is and how long to wait for it.
type RedisOptions struct {
	// Addrs: one server, the nodes of a Cluster (two or more, or Cluster set),
	// or the Sentinels that know MasterName. HOST:PORT each.
	Addrs      []string
	MasterName string
	Cluster    bool

	Username, Password string
	SentinelPassword   string
	DB                 int // not with a Cluster
	TLS                *tls.Config

	Prefix  string        // of every key; "" is "ember:"
	Timeout time.Duration // of one read or write; 0 is 20 ms
	Dial    time.Duration // of connecting; 0 is 100 ms
	// Pause without asking after Redis failed to answer; 0 is 5 s.
	Pause time.Duration
	Now   func() time.Time // the clock the pause is measured by
}

func (o RedisOptions) withDefaults() RedisOptions {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&o.Timeout, defaultTimeout)
	set(&o.Dial, defaultDial)
	set(&o.Pause, defaultPause)
	if o.Prefix == "" {
		o.Prefix = defaultPrefix
	}
	return o
}

func (o RedisOptions) validate() error {
	var errs []error
	if len(o.Addrs) == 0 {
		errs = append(errs, errors.New("no address"))
	}
	if o.Now == nil {
		errs = append(errs, errors.New("no clock"))
	}
	if o.Cluster && o.MasterName != "" {
		errs = append(errs, errors.New("either a Cluster or Sentinels with a master, not both"))
	}
	if o.DB != 0 && (o.Cluster || o.MasterName == "" && len(o.Addrs) > 1) {
		errs = append(errs, errors.New("a Cluster has no database but 0"))
	}
	return errors.Join(errs...)
}

// Redis is a cache in a Redis server, Sentinel-led master or Cluster. When Redis
// fails to answer, Get and Set fail at once with ErrUnavailable for the length of
// the pause; then one call tries again. So an absent or stalled Redis costs its
// callers one short wait per pause, and each call under way when it stalls.
type Redis struct {
	client  redis.UniversalClient
	prefix  string
	wait    time.Duration
	breaker breaker
}

var _ Cache = (*Redis)(nil)

// NewRedis prepares a client. It does not connect: a Redis that is absent now may
// come later.
func NewRedis(opt RedisOptions) (*Redis, error) {
	if err := opt.validate(); err != nil {
		return nil, fmt.Errorf("cache: options of redis: %w", err)
	}
	opt = opt.withDefaults()
	silence()
	client := redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs: opt.Addrs, MasterName: opt.MasterName, IsClusterMode: opt.Cluster,
		Username: opt.Username, Password: opt.Password, SentinelPassword: opt.SentinelPassword,
		DB: opt.DB, TLSConfig: opt.TLS,
		DialTimeout: opt.Dial, ReadTimeout: opt.Timeout, WriteTimeout: opt.Timeout, PoolTimeout: opt.Timeout,
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	return &Redis{
		client: client, prefix: opt.Prefix, wait: opt.Dial + 2*opt.Timeout,
		breaker: breaker{pause: opt.Pause, now: opt.Now},
	}, nil
}

// silence keeps the client library from writing to standard error; its setting
// is one for the whole process.
var silence = sync.OnceFunc(func() { redis.SetLogger(quiet{}) })

type quiet struct{}

// Printf drops the message.
func (quiet) Printf(context.Context, string, ...any) {}

// Get reads a value; see [Redis] for what it costs when there is no Redis.
func (r *Redis) Get(ctx context.Context, key string) ([]byte, bool, error) {
	var value []byte
	var found bool
	err := r.ask(ctx, func(ctx context.Context) error {
		b, err := r.client.Get(ctx, r.prefix+key).Bytes()
		if errors.Is(err, redis.Nil) {
			return nil
		}
		value, found = b, err == nil
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("cache: reading from redis: %w", err)
	}
	return value, found, nil
}

// Set writes a value; lifetimes are kept to the millisecond.
func (r *Redis) Set(ctx context.Context, key string, v []byte, ttl time.Duration) error {
	err := r.ask(ctx, func(ctx context.Context) error {
		return r.client.Set(ctx, r.prefix+key, v, max(ttl, 0)).Err()
	})
	if err != nil {
		return fmt.Errorf("cache: writing to redis: %w", err)
	}
	return nil
}

// Degraded tells that Redis failed to answer and has not answered since.
func (r *Redis) Degraded() bool { return r.breaker.open() }

// Close ends the connections.
func (r *Redis) Close() error {
	if err := r.client.Close(); err != nil {
		return fmt.Errorf("cache: closing redis: %w", err)
	}
	return nil
}

// ask runs one command through the breaker and under the deadline.
func (r *Redis) ask(ctx context.Context, command func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !r.breaker.allow() {
		return ErrUnavailable
	}
	limited, cancel := context.WithTimeout(ctx, r.wait)
	defer cancel()
	err := command(limited)
	switch {
	case err == nil:
		r.breaker.done(answered)
		return nil
	case ctx.Err() != nil:
		r.breaker.done(abandoned)
		return ctx.Err()
	}
	r.breaker.done(failed)
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
