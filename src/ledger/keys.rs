//! The terminal's two private keys: made on this machine, in files of the service's user alone, never anywhere else.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::crypto::{CryptoError, Ed25519Key, P256Key};

/// Where systemd puts what `LoadCredential=` and `LoadCredentialEncrypted=` give a service (systemd.exec(5)).
const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";
/// The files of the two keys, in the terminal's directory and among the credentials.
const ENTRY_FILE: &str = "entry.pk8";
const CARD_FILE: &str = "card.pk8";

/// The Ed25519 key of entries and requests, and the P-256 key that cards check.
#[derive(Debug)]
pub struct TerminalKeys {
    /// Signs entries and exchange requests.
    pub entry: Ed25519Key,
    /// Signs what cards are asked.
    pub card: P256Key,
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

fn entry_path(data: &Path) -> PathBuf {
    data.join("keys").join(ENTRY_FILE)
}

fn card_path(data: &Path) -> PathBuf {
    data.join("keys").join(CARD_FILE)
}

impl TerminalKeys {
    /// Reads the keys of an enrolled terminal: each from the service's credentials where it is among them, which are for it alone, and from its file otherwise.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn load(data: &Path) -> Result<Self, KeysError> {
        let credentials = std::env::var_os(CREDENTIALS_VARIABLE).map(PathBuf::from);
        Self::load_with(data, credentials.as_deref())
    }

    fn load_with(data: &Path, credentials: Option<&Path>) -> Result<Self, KeysError> {
        let among = |name| credentials.map(|directory| directory.join(name)).filter(|path| path.exists());
        Ok(Self {
            entry: match among(ENTRY_FILE) {
                Some(path) => parsed(&path, Ed25519Key::from_pkcs8)?,
                None => read(&entry_path(data), Ed25519Key::from_pkcs8)?,
            },
            card: match among(CARD_FILE) {
                Some(path) => parsed(&path, P256Key::from_pkcs8)?,
                None => read(&card_path(data), P256Key::from_pkcs8)?,
            },
        })
    }

    /// Reads the keys, or makes those that are not there: an enrolment whose answer was lost is asked for again with the same keys.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn load_or_generate(data: &Path) -> Result<Self, KeysError> {
        let directory = data.join("keys");
        let file_error = |source| KeysError::File { path: directory.clone(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(file_error)?;
        for (path, generate) in
            [(entry_path(data), entry_pkcs8 as fn() -> Result<Vec<u8>, CryptoError>), (card_path(data), card_pkcs8)]
        {
            if !path.exists() {
                write_new(&path, &generate()?).map_err(|source| KeysError::File { path: path.clone(), source })?;
            }
        }
        File::open(&directory).and_then(|directory| directory.sync_all()).map_err(file_error)?;
        Self::load(data)
    }
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
        let moved = credentials.path().join(ENTRY_FILE);
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
