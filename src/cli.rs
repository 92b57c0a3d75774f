//! The command line: a contract that scripts rely on. Data goes to stdout, everything else to stderr.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::generate::Kind;

/// 関所 — central security-monitoring log pipeline for Japanese local governments.
#[derive(Debug, Parser)]
#[command(name = "sekisho", version, about, propagate_version = true, max_term_width = 110)]
#[command(
    after_help = "Examples:\n  sekisho demo                                   see the whole pipeline at work in a browser\n  sekisho init ./town --model alpha              write a commented configuration for a town\n  sekisho run --config ./town/sekisho.toml       collect, judge, index, alert\n\nExit status: 0 done, 1 a check failed, 2 usage or configuration, 70 internal error."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the whole pipeline on generated traffic with planted incidents, in a temporary folder.
    #[command(
        after_help = "Examples:\n  sekisho demo\n  sekisho demo --port 9000 --rate 500\n  sekisho demo --headless --duration 30s        no pages; prints what happened and exits"
    )]
    Demo(Demo),
    /// Write a commented configuration, ledgers and rules to start from.
    #[command(
        after_help = "Examples:\n  sekisho init ./town --model alpha\n  sekisho init ./kumiai --model internet-only\n  sekisho init ./ken --model prefecture"
    )]
    Init(Init),
    /// Collect, judge, index, alert and serve until stopped.
    #[command(
        after_help = "Examples:\n  sekisho run --config ./town/sekisho.toml\n  sekisho run --config ./ken/sekisho.toml --role process --data /var/lib/sekisho/process    one role of several, on Kafka\n\nSIGTERM or Ctrl-C stops it: listeners first, then everything received is indexed and committed."
    )]
    Run(Configured),
    /// Validate the configuration, ledgers, sources and rules.
    #[command(
        after_help = "Examples:\n  sekisho check --config ./town/sekisho.toml    exit 1 with file:line:column and what to do"
    )]
    Check(Configured),
    /// Parse raw lines to ECS, one JSON object per line, in order.
    #[command(
        after_help = "Examples:\n  sekisho parse --source fortigate < fw.log\n  sekisho parse --source squid --tz UTC access.log | jq .\n  sekisho parse --source windows Security.evtx"
    )]
    Parse(Parse),
    /// Import log files into the stream of a configuration; resumes where it stopped.
    #[command(
        after_help = "Examples:\n  sekisho import --config ./town/sekisho.toml --tenant town --source fw-core old/*.log.gz\n  sekisho import --config ./town/sekisho.toml --tenant town fw-core=old/fw.log proxy=old/access.log\n\nSeveral files come in the order of their events' times. A file that was imported before, moved, renamed or packed\nsince, adds only the lines that it has grown by."
    )]
    Import(Import),
    /// Make indexed events of a time range anew from the raw log, with the parsers and sources of now.
    #[command(
        after_help = "Examples:\n  sekisho reparse --config ./town/sekisho.toml --from 2026-11-01 --to 2026-11-20 --source fw-core\n\nStop `sekisho run` first. Events keep their ids, and what rules said of them when they came."
    )]
    Reparse(Reparse),
    /// Look into the archive of what was received: sealed objects in a bucket or a folder.
    #[command(subcommand)]
    Archive(Archive),
    /// Run zones and rules over files: deterministic, offline, the engine of `run`.
    #[command(
        after_help = "Examples:\n  sekisho generate --profile town --seed 7 --events 200000 --out D && sekisho detect --input D\n  sekisho detect --rules rules --input events.ndjson --emit matches\n  sekisho detect --rules rules --tenant-dir tenants/town --input fw.log --input-format raw:fortigate\n  sekisho detect --config ./town/sekisho.toml --rules new-rules --from 2026-11-01 --to 2026-11-20    on stored events"
    )]
    Detect(Detect),
    /// Search indexed events.
    #[command(
        after_help = "Examples:\n  sekisho search 'source.ip:10.1.0.0/16 event.outcome:failure' --data ./data\n  sekisho search '\"failed password\"' --from 2026-11-20 --histogram 1h\n  sekisho search 'event.type:denied' --top source.ip --limit 10"
    )]
    Search(Search),
    /// Search stored events for indicators of compromise.
    #[command(
        after_help = "Examples:\n  sekisho hunt --config ./town/sekisho.toml --ioc ioc.csv\n  sekisho hunt --data ./data --ioc list.txt --from 2026-10-01 | jq ."
    )]
    Hunt(Hunt),
    /// Tell who held an address at an instant: the terminal and the person, by DHCP, RADIUS and sign-in logs.
    #[command(
        after_help = "Examples:\n  sekisho who 10.1.2.3 --at 2026-11-20T10:03 --tenant town --config ./town/sekisho.toml\n  sekisho who 10.1.2.3 --at 2h --tenant town --data ./data | jq ."
    )]
    Who(Who),
    /// Look after detection rules.
    #[command(subcommand)]
    Rules(Rules),
    /// Generate native-format logs with planted incidents; the same seed gives the same bytes.
    #[command(
        after_help = "Examples:\n  sekisho generate --profile town --seed 7 --events 200000 --out D\n  sekisho generate --profile town --seed 1 --events 50000 --scenario spray,silent_firewall --out D"
    )]
    Generate(Generate),
    /// Show for each source what was received, indexed and is in flight.
    #[command(
        after_help = "Examples:\n  sekisho accounting --config ./town/sekisho.toml    exit 1 when a source does not balance\n  sekisho accounting --config ./town/sekisho.toml --unparsed"
    )]
    Accounting(Accounting),
    /// Look after senders that no source claims.
    #[command(subcommand)]
    Source(Source),
    /// Look after collectors in other zones.
    #[command(subcommand)]
    Collector(Collector),
    /// Manage who may sign in.
    #[command(subcommand)]
    User(User),
    /// Manage what machines sign in to the API with.
    #[command(subcommand)]
    Token(Token),
    /// Print shell completions.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
}

/// `demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// Port of the pages.
    #[arg(long, default_value_t = 8686)]
    pub port: u16,
    /// Live events per second after the first two days are in.
    #[arg(long, default_value_t = 50)]
    pub rate: u32,
    /// Stop after this long (`30s`, `5m`).
    #[arg(long, value_parser = duration)]
    pub duration: Option<std::time::Duration>,
    /// Serve no pages: run, print what happened, exit.
    #[arg(long)]
    pub headless: bool,
}

/// `init`
#[derive(Debug, Args)]
pub struct Init {
    /// Folder to create.
    pub dir: PathBuf,
    /// Which network model to start from.
    #[arg(long, value_enum)]
    pub model: Model,
}

/// What `init` can start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Model {
    /// α: three zones, work terminals in the LGWAN zone.
    Alpha,
    /// α′: as α, with approved clouds reached directly.
    AlphaPrime,
    /// β: work terminals in the internet zone.
    Beta,
    /// β′: as β, with important systems in the internet zone too.
    BetaPrime,
    /// A body with an internet zone only.
    InternetOnly,
    /// A prefecture that watches over bodies of its own.
    Prefecture,
}

/// A subcommand that only needs a configuration.
#[derive(Debug, Args)]
pub struct Configured {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Which roles this process takes; all of them unless told otherwise.
    #[arg(long, value_delimiter = ',', value_enum)]
    pub role: Vec<Role>,
    /// The data folder, in place of the configuration's: each process has its own.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Where /metrics, /ready and /live are, for a process that does not take role serve.
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<std::net::SocketAddr>,
}

/// The parts of the pipeline that one process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Role {
    /// Listeners.
    Collect,
    /// Parse, judge, match.
    Process,
    /// Correlate.
    Correlate,
    /// Index, pages, API and delivery.
    Serve,
}

/// `parse`
#[derive(Debug, Args)]
pub struct Parse {
    /// Product name, or `auto`.
    #[arg(long)]
    pub source: String,
    /// Time zone of times that name none.
    #[arg(long, default_value = "Asia/Tokyo")]
    pub tz: String,
    /// `auto`, `utf-8`, `cp932`, `euc-jp` or `iso-2022-jp`.
    #[arg(long, default_value = "auto")]
    pub charset: String,
    /// File to read instead of stdin; .gz, .zst and .evtx too.
    pub file: Option<PathBuf>,
}

/// `import`
#[derive(Debug, Args)]
pub struct Import {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Tenant the files belong to.
    #[arg(long)]
    pub tenant: String,
    /// Source id in sources.toml of all files; without it each file is written SOURCE=FILE.
    #[arg(long)]
    pub source: Option<String>,
    /// Files; .gz, .zst and .evtx too.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
}

/// `reparse`
#[derive(Debug, Args)]
pub struct Reparse {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Start, by the events' time (`2026-11-20`, RFC 3339, or `24h` ago).
    #[arg(long, value_name = "TIME")]
    pub from: String,
    /// End, excluded.
    #[arg(long, value_name = "TIME")]
    pub to: String,
    /// Only events of this source id.
    #[arg(long, value_name = "ID")]
    pub source: Option<String>,
}

/// `archive`
#[derive(Debug, Subcommand)]
pub enum Archive {
    /// List its objects: partition, offsets, times of receipt, bytes.
    #[command(
        after_help = "Examples:\n  sekisho archive list --config ./town/sekisho.toml\n  sekisho archive list --config ./town/sekisho.toml --from 2026-11-01 --to 2026-11-20"
    )]
    List(Archived),
    /// Read every object and check hashes, chain and offsets; exit 1 naming what is not as it was written.
    #[command(
        after_help = "Examples:\n  sekisho archive verify --config ./town/sekisho.toml\n  sekisho archive verify --config ./town/sekisho.toml --from 30d"
    )]
    Verify(Archived),
    /// Write objects to a new data folder that `detect` reads.
    #[command(
        after_help = "Examples:\n  sekisho archive fetch --config ./town/sekisho.toml --from 2026-11-01 --to 2026-11-20 --out november\n  sekisho detect --config ./town/sekisho.toml --data november --rules new-rules"
    )]
    Fetch {
        /// Which.
        #[command(flatten)]
        which: Archived,
        /// Folder to write to; it must be empty or not exist.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

/// Objects of an archive.
#[derive(Debug, Args)]
pub struct Archived {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// The data folder, in place of the configuration's.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Only objects with records received from here on (`2026-11-20`, RFC 3339, or `24h` ago).
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Only objects with records received before this.
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
}

/// `accounting`
#[derive(Debug, Args)]
pub struct Accounting {
    /// Where the data is.
    #[command(flatten)]
    pub place: DataDir,
    /// List the forms of lines that could not be parsed instead, the most frequent first.
    #[arg(long)]
    pub unparsed: bool,
}

/// What `detect` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Emit {
    /// One alert per line.
    Alerts,
    /// One (line, rule) pair per line.
    Matches,
}

/// `detect`
#[derive(Debug, Args)]
pub struct Detect {
    /// The configuration whose rules, tenants, sources and, without --input, stored events are used.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of Sigma rules; the configuration's or the built-in rules unless given.
    #[arg(long, value_name = "DIR")]
    pub rules: Option<PathBuf>,
    /// Folder of one tenant's ledgers.
    #[arg(long, value_name = "DIR")]
    pub tenant_dir: Option<PathBuf>,
    /// A file (.gz, .zst and .evtx too), `-` for stdin, or a folder that holds sources.toml and tenants/.
    #[arg(long, value_name = "PATH", required_unless_present_any = ["config", "data"])]
    pub input: Option<PathBuf>,
    /// `ndjson`, or `raw:SOURCE` with a product name.
    #[arg(long, default_value = "ndjson")]
    pub input_format: String,
    /// Read the stored events of this data folder instead of a file; `run` must not have it open.
    #[arg(long, value_name = "DIR", conflicts_with = "input")]
    pub data: Option<PathBuf>,
    /// Tell only what happened from here on (`2026-11-20`, RFC 3339, or `24h` ago); what came before still counts.
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Tell only what happened before this.
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Tenant whose stored events are read; all of them unless given.
    #[arg(long, conflicts_with = "input")]
    pub tenant: Option<String>,
    /// File to write instead of stdout.
    #[arg(long)]
    pub output: Option<PathBuf>,
    /// Alerts or matches.
    #[arg(long, value_enum, default_value = "alerts")]
    pub emit: Emit,
    /// Threads that read and match; as many as there are processors unless given. The output is the same.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub threads: usize,
}

/// Where the data of a running or stopped sekisho is.
#[derive(Debug, Args)]
pub struct DataDir {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data folder itself.
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    pub data: Option<PathBuf>,
}

/// How `search` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns for people.
    Table,
    /// One JSON object per line.
    Json,
    /// Comma-separated values with a header.
    Csv,
}

/// `search`
#[derive(Debug, Args)]
pub struct Search {
    /// The query; empty finds everything.
    #[arg(default_value = "")]
    pub query: String,
    /// Where the data is.
    #[command(flatten)]
    pub place: DataDir,
    /// Start (`2026-11-20`, RFC 3339, or `24h` ago); everything unless given.
    #[arg(long)]
    pub from: Option<String>,
    /// End, excluded.
    #[arg(long)]
    pub to: Option<String>,
    /// Tenant; all of them unless given.
    #[arg(long)]
    pub tenant: Option<String>,
    /// How many events, newest first.
    #[arg(long, default_value_t = 20)]
    pub limit: usize,
    /// Output form.
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    /// Print only how many there are.
    #[arg(long)]
    pub count: bool,
    /// Print counts per interval (`1h`).
    #[arg(long, value_name = "INTERVAL", value_parser = duration)]
    pub histogram: Option<std::time::Duration>,
    /// Print the most frequent values of a field.
    #[arg(long, value_name = "FIELD")]
    pub top: Option<String>,
}

/// `hunt`
#[derive(Debug, Args)]
pub struct Hunt {
    /// Where the data is.
    #[command(flatten)]
    pub place: DataDir,
    /// Addresses, networks, domains, URLs and hashes: one a line, or a CSV with a column `value`.
    #[arg(long, value_name = "FILE")]
    pub ioc: PathBuf,
    /// Start (`2026-11-20`, RFC 3339, or `24h` ago); everything unless given.
    #[arg(long)]
    pub from: Option<String>,
    /// End, excluded.
    #[arg(long)]
    pub to: Option<String>,
    /// Tenant; all of them unless given.
    #[arg(long)]
    pub tenant: Option<String>,
    /// How many events of each indicator, newest first.
    #[arg(long, default_value_t = 20)]
    pub limit: usize,
}

/// `who`
#[derive(Debug, Args)]
pub struct Who {
    /// The address.
    pub address: std::net::IpAddr,
    /// Where the data is.
    #[command(flatten)]
    pub place: DataDir,
    /// When (`2026-11-20T10:03`, RFC 3339, or `2h` ago); now unless given.
    #[arg(long)]
    pub at: Option<String>,
    /// Whose address it is: bodies use the same private ones.
    #[arg(long)]
    pub tenant: String,
}

/// `rules`
#[derive(Debug, Subcommand)]
pub enum Rules {
    /// Validate rules and their samples; exit 1 with file:line:column and what to do.
    #[command(after_help = "Examples:\n  sekisho rules check rules")]
    Check {
        /// Folder of rules; the built-in rules unless given.
        dir: Option<PathBuf>,
    },
    /// Play every rule's hit and miss samples and print a table; exit 1 when a rule fails.
    #[command(
        after_help = "Examples:\n  sekisho rules test rules\n\nA rule's samples are samples/<rule file name>/hit.ndjson and miss.ndjson beside it or above."
    )]
    Test {
        /// Folder of rules; the built-in rules unless given.
        dir: Option<PathBuf>,
    },
    /// Show for each rule which sources can feed it and what it needs that they never give; exit 1 when one cannot match.
    #[command(
        after_help = "Examples:\n  sekisho rules coverage --config ./town/sekisho.toml\n  sekisho rules coverage --rules new-rules          with one source of every product"
    )]
    Coverage {
        /// The configuration whose sources and rules are looked at; one source of every product unless given.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Folder of rules; the configuration's or the built-in rules unless given.
        #[arg(long, value_name = "DIR")]
        rules: Option<PathBuf>,
    },
    /// List rules.
    #[command(after_help = "Examples:\n  sekisho rules list")]
    List {
        /// Folder of rules; the built-in rules unless given.
        dir: Option<PathBuf>,
    },
}

/// `generate`
#[derive(Debug, Args)]
pub struct Generate {
    /// Which bodies to generate.
    #[arg(long, value_enum)]
    pub profile: Profile,
    /// Seed.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many lines in all.
    #[arg(long, default_value_t = 200_000)]
    pub events: u64,
    /// Midnight (JST) of the first day, RFC 3339.
    #[arg(long, default_value = crate::generate::START)]
    pub start: String,
    /// What to plant; everything unless given.
    #[arg(long, value_delimiter = ',', value_enum)]
    pub scenario: Vec<Kind>,
    /// Folder to create.
    #[arg(long)]
    pub out: PathBuf,
}

/// What `generate` can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// A town with three zones, an internet-only body, and the prefecture above them.
    Town,
}

/// `source`
#[derive(Debug, Subcommand)]
pub enum Source {
    /// List unknown senders with sample lines and what they look like.
    #[command(after_help = "Examples:\n  sekisho source list --config ./town/sekisho.toml")]
    List {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Declare an unknown sender in sources.toml; a running sekisho takes it over at once.
    #[command(
        after_help = "Examples:\n  sekisho source adopt 192.0.2.1 --id fw-core --config ./town/sekisho.toml\n  sekisho source adopt 192.0.2.9 --host sw01 --id sw01 --tenant town --product allied_telesis --config ./town/sekisho.toml    one of many behind a relay"
    )]
    Adopt(Adopt),
}

/// `source adopt`
#[derive(Debug, Args)]
pub struct Adopt {
    /// Its address.
    pub address: std::net::IpAddr,
    /// The id it gets.
    #[arg(long)]
    pub id: String,
    /// Whose it is; the listener's tenant unless given.
    #[arg(long)]
    pub tenant: Option<String>,
    /// What it is; what its lines look like unless given.
    #[arg(long)]
    pub product: Option<String>,
    /// Known by this host name of its syslog header instead of by its address; may be repeated.
    #[arg(long)]
    pub host: Vec<String>,
    /// Time zone of times that name none.
    #[arg(long)]
    pub tz: Option<String>,
    /// `auto`, `utf-8`, `cp932`, `euc-jp` or `iso-2022-jp`.
    #[arg(long)]
    pub charset: Option<String>,
    /// Network zone it stands in.
    #[arg(long)]
    pub zone: Option<String>,
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// `collector`
#[derive(Debug, Subcommand)]
pub enum Collector {
    /// At the centre: declare a collector, and make the token with which it enrols.
    #[command(
        after_help = "Examples:\n  sekisho collector add lgwan-1 --tenant town --server-name sekisho.example --config ./town/sekisho.toml\n  sekisho collector add lgwan-1 --tenant town --server-name sekisho.example --out lgwan-1 --config ./town/sekisho.toml    key and certificate to carry by hand, for one-way links too"
    )]
    Add(AddCollector),
    /// In the zone: turn a token into key and certificate; prints what to write under `[forward]`.
    #[command(
        after_help = "Examples:\n  sekisho collector enrol TOKEN --to 192.0.2.10:8687 --server-name sekisho.example --out tls"
    )]
    Enrol(Enrol),
}

/// `collector add`
#[derive(Debug, Args)]
pub struct AddCollector {
    /// The id it gets: a-z 0-9 . _ -
    pub id: String,
    /// Whose it is.
    #[arg(long)]
    pub tenant: String,
    /// Whose records it may bring (`ID`, `TENANT/ID`, `TENANT/*`); every source of its tenant unless given.
    #[arg(long)]
    pub source: Vec<String>,
    /// The name under which collectors know this centre; it stands in its certificate.
    #[arg(long)]
    pub server_name: String,
    /// Instead of a token: make key and certificate in this new folder.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// How long the token is good for.
    #[arg(long, value_parser = duration, default_value = "1h")]
    pub within: std::time::Duration,
    /// The centre's configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// `collector enrol`
#[derive(Debug, Args)]
pub struct Enrol {
    /// What `sekisho collector add` printed at the centre.
    #[arg(allow_hyphen_values = true)]
    pub token: String,
    /// Address and port of the centre's listener.
    #[arg(long)]
    pub to: std::net::SocketAddr,
    /// The name in the centre's certificate.
    #[arg(long)]
    pub server_name: String,
    /// Folder for key and certificates.
    #[arg(long, value_name = "DIR", default_value = "tls")]
    pub out: PathBuf,
}

/// `user`
#[derive(Debug, Subcommand)]
pub enum User {
    /// Add an account; its first password is printed once.
    #[command(
        after_help = "Examples:\n  sekisho user add tanaka --role analyst --tenant town --config ./town/sekisho.toml"
    )]
    Add {
        /// Name to sign in with.
        name: String,
        /// operator, analyst, oncall, auditor, tenant_admin or system_admin.
        #[arg(long)]
        role: String,
        /// Tenants it may see; repeat for several. A system_admin sees all.
        #[arg(long)]
        tenant: Vec<String>,
        /// Where the data is.
        #[command(flatten)]
        place: DataDir,
    },
    /// List accounts.
    List {
        /// Where the data is.
        #[command(flatten)]
        place: DataDir,
    },
    /// Disable an account and end its sessions.
    Disable {
        /// Its name.
        name: String,
        /// Where the data is.
        #[command(flatten)]
        place: DataDir,
    },
}

/// `token`
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make a token; it is printed once.
    #[command(
        after_help = "Examples:\n  sekisho token create grafana --role operator --tenant town --config ./town/sekisho.toml\n  sekisho token create siem --role auditor --tenant town --expires 90d --data ./data\n\nSearching through the API needs a role that may export: analyst, auditor, tenant_admin or system_admin."
    )]
    Create {
        /// Name, by which it is listed, revoked and written to the audit log.
        name: String,
        /// operator, analyst, oncall, auditor, tenant_admin or system_admin.
        #[arg(long)]
        role: String,
        /// Tenants it may see; repeat for several. A system_admin sees all unless told.
        #[arg(long)]
        tenant: Vec<String>,
        /// How long it lasts.
        #[arg(long, value_parser = duration, default_value = "365d")]
        expires: std::time::Duration,
        /// It lasts until it is revoked.
        #[arg(long, conflicts_with = "expires")]
        never_expires: bool,
        /// Where the data is.
        #[command(flatten)]
        place: DataDir,
    },
    /// List tokens, without their secrets.
    List {
        /// Where the data is.
        #[command(flatten)]
        place: DataDir,
    },
    /// Revoke a token at once; its name stays taken.
    Revoke {
        /// Its name.
        name: String,
        /// Where the data is.
        #[command(flatten)]
        place: DataDir,
    },
}

/// Reads `90`, `30s`, `5m`, `2h` or `1d`.
pub fn duration(text: &str) -> Result<std::time::Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| format!("`{text}` is not a duration; write 30s, 5m, 2h or 1d"))?;
    let seconds = match &text[digits.len()..] {
        "" | "s" => number,
        "m" => number.saturating_mul(60),
        "h" => number.saturating_mul(3600),
        "d" => number.saturating_mul(86_400),
        unit => return Err(format!("`{unit}` is not a unit of time; write s, m, h or d")),
    };
    if seconds == 0 {
        return Err("a duration must be longer than nothing".into());
    }
    Ok(std::time::Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations() {
        assert_eq!(duration("5m").unwrap().as_secs(), 300);
        assert_eq!(duration("90").unwrap().as_secs(), 90);
        for wrong in ["", "m", "5x", "0s", "-1s", "あ"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
