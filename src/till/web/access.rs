//! Who may use the local API over loopback: programs with a token, and pages that were opened with a code.
//!
//! What always holds:
//! - Secrets are 256 random bits and are told once. Kept is their SHA-256: nothing is gained by a slow hash where there is nothing to guess.
//! - A page is opened with a code that somebody got who may reach the Unix socket. A code works once and for five minutes. So the page sells for whom the
//!   socket sells, and not for every user of the machine.
//! - An opened page stays so over restarts of the daemon, until it is removed from the list. It has two secrets: a cookie that its scripts cannot read, and a
//!   proof that its scripts send and other ports of the machine, which get the cookie too, never see.
//! - A till that is removed is refused from the next request on.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::crypto::{self, sha256};
use crate::whole_file;

/// How many tills there may be, pages not counted.
const PROGRAMS_MAX: usize = 16;
/// How many pages may be open; the oldest one makes room.
const PAGES_MAX: usize = 8;
/// The longest name of a till, in characters.
const NAME_CHARACTERS_MAX: usize = 40;
/// How long an opening code works.
const CODE_LIFE: Duration = Duration::from_secs(5 * 60);
/// How many opening codes wait to be used.
const CODES_MAX: usize = 4;
/// How many wrong opening codes are looked at in a minute.
const ATTEMPTS_MAX: usize = 10;
/// The time in which these are counted.
const ATTEMPTS_TIME: Duration = Duration::from_secs(60);
/// The largest list: many times what all tills need.
const FILE_BYTES_MAX: usize = 64 * 1024;

/// A secret of 256 random bits, as it travels: 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    fn fresh() -> Result<Self, AccessError> {
        let bytes: [u8; 32] = crypto::random().map_err(|_| AccessError::NoRandomness)?;
        Ok(Self(hex::encode(bytes)))
    }

    /// Its digits.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// SHA-256 of a secret, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Digest(String);

impl Digest {
    fn of(secret: &str) -> Self {
        Self(hex::encode(sha256(secret.as_bytes())))
    }
}

/// What a till is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TillKind {
    /// A program with a token.
    Program,
    /// The terminal's page in a browser.
    Page,
}

impl TillKind {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Program => "program",
            Self::Page => "page",
        }
    }
}

/// A till of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownTill {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: TillKind,
}

/// A till as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    name: String,
    /// Of a program's token, or of a page's cookie.
    secret: Digest,
    /// Of a page's proof; a program has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proof: Option<Digest>,
}

impl Kept {
    const fn kind(&self) -> TillKind {
        if self.proof.is_some() { TillKind::Page } else { TillKind::Program }
    }
}

/// Why a till is not added, opened or removed.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The name is taken, is no name, or there are as many tills as can be.
    #[error("the name is taken, or is no name, or there are too many tills")]
    Refused,
    /// There is no such till.
    #[error("there is no till with this name")]
    Unknown,
    /// The code never was, was used, or is too old.
    #[error("the opening code is not, or no longer, good")]
    Code,
    /// Too many wrong codes in a minute.
    #[error("too many wrong opening codes")]
    TooManyAttempts,
    /// The daemon has no page.
    #[error("the terminal runs without a page")]
    PageOff,
    /// The system gives no random bytes.
    #[error("the system gives no random numbers")]
    NoRandomness,
    /// The list cannot be written or read.
    #[error("the list of tills {}: {why}", path.display())]
    File {
        /// The list.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// An opened page: what its browser is given.
#[derive(Clone, Debug)]
pub(in crate::till) struct OpenedPage {
    pub(in crate::till) cookie: Secret,
    pub(in crate::till) proof: Secret,
}

/// Codes that were given out, and wrong ones that came back.
#[derive(Debug, Default)]
struct Codes {
    waiting: VecDeque<(Digest, Instant)>,
    wrong: VecDeque<Instant>,
}

/// Who may use the local API over loopback.
#[derive(Debug)]
pub struct Access {
    path: PathBuf,
    page: Option<SocketAddr>,
    tills: Mutex<Vec<Kept>>,
    codes: Mutex<Codes>,
}

impl Access {
    /// Reads the list in `path`, which need not be there; the page listens on `page`, if it does.
    ///
    /// # Errors
    /// [`AccessError::File`].
    pub fn open(path: PathBuf, page: Option<SocketAddr>) -> Result<Self, AccessError> {
        let wrong = |why: String| AccessError::File { path: path.clone(), why };
        let tills = match whole_file::read(&path, FILE_BYTES_MAX) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(wrong(error.to_string())),
        };
        Ok(Self { path, page, tills: Mutex::new(tills), codes: Mutex::default() })
    }

    /// Where the page listens.
    pub const fn page(&self) -> Option<SocketAddr> {
        self.page
    }

    /// The tills, oldest first.
    pub fn tills(&self) -> Vec<KnownTill> {
        lock(&self.tills).iter().map(|till| KnownTill { name: till.name.clone(), kind: till.kind() }).collect()
    }

    /// Adds a program; its token is told here and never again.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn add(&self, name: &str) -> Result<Secret, AccessError> {
        let token = Secret::fresh()?;
        let mut tills = lock(&self.tills);
        let named = !name.is_empty()
            && name.chars().count() <= NAME_CHARACTERS_MAX
            && name.chars().all(|character| character.is_ascii_alphanumeric() || "-_.".contains(character));
        let taken = tills.iter().any(|till| till.name == name);
        let programs = tills.iter().filter(|till| till.kind() == TillKind::Program).count();
        if !named || taken || programs >= PROGRAMS_MAX {
            return Err(AccessError::Refused);
        }
        let mut more = tills.clone();
        more.push(Kept { name: name.to_owned(), secret: Digest::of(token.reveal()), proof: None });
        self.keep(&mut tills, more)?;
        Ok(token)
    }

    /// Removes a till: what it knows works no longer.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn remove(&self, name: &str) -> Result<(), AccessError> {
        let mut tills = lock(&self.tills);
        let left: Vec<_> = tills.iter().filter(|till| till.name != name).cloned().collect();
        if left.len() == tills.len() {
            return Err(AccessError::Unknown);
        }
        self.keep(&mut tills, left)
    }

    /// A code that opens a page, once, within five minutes; and the address to open.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn invite(&self) -> Result<String, AccessError> {
        let page = self.page.ok_or(AccessError::PageOff)?;
        let code = Secret::fresh()?;
        let mut codes = lock(&self.codes);
        if codes.waiting.len() == CODES_MAX {
            codes.waiting.pop_front();
        }
        codes.waiting.push_back((Digest::of(code.reveal()), Instant::now()));
        // Behind the `#`, where no browser sends it to a server and no server logs it.
        Ok(format!("http://{page}/#code={}", code.reveal()))
    }

    /// Opens a page for whoever brings a code.
    ///
    /// # Errors
    /// [`AccessError`].
    pub(in crate::till) fn open_page(&self, code: &str) -> Result<OpenedPage, AccessError> {
        self.use_code(&Digest::of(code))?;
        let opened = OpenedPage { cookie: Secret::fresh()?, proof: Secret::fresh()? };
        let mut tills = lock(&self.tills);
        let mut more = tills.clone();
        let mut pages = more.iter().filter(|till| till.kind() == TillKind::Page);
        if pages.clone().count() >= PAGES_MAX
            && let Some(oldest) = pages.next().map(|till| till.name.clone())
        {
            more.retain(|till| till.name != oldest);
        }
        let free = |name: &String| more.iter().all(|till| till.name != *name);
        let name = (1..).map(|number| format!("page-{number}")).find(free).ok_or(AccessError::Refused)?;
        let (secret, proof) = (Digest::of(opened.cookie.reveal()), Digest::of(opened.proof.reveal()));
        more.push(Kept { name, secret, proof: Some(proof) });
        self.keep(&mut tills, more)?;
        Ok(opened)
    }

    fn use_code(&self, code: &Digest) -> Result<(), AccessError> {
        let mut codes = lock(&self.codes);
        codes.wrong.retain(|wrong| wrong.elapsed() < ATTEMPTS_TIME);
        if codes.wrong.len() >= ATTEMPTS_MAX {
            return Err(AccessError::TooManyAttempts);
        }
        codes.waiting.retain(|(_, given)| given.elapsed() < CODE_LIFE);
        match codes.waiting.iter().position(|(waiting, _)| waiting == code) {
            Some(at) => {
                codes.waiting.remove(at);
                Ok(())
            }
            None => {
                codes.wrong.push_back(Instant::now());
                Err(AccessError::Code)
            }
        }
    }

    /// Whether this is the token of a program.
    pub(in crate::till) fn is_token(&self, token: &str) -> bool {
        let digest = Digest::of(token);
        lock(&self.tills).iter().any(|till| till.kind() == TillKind::Program && till.secret == digest)
    }

    /// Whether these are the cookie and the proof of a page: nothing when the cookie is no page's.
    pub(in crate::till) fn is_page(&self, cookie: &str, proof: Option<&str>) -> Option<bool> {
        let (secret, proof) = (Digest::of(cookie), proof.map(Digest::of));
        let tills = lock(&self.tills);
        let page = tills.iter().find(|till| till.kind() == TillKind::Page && till.secret == secret)?;
        Some(page.proof == proof)
    }

    fn keep(&self, tills: &mut Vec<Kept>, changed: Vec<Kept>) -> Result<(), AccessError> {
        let wrong = |why: String| AccessError::File { path: self.path.clone(), why };
        let text = serde_json::to_vec_pretty(&changed).map_err(|error| wrong(error.to_string()))?;
        whole_file::write(&self.path, whole_file::PRIVATE, &text).map_err(|error| wrong(error.to_string()))?;
        *tills = changed;
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(dir: &tempfile::TempDir) -> Access {
        Access::open(dir.path().join("tills.json"), Some(SocketAddr::from(([127, 0, 0, 1], 8470)))).unwrap()
    }

    fn code(access: &Access) -> String {
        access.invite().unwrap().split_once("#code=").unwrap().1.to_owned()
    }

    #[test]
    fn a_token_is_told_once_kept_hashed_and_gone_when_it_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let token = access(&dir).add("guichet-1").unwrap();
        assert_eq!(token.reveal().len(), 64);
        let kept = std::fs::read_to_string(dir.path().join("tills.json")).unwrap();
        assert!(!kept.contains(token.reveal()) && kept.contains("guichet-1"), "{kept}");
        let again = access(&dir);
        assert!(again.is_token(token.reveal()) && !again.is_token("") && !again.is_token(&"0".repeat(64)));
        for refused in ["guichet-1", "", "a b", "../x", &"x".repeat(41)] {
            assert!(matches!(again.add(refused), Err(AccessError::Refused)), "{refused}");
        }
        again.remove("guichet-1").unwrap();
        assert!(!again.is_token(token.reveal()));
        assert!(matches!(again.remove("guichet-1"), Err(AccessError::Unknown)));
    }

    #[test]
    fn a_code_opens_one_page_which_needs_both_of_its_secrets_and_outlives_the_daemon() {
        let dir = tempfile::tempdir().unwrap();
        let first = access(&dir);
        let code = code(&first);
        let page = first.open_page(&code).unwrap();
        assert!(matches!(first.open_page(&code), Err(AccessError::Code)));
        let restarted = access(&dir);
        let (cookie, proof) = (page.cookie.reveal(), page.proof.reveal());
        assert_eq!(restarted.is_page(cookie, Some(proof)), Some(true));
        assert_eq!(restarted.is_page(cookie, Some(cookie)), Some(false));
        assert_eq!(restarted.is_page(cookie, None), Some(false));
        assert_eq!(restarted.is_page(proof, Some(proof)), None);
        assert!(!restarted.is_token(cookie), "a page's secret is no token");
        assert_eq!(restarted.tills(), [KnownTill { name: "page-1".to_owned(), kind: TillKind::Page }]);
    }

    #[test]
    fn the_ninth_page_closes_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let access = access(&dir);
        let pages: Vec<_> = (0..9).map(|_| access.open_page(&code(&access)).unwrap()).collect();
        let good = |page: &OpenedPage| access.is_page(page.cookie.reveal(), Some(page.proof.reveal())).is_some();
        assert_eq!(pages.iter().map(good).collect::<Vec<_>>(), [vec![false], vec![true; 8]].concat());
    }

    #[test]
    fn codes_cannot_be_tried_out() {
        let dir = tempfile::tempdir().unwrap();
        let access = access(&dir);
        let good = code(&access);
        for _ in 0..ATTEMPTS_MAX {
            assert!(matches!(access.open_page("guess"), Err(AccessError::Code)));
        }
        assert!(matches!(access.open_page(&good), Err(AccessError::TooManyAttempts)));
    }
}
