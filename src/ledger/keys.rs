//! The terminal's two private keys: made on this machine, in files of the service's user alone, never anywhere else.
//!
//! They can be changed: the next pair has the next number, `entry-2.pk8` and `card-2.pk8`, and the ledger goes over to the newest pair that is there
//! ([`Ledger::open_with`](super::Ledger::open_with)). Former ones are kept as long as nobody erases them: a ledger that was put back from before the change was
//! signed with one, and cards are opened with the former card key until the region has certified the new one.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::crypto::{CryptoError, Ed25519Key, Ed25519PublicKey, P256Key};
use crate::domain::card::PublicKey;

/// Where systemd puts what `LoadCredential=` and `LoadCredentialEncrypted=` give a service (systemd.exec(5)).
const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";
/// What the files of the two keys are called, in the terminal's directory and among the credentials: `entry.pk8`, then `entry-2.pk8`...
const ENTRY: &str = "entry";
const CARD: &str = "card";
/// The number of the pair that the enrolment makes.
const FIRST: u32 = 1;

/// The Ed25519 key of entries and requests, and the P-256 key that cards check: the newest of each, and those before.
#[derive(Debug)]
pub struct TerminalKeys {
    /// Signs entries and exchange requests.
    pub entry: Ed25519Key,
    /// Signs what cards are asked, once the region has certified it.
    pub card: P256Key,
    /// Each with its number, in order.
    former_entry: Vec<(u32, Ed25519Key)>,
    former_card: Vec<(u32, P256Key)>,
}

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others can read a key file.
    #[error("{}: other users can read this private key; run « chmod 600 {} »", .0.display(), .0.display())]
    Exposed(PathBuf),
    /// A file does not hold a key.
    #[error("{}: {source}", path.display())]
    Key {
        /// Which.
        path: PathBuf,
        /// Why.
        source: CryptoError,
    },
    /// A key cannot be made.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

fn directory(data: &Path) -> PathBuf {
    data.join("keys")
}

fn file_name(kind: &str, number: u32) -> String {
    if number == FIRST { format!("{kind}.pk8") } else { format!("{kind}-{number}.pk8") }
}

/// The number of the key in a file of this name, if it is one of this kind.
fn number_of(name: &OsStr, kind: &str) -> Option<u32> {
    let middle = name.to_str()?.strip_prefix(kind)?.strip_suffix(".pk8")?;
    if middle.is_empty() {
        return Some(FIRST);
    }
    let number = middle.strip_prefix('-')?.parse().ok().filter(|number| *number > FIRST)?;
    (file_name(kind, number) == name.to_str()?).then_some(number)
}

/// The numbers of the keys of a kind in a directory, which need not be there.
fn numbers_in(directory: &Path, kind: &str) -> Result<Vec<u32>, KeysError> {
    let file_error = |source| KeysError::File { path: directory.to_owned(), source };
    let listed = match fs::read_dir(directory) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(file_error(error)),
    };
    let names = listed.map(|entry| entry.map(|entry| entry.file_name()).map_err(file_error));
    let numbers = names.filter_map(|name| name.map(|name| number_of(&name, kind)).transpose());
    numbers.collect()
}

/// Where a terminal's keys are.
struct Places<'a> {
    directory: PathBuf,
    credentials: Option<&'a Path>,
}

impl Places<'_> {
    /// The numbers of all keys of a kind, in order. There should always be the first: where there is none, whoever reads it says so.
    fn numbers(&self, kind: &str) -> Result<Vec<u32>, KeysError> {
        let mut numbers = numbers_in(&self.directory, kind)?;
        if let Some(credentials) = self.credentials {
            numbers.extend(numbers_in(credentials, kind)?);
        }
        if numbers.is_empty() {
            numbers.push(FIRST);
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    fn read<K>(
        &self,
        kind: &str,
        number: u32,
        parse: impl Fn(&[u8]) -> Result<K, CryptoError>,
    ) -> Result<K, KeysError> {
        let name = file_name(kind, number);
        match self.credentials.map(|credentials| credentials.join(&name)).filter(|path| path.exists()) {
            Some(path) => parsed(&path, parse),
            None => read(&self.directory.join(name), parse),
        }
    }

    /// The number of the newest pair. Of a pair the card's key is made first: what is there without the other was not finished.
    fn newest(&self) -> Result<u32, KeysError> {
        Ok(self.numbers(ENTRY)?.last().copied().unwrap_or(FIRST))
    }

    fn load(&self) -> Result<TerminalKeys, KeysError> {
        let newest = self.newest()?;
        let former = |kind| Ok::<_, KeysError>(self.numbers(kind)?.into_iter().filter(move |number| *number < newest));
        let former_entry = former(ENTRY)?.map(|number| Ok((number, self.read(ENTRY, number, Ed25519Key::from_pkcs8)?)));
        let former_card = former(CARD)?.map(|number| Ok((number, self.read(CARD, number, P256Key::from_pkcs8)?)));
        Ok(TerminalKeys {
            entry: self.read(ENTRY, newest, Ed25519Key::from_pkcs8)?,
            card: self.read(CARD, newest, P256Key::from_pkcs8)?,
            former_entry: former_entry.collect::<Result<_, KeysError>>()?,
            former_card: former_card.collect::<Result<_, KeysError>>()?,
        })
    }
}

impl TerminalKeys {
    /// These two, and none before.
    pub const fn new(entry: Ed25519Key, card: P256Key) -> Self {
        Self { entry, card, former_entry: Vec::new(), former_card: Vec::new() }
    }

    /// Reads the keys of an enrolled terminal: each from the service's credentials where it is among them, which are for it alone, and from its file otherwise.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn load(data: &Path) -> Result<Self, KeysError> {
        let credentials = std::env::var_os(CREDENTIALS_VARIABLE).map(PathBuf::from);
        Self::load_with(data, credentials.as_deref())
    }

    fn load_with(data: &Path, credentials: Option<&Path>) -> Result<Self, KeysError> {
        Places { directory: directory(data), credentials }.load()
    }

    /// Reads the keys, or makes those that are not there: an enrolment whose answer was lost is asked for again with the same keys.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn load_or_generate(data: &Path) -> Result<Self, KeysError> {
        make_pair(&directory(data), FIRST)?;
        Self::load(data)
    }

    /// Makes the next pair, durably, and says which number it has. The ledger goes over to it when it is opened next.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn make_next(data: &Path) -> Result<u32, KeysError> {
        let credentials = std::env::var_os(CREDENTIALS_VARIABLE).map(PathBuf::from);
        let places = Places { directory: directory(data), credentials: credentials.as_deref() };
        let next = places.newest()?.saturating_add(1);
        make_pair(&places.directory, next)?;
        Ok(next)
    }

    /// The private half of `public`, among all card keys that are there.
    pub fn card_for(&self, public: &PublicKey) -> Option<&P256Key> {
        std::iter::once(&self.card)
            .chain(self.former_card.iter().map(|(_, key)| key))
            .find(|key| key.public_key() == *public)
    }

    /// The private half of `public`, among all entry keys that are there.
    pub fn entry_for(&self, public: &Ed25519PublicKey) -> Option<&Ed25519Key> {
        std::iter::once(&self.entry)
            .chain(self.former_entry.iter().map(|(_, key)| key))
            .find(|key| key.public_key() == *public)
    }

    /// The key that signs for a ledger whose key is `public`, and the newer pairs, in order: none is passed over, because the region may know the one between, and
    /// nothing but that names its successor.
    pub(super) fn signer(self, public: &Ed25519PublicKey) -> Option<Signer> {
        if self.entry.public_key() == *public {
            return Some(Signer { key: self.entry, newer: Vec::new() });
        }
        let mut entries = self.former_entry.into_iter();
        let (of, key) = entries.find(|(_, key)| key.public_key() == *public)?;
        let mut cards = self.former_card.into_iter().filter(|(number, _)| *number > of).peekable();
        let mut newer = Vec::new();
        for (number, entry) in entries {
            while cards.next_if(|(card, _)| *card < number).is_some() {}
            newer.extend(cards.next_if(|(card, _)| *card == number).map(|(_, card)| (entry, card)));
        }
        newer.push((self.entry, self.card));
        Some(Signer { key, newer })
    }
}

/// What a ledger is opened with.
pub(super) struct Signer {
    /// Signs as long as nothing has changed.
    pub(super) key: Ed25519Key,
    /// What is to be in its place, one after the other.
    pub(super) newer: Vec<(Ed25519Key, P256Key)>,
}

/// Makes what is not there of a pair, the card's key first.
fn make_pair(directory: &Path, number: u32) -> Result<(), KeysError> {
    let file_error = |source| KeysError::File { path: directory.to_owned(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(file_error)?;
    for (kind, generate) in [(CARD, card_pkcs8 as fn() -> Result<Vec<u8>, CryptoError>), (ENTRY, entry_pkcs8)] {
        let path = directory.join(file_name(kind, number));
        if !path.exists() {
            write_new(&path, &generate()?).map_err(|source| KeysError::File { path: path.clone(), source })?;
        }
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(file_error)?;
    }
    Ok(())
}

fn entry_pkcs8() -> Result<Vec<u8>, CryptoError> {
    Ed25519Key::generate().map(|(_, pkcs8)| pkcs8)
}

fn card_pkcs8() -> Result<Vec<u8>, CryptoError> {
    P256Key::generate().map(|(_, pkcs8)| pkcs8)
}

/// Writes beside and renames, so that a power cut leaves a whole key or none.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(beside, path)
}

fn read<K>(path: &Path, parse: impl Fn(&[u8]) -> Result<K, CryptoError>) -> Result<K, KeysError> {
    let file_error = |source| KeysError::File { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(file_error)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(KeysError::Exposed(path.to_owned()));
    }
    parsed(path, parse)
}

fn parsed<K>(path: &Path, parse: impl Fn(&[u8]) -> Result<K, CryptoError>) -> Result<K, KeysError> {
    let bytes = fs::read(path).map_err(|source| KeysError::File { path: path.to_owned(), source })?;
    parse(&bytes).map_err(|source| KeysError::Key { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry_path(data: &Path) -> PathBuf {
        directory(data).join(file_name(ENTRY, FIRST))
    }

    fn card_path(data: &Path) -> PathBuf {
        directory(data).join(file_name(CARD, FIRST))
    }

    #[test]
    fn the_newest_pair_counts_and_those_before_are_still_found() {
        let data = tempfile::tempdir().unwrap();
        let first = TerminalKeys::load_or_generate(data.path()).unwrap();
        assert_eq!(TerminalKeys::make_next(data.path()).unwrap(), 2);
        assert_eq!(TerminalKeys::make_next(data.path()).unwrap(), 3);
        let keys = TerminalKeys::load(data.path()).unwrap();
        assert_ne!(keys.entry.public_key(), first.entry.public_key());
        assert!(keys.card_for(&first.card.public_key()).is_some() && keys.card_for(&keys.card.public_key()).is_some());
        assert!(keys.entry_for(&first.entry.public_key()).is_some());
        let (newest, public) = (keys.entry.public_key(), first.entry.public_key());
        let signer = keys.signer(&public).unwrap();
        assert_eq!(signer.key.public_key(), public);
        let newer: Vec<_> = signer.newer.iter().map(|(entry, _)| entry.public_key()).collect();
        assert_eq!((newer.len(), newer.last()), (2, Some(&newest)), "one after the other");
        // The first pair is erased, once nothing needs it.
        fs::remove_file(entry_path(data.path())).unwrap();
        fs::remove_file(card_path(data.path())).unwrap();
        assert_eq!(TerminalKeys::load(data.path()).unwrap().entry.public_key(), newest);
        assert!(TerminalKeys::load(data.path()).unwrap().signer(&public).is_none());
    }

    #[test]
    fn a_pair_that_was_not_finished_does_not_count() {
        let data = tempfile::tempdir().unwrap();
        let first = TerminalKeys::load_or_generate(data.path()).unwrap();
        TerminalKeys::make_next(data.path()).unwrap();
        fs::remove_file(directory(data.path()).join("entry-2.pk8")).unwrap();
        let keys = TerminalKeys::load(data.path()).unwrap();
        assert_eq!(keys.entry.public_key(), first.entry.public_key());
        assert_eq!(keys.card.public_key(), first.card.public_key());
        assert_eq!(TerminalKeys::make_next(data.path()).unwrap(), 2, "it is finished");
        fs::remove_file(directory(data.path()).join("card-2.pk8")).unwrap();
        let error = TerminalKeys::load(data.path()).unwrap_err().to_string();
        assert!(error.contains("card-2.pk8"), "{error}");
    }

    #[test]
    fn only_names_of_keys_are_keys() {
        for (name, number) in [
            ("entry.pk8", Some(1)),
            ("entry-2.pk8", Some(2)),
            ("entry-10.pk8", Some(10)),
            ("entry-1.pk8", None),
            ("entry-02.pk8", None),
            ("entry-.pk8", None),
            ("entry2.pk8", None),
            ("entry.new", None),
            ("card.pk8", None),
        ] {
            assert_eq!(number_of(OsStr::new(name), ENTRY), number, "{name}");
        }
    }

    #[test]
    fn keys_are_made_once_and_for_their_owner_alone() {
        let data = tempfile::tempdir().unwrap();
        let made = TerminalKeys::load_or_generate(data.path()).unwrap();
        let again = TerminalKeys::load_or_generate(data.path()).unwrap();
        assert_eq!(made.entry.public_key(), again.entry.public_key());
        assert_eq!(made.card.public_key(), again.card.public_key());
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(data.path().join("keys")), mode(entry_path(data.path()))), (0o700, 0o600));
    }

    #[test]
    fn a_key_that_others_can_read_is_not_used() {
        let data = tempfile::tempdir().unwrap();
        TerminalKeys::load_or_generate(data.path()).unwrap();
        fs::set_permissions(card_path(data.path()), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(TerminalKeys::load(data.path()), Err(KeysError::Exposed(_))));
    }

    #[test]
    fn a_key_among_the_credentials_is_taken_and_the_other_from_its_file() {
        let (data, credentials) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let made = TerminalKeys::load_or_generate(data.path()).unwrap();
        let moved = credentials.path().join("entry.pk8");
        fs::rename(entry_path(data.path()), &moved).unwrap();
        assert!(TerminalKeys::load_with(data.path(), None).is_err(), "it is not in the directory any more");
        let loaded = TerminalKeys::load_with(data.path(), Some(credentials.path())).unwrap();
        assert_eq!(loaded.entry.public_key(), made.entry.public_key());
        assert_eq!(loaded.card.public_key(), made.card.public_key());
        fs::write(&moved, b"not a key").unwrap();
        let error = TerminalKeys::load_with(data.path(), Some(credentials.path())).unwrap_err().to_string();
        assert!(error.contains("entry.pk8") && error.contains("damaged"), "{error}");
    }

    #[test]
    fn a_damaged_key_is_named() {
        let data = tempfile::tempdir().unwrap();
        TerminalKeys::load_or_generate(data.path()).unwrap();
        fs::write(entry_path(data.path()), b"not a key").unwrap();
        let error = TerminalKeys::load(data.path()).unwrap_err().to_string();
        assert!(error.contains("entry.pk8") && error.contains("damaged"), "{error}");
    }
}
