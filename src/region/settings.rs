//! How the server serves, as people write it: TOML, every key known, every value checked. The shipped file is `config/region.toml`.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::config::{ConfigError, parse};
use super::error::RegionError;
use super::holders::post::{MailSettings, MailTls};

/// The requests of one token, and of one address, in a minute, where nothing else is said.
const TOKEN_REQUESTS: u32 = 600;
const ADDRESS_REQUESTS: u32 = 60;
/// The messages of terminals from one address in a minute: many counters may stand behind one, and each of them sends several in a row.
const ADDRESS_MESSAGES: u32 = 1200;

/// What the network lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiSettings {
    /// Requests a minute of one token.
    pub token_requests_per_minute: u32,
    /// Requests a minute of one address.
    pub address_requests_per_minute: u32,
    /// Messages of terminals a minute from one address.
    pub address_messages_per_minute: u32,
    /// Proxies that are believed when they say whom they speak for.
    pub proxies: Vec<IpAddr>,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            token_requests_per_minute: TOKEN_REQUESTS,
            address_requests_per_minute: ADDRESS_REQUESTS,
            address_messages_per_minute: ADDRESS_MESSAGES,
            proxies: Vec::new(),
        }
    }
}

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where to listen.
    pub listen: Option<String>,
    /// Certificate and key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Where to tell the metrics; nowhere when it is absent.
    pub metrics: Option<String>,
    /// What the desk's API lets in.
    pub api: ApiSettings,
    /// How mails are sent; not at all when it is absent.
    pub mail: Option<MailSettings>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct SettingsText {
    server: ServerText,
    api: ApiText,
    mail: Option<MailText>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct ServerText {
    listen: Option<String>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    metrics: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct ApiText {
    token_requests_per_minute: Option<u32>,
    address_requests_per_minute: Option<u32>,
    address_messages_per_minute: Option<u32>,
    proxies: Vec<IpAddr>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct MailText {
    host: String,
    port: u16,
    tls: TlsText,
    ca: Option<PathBuf>,
    username: Option<String>,
    password_file: Option<PathBuf>,
    from: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum TlsText {
    None,
    StartTls,
    Implicit,
}

impl Settings {
    /// Reads the file at `path`, and the password that it names.
    ///
    /// # Errors
    /// [`RegionError::NoFile`], [`RegionError::Io`], [`RegionError::Config`].
    pub fn read(path: &Path) -> Result<Self, RegionError> {
        let text = read(path)?;
        let wrong = |error| RegionError::Config { file: path.display().to_string(), error };
        let file: SettingsText = parse(&text).map_err(wrong)?;
        let problem = |what: &str| wrong(ConfigError { line: None, what: what.to_owned() });
        let tls = match (file.server.tls_cert, file.server.tls_key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(problem("tls-cert and tls-key belong together")),
        };
        let api = ApiSettings {
            token_requests_per_minute: file.api.token_requests_per_minute.unwrap_or(TOKEN_REQUESTS),
            address_requests_per_minute: file.api.address_requests_per_minute.unwrap_or(ADDRESS_REQUESTS),
            address_messages_per_minute: file.api.address_messages_per_minute.unwrap_or(ADDRESS_MESSAGES),
            proxies: file.api.proxies,
        };
        let limits = [api.token_requests_per_minute, api.address_requests_per_minute, api.address_messages_per_minute];
        if limits.contains(&0) {
            return Err(problem("a limit of 0 requests lets nobody in"));
        }
        let mail = file.mail.map(|mail| mail.settings(&problem)).transpose()?;
        Ok(Self { listen: file.server.listen, tls, metrics: file.server.metrics, api, mail })
    }
}

impl MailText {
    fn settings(self, problem: &impl Fn(&str) -> RegionError) -> Result<MailSettings, RegionError> {
        let login = match (self.username, self.password_file) {
            (Some(name), Some(file)) => {
                let password = read(&file)?;
                Some((name, password.lines().next().unwrap_or_default().to_owned()))
            }
            (None, None) => None,
            _ => return Err(problem("username and password-file belong together")),
        };
        let tls = match self.tls {
            TlsText::None => MailTls::None,
            TlsText::StartTls => MailTls::StartTls,
            TlsText::Implicit => MailTls::Implicit,
        };
        if login.is_some() && tls == MailTls::None {
            return Err(problem("a password is not sent without TLS"));
        }
        Ok(MailSettings { host: self.host, port: self.port, tls, ca: self.ca, login, from: self.from })
    }
}

fn read(path: &Path) -> Result<String, RegionError> {
    fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => RegionError::NoFile(path.to_owned()),
        _ => RegionError::Io { path: path.to_owned(), error },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../config/region.toml");

    fn said(text: &str) -> Result<Settings, RegionError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("region.toml");
        fs::write(&path, text).unwrap();
        Settings::read(&path)
    }

    #[test]
    fn the_shipped_file_is_what_holds_without_it() {
        let settings = said(SHIPPED).unwrap();
        assert_eq!(settings.listen.as_deref(), Some("127.0.0.1:8443"));
        assert_eq!((settings.api, settings.mail, settings.tls), (ApiSettings::default(), None, None));
    }

    #[test]
    fn the_part_about_mail_is_right_once_its_marks_are_taken_away() {
        let keys = ["[mail]", "host", "port", "tls = ", "from"];
        let uncommented = SHIPPED.lines().map(|line| match line.strip_prefix("# ") {
            Some(rest) if keys.iter().any(|key| rest.starts_with(key)) => rest,
            _ => line,
        });
        let mail = said(&uncommented.collect::<Vec<_>>().join("\n")).unwrap().mail.unwrap();
        assert_eq!((mail.port, mail.tls, mail.login), (587, MailTls::StartTls, None));
    }

    #[test]
    fn what_is_wrong_is_refused() {
        let mail = "[mail]\nhost = \"h\"\nport = 25\nfrom = \"a@b.test\"\n";
        for wrong in [
            "[server]\nlisten-on = \"x\"".to_owned(),
            "[server]\ntls-cert = \"x\"".to_owned(),
            "[api]\ntoken-requests-per-minute = 0".to_owned(),
            "[api]\nproxies = [\"proxy\"]".to_owned(),
            format!("{mail}tls = \"ssl\""),
            format!("{mail}tls = \"starttls\"\nusername = \"x\""),
            format!("{mail}tls = \"none\"\nusername = \"x\"\npassword-file = \"/dev/null\""),
        ] {
            assert!(matches!(said(&wrong), Err(RegionError::Config { .. })), "{wrong}");
        }
    }
}
