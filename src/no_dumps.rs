//! No core dumps: a private key that is in memory is not written to a disk by a crash.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// From now on this process leaves no core dump, and no other process of its user may look into its memory. The limit is for dumps that are files; a handler
/// that takes them through a pipe obeys the other alone.
///
/// # Errors
/// When the system refuses.
pub fn forbid() -> io::Result<()> {
    let maximum = getrlimit(Resource::Core).maximum;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum })?;
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}
