//! Where a card's memory lasts: nowhere but in the process, or in a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::file::{self, CardFileError};
use super::memory::CardMemory;
use crate::file_lock;

/// Keeps a card's memory, whole or not at all.
pub trait Storage: Send {
    /// Makes `memory` what the card will have when it is next read, whatever happens to the power after this returns.
    ///
    /// # Errors
    /// When it is not certain that it lasts. Which of the two memories was kept is then open, but it is one of them.
    fn save(&mut self, memory: &CardMemory) -> io::Result<()>;
}

/// A memory that lasts as long as a clone of this value does: for tests and simulations.
#[derive(Clone, Debug)]
pub struct MemoryStorage(Arc<Mutex<CardMemory>>);

impl MemoryStorage {
    /// Holds `memory`.
    pub fn new(memory: CardMemory) -> Self {
        Self(Arc::new(Mutex::new(memory)))
    }

    /// What was saved last: what a card has after its power was lost.
    pub fn load(&self) -> CardMemory {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Storage for MemoryStorage {
    fn save(&mut self, memory: &CardMemory) -> io::Result<()> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = memory.clone();
        Ok(())
    }
}

/// A memory in a file of readable JSON, held by one process at a time.
///
/// It is replaced, never written over: a temporary file beside it is written, synchronised, and renamed. It holds a private key, so
/// nobody but its owner may read it.
#[derive(Debug)]
pub struct FileStorage {
    path: PathBuf,
    /// Held as long as this lives. It is a file of its own, because the card's file is another at each change.
    _lock: File,
}

impl FileStorage {
    /// Opens the card in `path`, or makes a blank one when there is no such file.
    ///
    /// # Errors
    /// [`CardFileError`] when another process has it, when it is not a card or is damaged (it is left as it is), or when the disk
    /// does not let us.
    pub fn open(path: impl Into<PathBuf>) -> Result<(Self, CardMemory), CardFileError> {
        let path = path.into();
        let lock = lock(&path)?;
        let mut storage = Self { path, _lock: lock };
        let memory = match fs::read(&storage.path) {
            Ok(bytes) => file::decode(&storage.path, &bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                storage.save(&CardMemory::BLANK).map_err(|error| CardFileError::io(&storage.path, error))?;
                CardMemory::BLANK
            }
            Err(error) => return Err(CardFileError::io(&storage.path, error)),
        };
        Ok((storage, memory))
    }

    /// The card's file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Storage for FileStorage {
    fn save(&mut self, memory: &CardMemory) -> io::Result<()> {
        let temporary = beside(&self.path, ".tmp");
        let mut file = private_file().truncate(true).open(&temporary)?;
        file.write_all(&file::encode(memory)?)?;
        file.sync_all()?;
        fs::rename(&temporary, &self.path)?;
        // The rename lasts once the directory does.
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    }
}

fn lock(path: &Path) -> Result<File, CardFileError> {
    let lock = private_file().truncate(false).open(beside(path, ".lock"));
    let lock = lock.map_err(|error| CardFileError::io(path, error))?;
    match file_lock::take(&lock) {
        Ok(true) => Ok(lock),
        Ok(false) => Err(CardFileError::InUse { path: path.to_owned() }),
        Err(error) => Err(CardFileError::io(path, error)),
    }
}

/// A file to write, made for its owner alone.
fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
