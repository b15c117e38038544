package config

// The tags of a field say everything that is generic about its key:
//
//	toml     the key's name
//	default  its value when it is not written; a leaf without this tag is required (tables, and a map, are optional)
//	reload   its class, see [Class]; on an optional table it is the class of setting or removing the whole table
//	check    what a written value must be, see check.go
//	path     the value is a path: any, file (must exist), schema (a JSON text may stand there instead), secret (its content is the value of the key
//	         without "_file")
//	later    the key is known but refused when it is written
//	soon     values that are known but refused, for the reference

// Config is one checked revision of the file. It is immutable after [Load]: nobody may write to it.
type Config struct {
	Path    string   // absolute, cleaned, symbolic links not resolved
	Files   []string // every file that was read, the main one first, then includes and secrets
	Include []string // the patterns of the key include, absolute, so that a watcher sees a new fragment
	Digest  string   // of the meaning, not of the bytes: comments, order and white space do not change it

	Fleet     Fleet
	Admin     Admin
	Log       Log
	Instances map[string]*Instance

	origins map[string]origin // by instance
	sight   *sight
}

// Fleet holds what concerns all instances: the table [fleet].
type Fleet struct {
	Name         string   `toml:"name" default:"" reload:"live" check:"label"`                    // "" = the name of the file's folder, filled in by Load
	Watch        string   `toml:"watch" default:"auto" reload:"live" check:"oneof=auto|poll|off"` // auto, poll or off
	Drain        Duration `toml:"drain" default:"5s" reload:"live"`                               // how long clients are given to leave a stopping instance
	StartTimeout Duration `toml:"start_timeout" default:"5s" reload:"live" check:"positive"`      // from the start of an instance to the proof of its pollers
	Pollers      int      `toml:"pollers" default:"0" reload:"process" check:"max=1024"`          // event loops shared by all instances; 0 = one per CPU
	Restart      Backoff  `toml:"restart"`                                                        // how a failed start is tried again
}

// Backoff is a backoff with a budget: attempts within a sliding window.
type Backoff struct {
	Initial    Duration `toml:"initial" default:"1s" reload:"live" check:"positive"`
	Max        Duration `toml:"max" default:"30s" reload:"live" check:"positive"`
	Factor     float64  `toml:"factor" default:"2.0" reload:"live" check:"min=1"`
	Jitter     float64  `toml:"jitter" default:"0.25" reload:"live" check:"max=1"` // 0 to 1, in both directions
	Attempts   int      `toml:"attempts" default:"5" reload:"live"`
	Window     Duration `toml:"window" default:"10m" reload:"live" check:"positive"`
	ResetAfter Duration `toml:"reset_after" default:"30s" reload:"live"`
}

// Admin is the table [admin].
type Admin struct {
	Listen    string `toml:"listen" default:"127.0.0.1:8700" reload:"rebind" check:"listen"` // "off" or an address
	Token     Secret `toml:"token" default:"" reload:"live"`
	TokenFile string `toml:"token_file" default:"" reload:"live" path:"secret"`
	Written   bool   `toml:"-"` // listen stands in the file: that address is waited for, no other port is taken
}

// Log is the table [log].
type Log struct {
	Level   string `toml:"level" default:"info" reload:"live" check:"oneof=debug|info|warn|error"` // debug, info, warn or error
	Format  string `toml:"format" default:"auto" reload:"live" check:"oneof=auto|text|json"`       // auto, text or json
	MaxSize Size   `toml:"max_size" default:"10MiB" reload:"live" check:"positive"`
	Keep    int    `toml:"keep" default:"5" reload:"live"`
}

// Instance is one Socket.IO server: the table [instance.NAME], with [defaults] merged under it.
type Instance struct {
	Enabled bool   `toml:"enabled" default:"true" reload:"live"`
	Host    string `toml:"host" default:"127.0.0.1" reload:"rebind" check:"host"`
	Port    Port   `toml:"port" reload:"rebind"`                           // required
	Project string `toml:"project" default:"." reload:"worker" path:"any"` // absolute after Load

	Protocol   string   `toml:"protocol" default:"socket.io" reload:"restart" check:"oneof=socket.io|engine.io"` // or engine.io
	Parser     string   `toml:"parser" default:"default" reload:"restart" check:"oneof=default|msgpack"`         // or msgpack
	Path       string   `toml:"path" default:"/socket.io/" reload:"restart" check:"slash"`
	Transports []string `toml:"transports" default:"[\"polling\", \"websocket\"]" reload:"new" check:"some,unique,oneof=polling|websocket"`
	Namespaces []string `toml:"namespaces" default:"[\"/\"]" reload:"live" check:"some,unique,namespace"`
	Pollers    int      `toml:"pollers" default:"0" reload:"restart" check:"max=1024"` // 0 = the shared loops

	ConnectTimeout Duration    `toml:"connect_timeout" default:"45s" reload:"live" check:"positive"`
	UpgradeTimeout Duration    `toml:"upgrade_timeout" default:"10s" reload:"new" check:"positive"`
	MaxPayload     Size        `toml:"max_payload" default:"1MB" reload:"new" check:"positive"`
	Ping           Ping        `toml:"ping"`
	Compression    Compression `toml:"compression"`

	CORS           CORS     `toml:"cors"`
	Hosts          []string `toml:"hosts" default:"[]" reload:"live" check:"unique,hostname"`
	TrustedProxies []string `toml:"trusted_proxies" default:"[]" reload:"live" check:"unique,prefix"`
	Cookie         string   `toml:"cookie" default:"" reload:"new" check:"token"`
	ClientDir      string   `toml:"client_dir" default:"" reload:"live" path:"any"`
	ClientStamp    string   `toml:"-"` // of what lies in client_dir, so that a reload notices a change there

	Contents map[string]string `toml:"-"` // of the files that keys of this instance name, by path: keys, certificates, schemas, env_files that exist

	Limits   Limits   `toml:"limits"`
	Recovery Recovery `toml:"recovery"`
	History  History  `toml:"history"`
	Retry    Retry    `toml:"retry"`
	Journal  Journal  `toml:"journal"`

	Auth      *Auth                 `toml:"auth" reload:"live"`      // nil = open
	Ingest    *Ingest               `toml:"ingest" reload:"live"`    // nil = none
	On        map[string]*Rule      `toml:"on" reload:"live"`        // by event name or glob
	Namespace map[string]*Namespace `toml:"namespace" reload:"live"` // by namespace
	Static    *Static               `toml:"static" reload:"live"`
	JSON      map[string]*JSONReply `toml:"json" reload:"live"` // by path
	Worker    *WorkerProcess        `toml:"worker" reload:"worker"`
	TLS       *TLS                  `toml:"tls" reload:"rebind" later:"true"`
	Cluster   *Cluster              `toml:"cluster" reload:"restart" later:"true"`
}

// Ping is Engine.IO's heartbeat.
type Ping struct {
	Interval Duration `toml:"interval" default:"25s" reload:"new" check:"positive"`
	Timeout  Duration `toml:"timeout" default:"20s" reload:"new" check:"positive"`
}

// Compression says what is deflated.
type Compression struct {
	WebSocket bool `toml:"websocket" default:"false" reload:"new"` // permessage-deflate
	HTTP      bool `toml:"http" default:"true" reload:"new"`       // answers to polls
	Threshold Size `toml:"threshold" default:"1KiB" reload:"new"`  // what is shorter is sent as it is
}

// CORS says which web pages may talk to the instance. A request whose Origin is not allowed is refused.
type CORS struct {
	Origins     []string `toml:"origins" default:"[\"http://localhost:*\", \"http://127.0.0.1:*\"]" reload:"live" check:"unique,origin"`
	Credentials bool     `toml:"credentials" default:"true" reload:"live"`
}

// Limits bound what clients may use. 0 means no limit where that is possible.
type Limits struct {
	Clients         int    `toml:"clients" default:"10000" reload:"live"`
	PerAddress      int    `toml:"per_address" default:"0" reload:"live"`
	RoomsPerClient  int    `toml:"rooms_per_client" default:"100" reload:"live"`
	Attachments     int    `toml:"attachments" default:"10" reload:"live" check:"min=1"`
	EventsPerSecond int    `toml:"events_per_second" default:"0" reload:"live"`
	Burst           int    `toml:"burst" default:"0" reload:"live"`
	OnExceed        string `toml:"on_exceed" default:"drop" reload:"live" check:"oneof=drop|disconnect"`
	Queue           Size   `toml:"queue" default:"1MiB" reload:"live" check:"positive"`
	OnFull          string `toml:"on_full" default:"disconnect" reload:"live" check:"oneof=disconnect|drop"` // disconnect or drop
}

// Recovery is Socket.IO's connection state recovery.
type Recovery struct {
	Window Duration `toml:"window" default:"0s" reload:"live"` // 0 = off
}

// History bounds what is kept for replay.
type History struct {
	Size     int      `toml:"size" default:"1000" reload:"live"`
	MaxBytes Size     `toml:"max_bytes" default:"8MiB" reload:"live"`
	TTL      Duration `toml:"ttl" default:"0s" reload:"live"`                       // 0 = any age
	Replay   string   `toml:"replay" default:"missed" reload:"live" check:"replay"` // none, missed, last:N or all
}

// Retry is the policy for events that ask for an acknowledgement.
type Retry struct {
	Attempts   int      `toml:"attempts" default:"3" reload:"live" check:"min=1"`
	Initial    Duration `toml:"initial" default:"1s" reload:"live" check:"positive"`
	Max        Duration `toml:"max" default:"8s" reload:"live" check:"positive"`
	Factor     float64  `toml:"factor" default:"2.0" reload:"live" check:"min=1"`
	Jitter     float64  `toml:"jitter" default:"0.2" reload:"live" check:"max=1"`
	MaxAge     Duration `toml:"max_age" default:"30s" reload:"live" check:"positive"`
	AckTimeout Duration `toml:"ack_timeout" default:"5s" reload:"live" check:"positive"`
	Capacity   int      `toml:"capacity" default:"1000" reload:"live" check:"min=1"`
	DeadLetter bool     `toml:"dead_letter" default:"true" reload:"live"`
}

// Journal keeps events and clients' positions on disk.
type Journal struct {
	Enabled  bool     `toml:"enabled" default:"false" reload:"restart"`
	Dir      string   `toml:"dir" default:"" reload:"restart" path:"any"`
	Fsync    string   `toml:"fsync" default:"batch" reload:"restart" check:"oneof=always|batch|off"` // always, batch or off
	MaxBytes Size     `toml:"max_bytes" default:"1GiB" reload:"restart" check:"positive"`
	MaxAge   Duration `toml:"max_age" default:"24h" reload:"restart" check:"positive"`
}

// Auth says who may connect.
type Auth struct {
	Mode       string   `toml:"mode" reload:"live" check:"oneof=token|jwt|worker"` // token, jwt or worker
	Tokens     []Secret `toml:"tokens" default:"[]" reload:"live"`
	TokensFile string   `toml:"tokens_file" default:"" reload:"live" path:"secret"`
	JWT        *JWT     `toml:"jwt" reload:"live"`
	Overlap    Duration `toml:"overlap" default:"5m" reload:"live"`
	Join       []string `toml:"join" default:"[]" reload:"live"`
}

// JWT says how a JSON Web Token is checked.
type JWT struct {
	Algorithms    []string `toml:"algorithms" reload:"live" check:"some,unique,oneof=HS256|HS384|HS512|RS256|RS384|RS512|PS256|PS384|PS512|ES256|ES384|ES512|EdDSA"`
	Secret        Secret   `toml:"secret" default:"" reload:"live"`
	SecretFile    string   `toml:"secret_file" default:"" reload:"live" path:"secret"`
	PublicKeyFile string   `toml:"public_key_file" default:"" reload:"live" path:"file"`
	JWKSFile      string   `toml:"jwks_file" default:"" reload:"live" path:"file"`
	Audience      string   `toml:"audience" default:"" reload:"live"`
	Issuer        string   `toml:"issuer" default:"" reload:"live"`
	Leeway        Duration `toml:"leeway" default:"0s" reload:"live"`
}

// Ingest takes events over HTTP.
type Ingest struct {
	Path      string `toml:"path" reload:"live" check:"slash"`
	Token     Secret `toml:"token" default:"" reload:"live"`
	TokenFile string `toml:"token_file" default:"" reload:"live" path:"secret"`
	MaxBody   Size   `toml:"max_body" default:"16MiB" reload:"live" check:"positive"`
	Transform string `toml:"transform" default:"" reload:"live"` // jq
	Response  string `toml:"response" default:"json" reload:"live" check:"oneof=json|empty"`
}

// Rule says what an event causes.
type Rule struct {
	From     []string `toml:"from" default:"[]" reload:"live" check:"unique,oneof=client|http|worker"`
	When     string   `toml:"when" default:"" reload:"live"` // jq
	To       Strings  `toml:"to" default:"[]" reload:"live" check:"target"`
	Emit     string   `toml:"emit" default:"" reload:"live"`
	Args     string   `toml:"args" default:"" reload:"live"` // jq
	Also     []Also   `toml:"also" reload:"live"`
	Join     Strings  `toml:"join" default:"[]" reload:"live"`
	Leave    Strings  `toml:"leave" default:"[]" reload:"live"`
	Ack      Ack      `toml:"ack" default:"false" reload:"live"`
	Delivery string   `toml:"delivery" default:"once" reload:"live" check:"oneof=volatile|once|acked"` // volatile, once or acked
	History  bool     `toml:"history" default:"true" reload:"live"`
	Schema   string   `toml:"schema" default:"" reload:"live" path:"schema"` // JSON, or the path of a file with it; see [Instance.SchemaOf]
	Worker   bool     `toml:"worker" default:"false" reload:"live"`
	Drop     bool     `toml:"drop" default:"false" reload:"live"`
}

// Also is one further emit of a rule.
type Also struct {
	When string  `toml:"when" default:"" reload:"live"`
	Emit string  `toml:"emit" default:"" reload:"live"`
	To   Strings `toml:"to" default:"[]" reload:"live" check:"target"`
	Args string  `toml:"args" default:"" reload:"live"`
}

// Namespace overrides settings of its instance for one namespace.
type Namespace struct {
	Auth    *Auth            `toml:"auth" reload:"live"`
	On      map[string]*Rule `toml:"on" reload:"live"`
	History *History         `toml:"history" reload:"live"`
}

// Static serves files at "/".
type Static struct {
	Dir     string    `toml:"dir" default:"" reload:"live" path:"any"`
	Index   string    `toml:"index" default:"index.html" reload:"live"`
	Rewrite []Rewrite `toml:"rewrite" reload:"live"`
	Mounts  []Mount   `toml:"mounts" reload:"live"`
}

// Rewrite replaces bytes in text files.
type Rewrite struct {
	From string `toml:"from" reload:"live" check:"some"`
	To   string `toml:"to" default:"" reload:"live"`
}

// Mount serves a folder below a path.
type Mount struct {
	At        string `toml:"at" reload:"live" check:"slash"`
	Dir       string `toml:"dir" reload:"live" check:"some" path:"any"`
	Immutable bool   `toml:"immutable" default:"false" reload:"live"`
}

// JSONReply is a fixed JSON answer.
type JSONReply struct {
	Body string `toml:"body" reload:"live"`
}

// WorkerProcess is a process of the project that events are handed to.
type WorkerProcess struct {
	Command      []string          `toml:"command" reload:"worker" check:"some"`
	Interpreter  string            `toml:"interpreter" default:"auto" reload:"worker"`
	Env          map[string]string `toml:"env" reload:"worker"`
	EnvFile      []string          `toml:"env_file" default:"[]" reload:"worker" path:"any"`
	ReadyTimeout Duration          `toml:"ready_timeout" default:"10s" reload:"worker" check:"positive"`
	Restart      WorkerRestart     `toml:"restart"`
	StopTimeout  Duration          `toml:"stop_timeout" default:"10s" reload:"worker" check:"positive"`
	Start        string            `toml:"start" default:"eager" reload:"worker" check:"oneof=eager|on_demand"` // eager or on_demand
	IdleTimeout  Duration          `toml:"idle_timeout" default:"0s" reload:"worker"`
	Watch        []string          `toml:"watch" default:"[]" reload:"worker" check:"glob" path:"any"`
}

// WorkerRestart is the backoff of a worker that ended.
type WorkerRestart struct {
	Initial  Duration `toml:"initial" default:"1s" reload:"worker" check:"positive"`
	Max      Duration `toml:"max" default:"30s" reload:"worker" check:"positive"`
	Attempts int      `toml:"attempts" default:"5" reload:"worker"`
}

// TLS of an instance; setting or removing the table rebinds.
type TLS struct {
	CertFile string `toml:"cert_file" reload:"live" path:"file"`
	KeyFile  string `toml:"key_file" reload:"live" path:"file"`
	ClientCA string `toml:"client_ca_file" default:"" reload:"live" path:"file"`
}

// Cluster joins instances on several machines.
type Cluster struct {
	Engine  string `toml:"engine" default:"redis" reload:"restart" check:"oneof=redis"`
	URL     Secret `toml:"url" reload:"restart"`
	URLFile string `toml:"url_file" default:"" reload:"restart" path:"secret"`
}
