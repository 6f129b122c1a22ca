//! The configuration: a TOML file, the command line over it, defaults under it.
//!
//! Owns the file's keys, their ranges and their defaults, all of which `config/terminal.toml` shows with their reasons.
//! What the region decides (catalogue, policy, certificates) is never configured here.

use std::fmt;
use std::fs;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use crate::domain::Cents;
use crate::domain::refusal::Language;
use crate::payment::client::{Deadlines, Tpe};
use crate::payment::{DEFAULT_PORT, Register};
use crate::printer::{Connection, Width};
use crate::till::json;
use crate::till::server::LoopbackServer;

use super::closings::ClosingSettings;
use super::receipts::PrinterSettings;

/// What the program works with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The terminal's directory.
    pub data: PathBuf,
    /// A part of the name of the reader to use; every reader without it.
    pub reader: Option<String>,
    /// Where page and API listen over loopback; nowhere without it.
    pub listen: Option<SocketAddr>,
    /// Where metrics are told over loopback; nowhere without it.
    pub metrics: Option<SocketAddr>,
    /// The region's address, where it is not the one of the enrolment.
    pub region: Option<String>,
    /// A file of PEM certificates: the only authorities that are believed for the region's TLS; those of the system without it.
    pub region_authorities: Option<PathBuf>,
    /// The language of sentences for people.
    pub language: Language,
    /// How long a sale waits for a card.
    pub card_wait: Duration,
    /// When to exchange with the region.
    pub exchange: ExchangeTimes,
    /// After so long without a request a cashier has to sign in again.
    pub session_idle: Duration,
    /// How the terminal closes.
    pub closing: ClosingSettings,
    /// The printer.
    pub printer: PrinterSettings,
    /// The bank terminal, where there is one.
    pub payment: Option<PaymentSettings>,
}

/// Where the bank terminal is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentSettings {
    /// Its address, a name or a number.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// The register that it is told.
    pub register: Register,
    /// How long a holder is given to pay.
    pub patience: Duration,
}

impl PaymentSettings {
    /// The way to it.
    pub fn tpe(&self) -> Tpe {
        let bracketed = if self.address.contains(':') { format!("[{}]", self.address) } else { self.address.clone() };
        let deadlines = Deadlines { answer: self.patience, ..Deadlines::default() };
        Tpe::new(format!("{bracketed}:{}", self.port), self.register, deadlines)
    }
}

/// When to exchange with the region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExchangeTimes {
    /// The window's beginning, in local time.
    pub window_from: TimeOfDay,
    /// The window's end, in local time; the next day when it is before the beginning.
    pub window_to: TimeOfDay,
    /// The least time between two exchanges that waiting sales start.
    pub interval_min: Duration,
}

/// A time of the day, in minutes since midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(u16);

impl TimeOfDay {
    /// Reads `HH:MM`, 00:00 to 23:59.
    pub fn parse(text: &str) -> Option<Self> {
        let (hour, minute) = text.split_once(':')?;
        let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        if !two_digits(hour) || !two_digits(minute) {
            return None;
        }
        let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
        (hour < 24 && minute < 60).then_some(Self(hour * 60 + minute))
    }

    /// Minutes since midnight, 0 to 1439.
    pub const fn minutes(self) -> u16 {
        self.0
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Neither a configuration nor a directory was given, or the configuration names none.
    #[error("the terminal's directory is missing: give --data DIR, or --config FILE with the key data")]
    NoData,
    /// The file cannot be read.
    #[error("the configuration {} cannot be read: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// A line of the file is wrong.
    #[error("{}, line {line} ({text}): {why}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The line's text, with its key.
        text: String,
        /// What is wrong.
        why: String,
    },
    /// A key that stands in the environment or on the command line is wrong.
    #[error("{name}: {why}")]
    Override {
        /// The variable, or the option with its key.
        name: String,
        /// What is wrong.
        why: String,
    },
}

impl Settings {
    /// The settings of a command line: what stands in it over the environment, that over the file `config`, that over the defaults.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn resolve(config: Option<&Path>, line: CommandLine) -> Result<Self, ConfigError> {
        let CommandLine { data, reader, listen, metrics, overrides } = line;
        let file = match config {
            Some(path) => {
                let text = fs::read_to_string(path);
                text.map_err(|error| ConfigError::Read { path: path.to_owned(), error })?
            }
            None => String::new(),
        };
        let file = File::overridden(File::parse(config.unwrap_or(Path::new("")), &file)?, &file, overrides)?;
        let beside = |data| config.and_then(Path::parent).map_or(PathBuf::new(), Path::to_owned).join::<PathBuf>(data);
        Ok(Self {
            data: data.or(file.data.map(beside)).ok_or(ConfigError::NoData)?,
            reader: reader.or(file.reader),
            listen: listen.or(file.listen),
            metrics: metrics.or(file.metrics),
            region: file.region,
            region_authorities: file.region_authorities.map(beside),
            language: file.language,
            card_wait: file.card_wait_seconds,
            exchange: file.exchange.times(),
            session_idle: file.cashiers.session_idle_seconds,
            printer: file.printer.settings(),
            payment: file.payment.settings(),
            closing: ClosingSettings { automatic: file.closing.automatic, float: file.closing.float },
        })
    }

    /// The socket of the local API.
    pub fn socket(&self) -> PathBuf {
        self.data.join("socket")
    }
}

/// What of a command line is over the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// The terminal's directory.
    pub data: Option<PathBuf>,
    /// A part of the name of the reader to use.
    pub reader: Option<String>,
    /// Where page and API listen over loopback.
    pub listen: Option<SocketAddr>,
    /// Where metrics are told over loopback.
    pub metrics: Option<SocketAddr>,
    /// Keys of the file, in the order in which they count: the last one more than those before it.
    pub overrides: Vec<Override>,
}

/// A key of the file that stands elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// As people wrote it: the variable, or the option.
    name: String,
    /// The key, with its table before it: `printer.width`.
    key: String,
    /// Its value: text, or as the file would have it.
    value: String,
}

impl Override {
    /// The variables of the environment that stand for keys: `PASS_TERMINAL_PRINTER_WIDTH` for `printer.width`.
    pub fn of_environment(variables: impl IntoIterator<Item = (String, String)>) -> Vec<Self> {
        let mut overrides: Vec<_> = variables
            .into_iter()
            .filter(|(name, _)| name.starts_with(VARIABLES) && name != CONFIG_VARIABLE)
            .map(|(name, value)| {
                let known = KEYS.iter().find(|key| variable(key) == name);
                // One that stands for nothing is refused, by its own name.
                Self { key: known.map_or_else(|| name.clone(), |key| (*key).to_owned()), name, value }
            })
            .collect();
        overrides.sort_by(|a, b| a.name.cmp(&b.name));
        overrides
    }

    /// Reads `KEY=VALUE`, as `--set` has it.
    ///
    /// # Errors
    /// What is right, in one sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (key, value) =
            text.split_once('=').ok_or("a key of the configuration and its value, as printer.width=42")?;
        Ok(Self { name: format!("--set {key}"), key: key.trim().to_owned(), value: value.trim().to_owned() })
    }
}

/// What the names of variables begin with that stand for keys.
const VARIABLES: &str = "PASS_TERMINAL_";
/// The one that names the file.
pub const CONFIG_VARIABLE: &str = "PASS_TERMINAL_CONFIG";

/// Every key of the file.
const KEYS: &[&str] = &[
    "data",
    "reader",
    "listen",
    "metrics",
    "region",
    "region-authorities",
    "language",
    "card-wait-seconds",
    "exchange.window-from",
    "exchange.window-to",
    "exchange.interval-min-seconds",
    "cashiers.session-idle-seconds",
    "closing.automatic",
    "closing.float",
    "printer.connection",
    "printer.width",
    "printer.automatic",
    "printer.drawer",
    "payment.address",
    "payment.port",
    "payment.register",
    "payment.wait-seconds",
];

/// The variable that stands for a key.
fn variable(key: &str) -> String {
    format!("{VARIABLES}{}", key.replace(['.', '-'], "_").to_uppercase())
}

/// Whether `text` could stand in the file `path`.
///
/// # Errors
/// [`ConfigError::Line`].
pub fn check(path: &Path, text: &str) -> Result<(), ConfigError> {
    File::parse(path, text).map(drop)
}

/// The file. Each value is checked where it is read, so that its line is known.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    data: Option<PathBuf>,
    reader: Option<String>,
    #[serde(deserialize_with = "loopback")]
    listen: Option<SocketAddr>,
    #[serde(deserialize_with = "loopback")]
    metrics: Option<SocketAddr>,
    #[serde(deserialize_with = "address")]
    region: Option<String>,
    region_authorities: Option<PathBuf>,
    #[serde(deserialize_with = "language")]
    language: Language,
    #[serde(deserialize_with = "seconds::<1, 600, _>")]
    card_wait_seconds: Duration,
    #[serde(deserialize_with = "exchange")]
    exchange: FileExchange,
    cashiers: FileCashiers,
    closing: FileClosing,
    printer: FilePrinter,
    payment: FilePayment,
}

#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct FilePayment {
    #[serde(deserialize_with = "host")]
    address: Option<String>,
    port: NonZero<u16>,
    #[serde(deserialize_with = "register")]
    register: Register,
    #[serde(deserialize_with = "seconds::<10, 600, _>")]
    wait_seconds: Duration,
}

impl Default for FilePayment {
    fn default() -> Self {
        let wait_seconds = Deadlines::default().answer;
        Self { address: None, port: DEFAULT_PORT, register: Register::FIRST, wait_seconds }
    }
}

impl FilePayment {
    fn settings(self) -> Option<PaymentSettings> {
        let Self { address, port, register, wait_seconds } = self;
        Some(PaymentSettings { address: address?, port: port.get(), register, patience: wait_seconds })
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct FileCashiers {
    #[serde(deserialize_with = "seconds::<60, 86_400, _>")]
    session_idle_seconds: Duration,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct FileClosing {
    #[serde(deserialize_with = "hour_or_never")]
    automatic: Option<TimeOfDay>,
    #[serde(deserialize_with = "euros")]
    float: Cents,
}

impl Default for FileClosing {
    fn default() -> Self {
        Self { automatic: Some(TimeOfDay(5 * 60)), float: Cents::ZERO }
    }
}

#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct FilePrinter {
    #[serde(deserialize_with = "connection")]
    connection: Option<Connection>,
    #[serde(deserialize_with = "paper_width")]
    width: Width,
    automatic: bool,
    drawer: bool,
}

impl Default for FilePrinter {
    fn default() -> Self {
        Self { connection: None, width: Width::ALL[1], automatic: true, drawer: true }
    }
}

impl FilePrinter {
    fn settings(self) -> PrinterSettings {
        let Self { connection, width, automatic, drawer } = self;
        PrinterSettings { connection, width, automatic, drawer }
    }
}

impl Default for FileCashiers {
    fn default() -> Self {
        Self { session_idle_seconds: Duration::from_secs(4 * 3600) }
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct FileExchange {
    #[serde(deserialize_with = "time_of_day")]
    window_from: TimeOfDay,
    #[serde(deserialize_with = "time_of_day")]
    window_to: TimeOfDay,
    #[serde(deserialize_with = "seconds::<10, 86_400, _>")]
    interval_min_seconds: Duration,
}

impl Default for File {
    fn default() -> Self {
        Self {
            data: None,
            reader: None,
            listen: None,
            metrics: None,
            region: None,
            region_authorities: None,
            language: Language::French,
            card_wait_seconds: json::WAIT_DEFAULT,
            exchange: FileExchange::default(),
            cashiers: FileCashiers::default(),
            closing: FileClosing::default(),
            printer: FilePrinter::default(),
            payment: FilePayment::default(),
        }
    }
}

impl Default for FileExchange {
    fn default() -> Self {
        Self {
            window_from: TimeOfDay(2 * 60),
            window_to: TimeOfDay(4 * 60),
            interval_min_seconds: Duration::from_secs(60),
        }
    }
}

impl FileExchange {
    const fn times(self) -> ExchangeTimes {
        ExchangeTimes {
            window_from: self.window_from,
            window_to: self.window_to,
            interval_min: self.interval_min_seconds,
        }
    }
}

impl File {
    /// `file`, as `text` gave it, with keys that stand elsewhere over it.
    fn overridden(file: Self, text: &str, overrides: Vec<Override>) -> Result<Self, ConfigError> {
        let mut file = file;
        let mut table: toml::Table = toml::from_str(text).unwrap_or_default();
        for Override { name, key, value } in overrides {
            let wrong = |why: &str| ConfigError::Override { name: name.clone(), why: why.trim_end().to_owned() };
            if !KEYS.contains(&key.as_str()) {
                return Err(wrong("there is no such key"));
            }
            // What the file writes as a string is written bare here.
            let as_text = with(&table, &key, toml::Value::String(value.clone()));
            let as_value = value.parse().ok().map(|value| with(&table, &key, value));
            let read = |table: &toml::Table| Self::deserialize(table.clone());
            let (next, read) = match (read(&as_text), as_value) {
                (Err(_), Some(other)) => (other.clone(), read(&other)),
                (first, _) => (as_text, first),
            };
            file = read.map_err(|error| wrong(error.message()))?;
            table = next;
        }
        Ok(file)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            let before = &text.as_bytes()[..at];
            let line = before.iter().filter(|byte| **byte == b'\n').count();
            ConfigError::Line {
                path: path.to_owned(),
                line: line + 1,
                text: text.lines().nth(line).unwrap_or_default().trim().to_owned(),
                why: error.message().trim_end_matches('.').replace('\n', ", "),
            }
        })
    }
}

/// The same table with this key in it.
fn with(table: &toml::Table, key: &str, value: toml::Value) -> toml::Table {
    let mut table = table.clone();
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((inner, key)) => {
            let inner = table.entry(inner).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if let Some(inner) = inner.as_table_mut() {
                inner.insert(key.to_owned(), value);
            }
        }
    }
    table
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let address = String::deserialize(deserializer)?;
    if address.starts_with("https://") || address.starts_with("http://") {
        return Ok(Some(address));
    }
    Err(de::Error::custom("an address begins with https://"))
}

fn host<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let host = String::deserialize(deserializer)?;
    let plain = |character: char| character.is_ascii_alphanumeric() || ".-".contains(character);
    let is_name = !host.is_empty() && host.chars().all(plain);
    if is_name || host.parse::<Ipv6Addr>().is_ok() {
        return Ok(Some(host));
    }
    Err(de::Error::custom("an address without its port, as 192.168.1.60; the port has a key of its own"))
}

fn register<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Register, D::Error> {
    let number = u8::deserialize(deserializer)?;
    Register::new(number).ok_or_else(|| de::Error::custom("a register is a number from 0 to 99"))
}

fn loopback<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let address = String::deserialize(deserializer)?;
    listen_address(&address).map(Some).map_err(de::Error::custom)
}

/// An address of this machine alone, with its port, as 127.0.0.1:8470.
///
/// # Errors
/// What is right, in one sentence.
pub fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "an address with its port, as 127.0.0.1:8470 or [::1]:8470".to_owned())?;
    LoopbackServer::check(address).map_err(|error| error.to_string())?;
    Ok(address)
}

fn language<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Language, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "fr" => Ok(Language::French),
        "en" => Ok(Language::English),
        _ => Err(de::Error::custom("the language is \"fr\" or \"en\"")),
    }
}

fn seconds<'de, const MIN: u64, const MAX: u64, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let seconds = u64::deserialize(deserializer)?;
    if (MIN..=MAX).contains(&seconds) {
        return Ok(Duration::from_secs(seconds));
    }
    Err(de::Error::custom(format_args!("a whole number of seconds, {MIN} to {MAX}")))
}

fn time_of_day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeOfDay, D::Error> {
    let text = String::deserialize(deserializer)?;
    TimeOfDay::parse(&text).ok_or_else(|| de::Error::custom("a time of the day is written \"02:00\""))
}

fn hour_or_never<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TimeOfDay>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text == "never" {
        return Ok(None);
    }
    TimeOfDay::parse(&text)
        .map(Some)
        .ok_or_else(|| de::Error::custom("a time of the day is written \"05:00\", or \"never\""))
}

fn connection<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Connection>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || de::Error::custom("a printer is \"tcp:HOST:9100\" or a device such as \"/dev/usb/lp0\"");
    Connection::parse(&text).map(Some).ok_or_else(wrong)
}

fn paper_width<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Width, D::Error> {
    Width::new(u8::deserialize(deserializer)?).ok_or_else(|| de::Error::custom("a line has 32, 42 or 48 characters"))
}

fn euros<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cents, D::Error> {
    Cents::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

fn exchange<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FileExchange, D::Error> {
    let exchange = FileExchange::deserialize(deserializer)?;
    if exchange.window_from == exchange.window_to {
        return Err(de::Error::custom("the window is empty: window-from and window-to are the same"));
    }
    Ok(exchange)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(data: Option<&str>, reader: Option<&str>) -> CommandLine {
        CommandLine { data: data.map(PathBuf::from), reader: reader.map(str::to_owned), ..CommandLine::default() }
    }

    fn resolve(text: &str) -> Result<Settings, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("terminal.toml");
        fs::write(&path, text).unwrap();
        Settings::resolve(Some(&path), over(Some("/data"), None))
    }

    #[test]
    fn the_shipped_file_says_the_defaults() {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/terminal.toml");
        let without = Settings::resolve(None, over(Some("/var/lib/pass-terminal"), None)).unwrap();
        assert_eq!(Settings::resolve(Some(&shipped), CommandLine::default()).unwrap(), without);
        assert_eq!(without.card_wait, Duration::from_secs(30));
        assert_eq!(without.exchange.window_from.to_string(), "02:00");
        assert_eq!(without.exchange.window_to.minutes(), 240);
        assert_eq!(without.socket(), Path::new("/var/lib/pass-terminal/socket"));
    }

    #[test]
    fn the_shipped_file_shows_every_key() {
        let shipped = include_str!("../../config/terminal.toml");
        // What serde expects, as it lists it in the message for a key that is unknown.
        for (table, wrong) in [
            ("", "unheard-of = 1"),
            ("exchange", "[exchange]\nunheard-of = 1"),
            ("cashiers", "[cashiers]\nunheard-of = 1"),
            ("closing", "[closing]\nunheard-of = 1"),
            ("printer", "[printer]\nunheard-of = 1"),
            ("payment", "[payment]\nunheard-of = 1"),
        ] {
            let message = resolve(wrong).unwrap_err().to_string();
            let (_, keys) = message.split_once("expected ").unwrap();
            let keys: Vec<_> = keys
                .split('`')
                .skip(1)
                .step_by(2)
                .filter(|key| !matches!(*key, "exchange" | "cashiers" | "closing" | "printer" | "payment"))
                .collect();
            assert!(!keys.is_empty(), "{table}: {message}");
            for key in keys {
                assert!(shipped.contains(&format!("{key} = ")), "{key}");
            }
        }
    }

    #[test]
    fn the_command_line_wins_and_a_relative_path_begins_at_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("terminal.toml");
        fs::write(&path, "data = \"here\"\nreader = \"ACR\"\n[exchange]\nwindow-from = \"23:30\"").unwrap();
        let file = Settings::resolve(Some(&path), CommandLine::default()).unwrap();
        assert_eq!((file.data, file.reader.as_deref()), (dir.path().join("here"), Some("ACR")));
        assert_eq!((file.exchange.window_from.minutes(), file.exchange.window_to.minutes()), (23 * 60 + 30, 240));
        let over = Settings::resolve(Some(&path), over(Some("there"), Some("SCM"))).unwrap();
        assert_eq!((over.data, over.reader.as_deref()), (PathBuf::from("there"), Some("SCM")));
    }

    #[test]
    fn an_error_names_its_line_and_key() {
        let table = [
            ("datta = \"/x\"", 1, "unknown field `datta`"),
            ("\nlanguage = \"de\"", 2, "the language is"),
            ("card-wait-seconds = 0", 1, "1 to 600"),
            ("[payment]\nregister = 100", 2, "from 0 to 99"),
            ("[payment]\naddress = \"192.168.1.60/pay\"", 2, "without its port"),
            ("[payment]\naddress = \"192.168.1.60:8888\"", 2, "without its port"),
            ("[payment]\naddress = \"\"", 2, "without its port"),
            ("[payment]\nport = 0", 2, "invalid value"),
            ("card-wait-seconds = -5", 1, "invalid value"),
            ("card-wait-seconds = \"30\"", 1, "invalid type"),
            ("region = \"pass.example\"", 1, "https://"),
            ("listen = \"8470\"", 1, "with its port"),
            ("listen = \"0.0.0.0:8470\"", 1, "no address of this machine alone"),
            ("metrics = \"0.0.0.0:9470\"", 1, "no address of this machine alone"),
            ("listen = \"127.0.0.2:8470\"", 1, "no address of this machine alone"),
            ("listen = \"[::ffff:127.0.0.1]:8470\"", 1, "no address of this machine alone"),
            ("[exchange]\nwindow-from = \"2:00\"", 2, "\"02:00\""),
            ("[exchange]\n\nwindow-to = \"24:00\"", 3, "\"02:00\""),
            ("[exchange]\ninterval-min-seconds = 9", 2, "10 to 86400"),
            ("[exchange]\nwindow-from = \"04:00\"", 1, "the window is empty"),
            ("language = \"fr\"\nlanguage = \"fr\"", 2, "duplicate key"),
            ("language = ", 1, ""),
        ];
        for (text, expected_line, expected) in table {
            match resolve(text).unwrap_err() {
                ConfigError::Line { line, text: shown, why, .. } => {
                    assert_eq!(line, expected_line, "{text}: {why}");
                    assert!(why.contains(expected), "{text}: {why}");
                    assert_eq!(shown, text.lines().nth(line - 1).unwrap().trim());
                }
                other => panic!("{text}: {other}"),
            }
        }
    }

    #[test]
    fn the_list_of_keys_is_that_of_the_file_and_each_has_its_variable_there() {
        let shipped = include_str!("../../config/terminal.toml");
        let mut table = "";
        let mut shown = Vec::new();
        for line in shipped.lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                table = name;
            }
            let bare = line.strip_prefix("# ").unwrap_or(line);
            let Some((key, _)) = bare.split_once(" = ") else { continue };
            if key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') {
                shown.push(if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") });
            }
        }
        shown.dedup();
        assert_eq!(shown, KEYS);
        assert!(shipped.contains("PASS_TERMINAL_PRINTER_WIDTH") && shipped.contains("--set printer.width=48"));
    }

    #[test]
    fn the_environment_is_over_the_file_and_the_command_line_over_both() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("terminal.toml");
        fs::write(&path, "language = \"fr\"\nreader = \"ACR\"\n[printer]\nwidth = 32\n").unwrap();
        let environment = [
            ("PASS_TERMINAL_LANGUAGE", "en"),
            ("PASS_TERMINAL_CARD_WAIT_SECONDS", "45"),
            ("PASS_TERMINAL_READER", "1252"),
            ("PASS_TERMINAL_EXCHANGE_WINDOW_FROM", "01:00"),
            ("PASS_TERMINAL_PRINTER_AUTOMATIC", "false"),
            ("PASS_TERMINAL_CONFIG", "elsewhere"),
            ("PASS_REGION_DATA", "region"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut overrides = Override::of_environment(environment);
        overrides.push(Override::parse("card-wait-seconds=50").unwrap());
        let line = CommandLine { overrides, ..over(Some("/data"), None) };
        let settings = Settings::resolve(Some(&path), line).unwrap();
        assert_eq!((settings.language, settings.card_wait), (Language::English, Duration::from_secs(50)));
        assert_eq!(settings.reader.as_deref(), Some("1252"), "what is text may look like a number");
        assert_eq!(settings.exchange.window_from.minutes(), 60);
        assert_eq!((settings.printer.automatic, settings.printer.width), (false, Width::ALL[0]));
    }

    #[test]
    fn what_is_wrong_elsewhere_is_named_as_it_was_written() {
        for (name, value, why) in [
            ("PASS_TERMINAL_LANGUAGE", "de", "the language is"),
            ("PASS_TERMINAL_CARD_WAIT_SECONDS", "0", "1 to 600"),
            ("PASS_TERMINAL_LISTEN", "0.0.0.0:8470", "no address of this machine alone"),
            ("PASS_TERMINAL_PRINTER_WIDHT", "42", "no such key"),
        ] {
            let overrides = Override::of_environment([(name.to_owned(), value.to_owned())]);
            let error = Settings::resolve(None, CommandLine { overrides, ..over(Some("/data"), None) }).unwrap_err();
            assert!(error.to_string().starts_with(name) && error.to_string().contains(why), "{error}");
        }
        assert!(Override::parse("printer.width").is_err());
        let overrides = vec![Override::parse("printer.height=1").unwrap()];
        let error = Settings::resolve(None, CommandLine { overrides, ..over(Some("/data"), None) }).unwrap_err();
        assert_eq!(error.to_string(), "--set printer.height: there is no such key");
    }

    #[test]
    fn a_directory_is_needed() {
        assert!(matches!(Settings::resolve(None, CommandLine::default()), Err(ConfigError::NoData)));
        let nowhere = Path::new("/nonexistent/terminal.toml");
        assert!(matches!(Settings::resolve(Some(nowhere), CommandLine::default()), Err(ConfigError::Read { .. })));
    }
}
