//! A file that one process holds and another cannot: what keeps two programs from one ledger, and a card from two readers.
//!
//! The kernel frees the lock when its holder ends, however it ends. The lock is of the open file, so that a program just being started has it too, from the
//! fork until its own image is loaded; a lock that was let go meanwhile seems held for that long. Hence the short patience.

use std::fs::{File, TryLockError};
use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// How long a lock may be held by a program that is only being started. Milliseconds are usual, on a loaded machine tens.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often it is looked at again.
const PAUSE: Duration = Duration::from_millis(5);

/// Locks `file` until it is dropped. False when another process has it and keeps it.
///
/// # Errors
///
/// The system's, on a file system that knows no locks.
pub fn take(file: &File) -> io::Result<bool> {
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if began.elapsed() < PATIENCE => thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::take;
    use std::fs::File;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn a_lock_that_is_let_go_soon_is_taken_and_one_that_is_kept_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let first = File::create(&path).unwrap();
        assert!(take(&first).unwrap());
        assert!(!take(&File::open(&path).unwrap()).unwrap(), "kept");
        let held = first.try_clone().unwrap();
        drop(first);
        let waiting = thread::spawn(move || take(&File::open(&path).unwrap()).unwrap());
        thread::sleep(Duration::from_millis(50));
        drop(held);
        assert!(waiting.join().unwrap(), "let go");
    }
}
