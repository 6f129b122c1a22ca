//! From facts to findings: each check is a small function, which reads nothing by itself.

use crate::domain::Timestamp;
use crate::domain::card::TerminalCertificate;
use crate::domain::policy::{Exposure, Level, Policy};
use crate::domain::refusal::Refusal;
use crate::domain::time::Season;
use crate::domain::version::RequiredVersion;
use crate::ledger::CLOCK_STEP_SECONDS;
use crate::payment::client::TrialError;
use crate::reader::{Look, WhyUnavailable};
use crate::till::json::Status;

use super::facts::{DaemonFacts, DiskFacts, Kernel};
use super::finding::{FileSystem, Finding, Measure};

/// Below this the ledger cannot be counted on to take another evening.
const DISK_FULL_BYTES: u64 = 64 * 1024 * 1024;
/// Below this somebody should make room.
const DISK_LOW_BYTES: u64 = 512 * 1024 * 1024;
/// How far apart two good clocks may be, with the time that an answer takes.
const CLOCK_OFF_SECONDS: u32 = 60;
/// So long before its end a certificate that was not renewed is told of: it is renewed a month before.
const CERTIFICATE_ENDS_SECONDS: u32 = 14 * 86_400;

/// The types of file systems that are known to be wrong (statfs(2)).
const FILE_SYSTEMS: &[(u32, FileSystem)] = &[
    (0x6969, FileSystem::Network),      // NFS
    (0x517b, FileSystem::Network),      // SMB
    (0xff53_4d42, FileSystem::Network), // CIFS
    (0xfe53_4d42, FileSystem::Network), // SMB2
    (0x00c3_6400, FileSystem::Network), // CEPH
    (0x0102_1997, FileSystem::Network), // 9P
    (0x6573_5546, FileSystem::Network), // FUSE, as sshfs
    (0x0102_1994, FileSystem::Memory),  // tmpfs
    (0x8584_58f6, FileSystem::Memory),  // ramfs
    (0x794c_7630, FileSystem::Overlay), // overlayfs
    (0x4d44, FileSystem::Fat),          // FAT
    (0x2011_bab0, FileSystem::Fat),     // exFAT
];

/// The disk: room, and what it is.
pub(super) fn disk(facts: DiskFacts) -> Vec<Finding> {
    let DiskFacts { free_bytes, free_files, kind } = facts;
    let room = if free_bytes < DISK_FULL_BYTES || free_files == Some(0) {
        Some(Finding::DiskFull(free_bytes))
    } else {
        (free_bytes < DISK_LOW_BYTES).then_some(Finding::DiskLow(free_bytes))
    };
    let kind = FILE_SYSTEMS.iter().find(|(number, _)| *number == kind).map(|(_, kind)| Finding::FileSystem(*kind));
    room.into_iter().chain(kind).collect()
}

/// pcscd, readers, the card that lies there; `filter` is a part of the name of the reader that the terminal is to use. `any` says whether
/// there is a reader of another name.
pub(super) fn reader(look: &Look, kernel: Kernel, wanted: Option<&str>, any: bool) -> Vec<Finding> {
    let found = match look {
        Look::Frozen => Finding::ReaderServiceFrozen,
        Look::Unavailable(WhyUnavailable::NoService) => Finding::ReaderServiceAbsent,
        Look::Unavailable(WhyUnavailable::AccessRefused) => Finding::ReaderServiceRefused,
        Look::Unavailable(WhyUnavailable::Other(fault)) => Finding::ReaderServiceFails(fault.to_string()),
        Look::Unavailable(WhyUnavailable::NoReader) => match wanted {
            // It would be there, were it not the kernel's.
            _ if kernel != Kernel::Away => Finding::ReaderHeldByKernel,
            Some(wanted) if any => Finding::ReaderOther { wanted: wanted.to_owned() },
            _ => Finding::ReaderAbsent,
        },
        Look::Readers(readers) => {
            let held = readers.iter().filter(|one| one.held).map(|one| Finding::CardHeld(one.reader.to_string()));
            let kernel = (kernel == Kernel::Holds).then_some(Finding::ReaderHeldByKernel);
            return held.chain(kernel).collect();
        }
    };
    vec![found]
}

/// The clock, against the newest instant that the terminal knows to have passed, the region's date, and who sets it.
pub(super) fn clock(
    now: Timestamp,
    floor: Option<Timestamp>,
    region: Option<Timestamp>,
    synchronised: Option<bool>,
) -> Vec<Finding> {
    let behind = floor.map_or(0, |floor| floor.seconds_since(now));
    let off = region.map_or(0, |region| i64::from(now.get()) - i64::from(region.get()));
    let found = [
        (behind > CLOCK_STEP_SECONDS).then_some(Finding::ClockBehind(behind)),
        (off.unsigned_abs() > u64::from(CLOCK_OFF_SECONDS)).then_some(Finding::ClockOff(off)),
        (synchronised == Some(false)).then_some(Finding::ClockNotSynchronised),
    ];
    found.into_iter().flatten().collect()
}

/// The terminal's certificates.
pub(super) fn certificate(certificates: &[TerminalCertificate], now: Timestamp) -> Vec<Finding> {
    let good_at = |time: Timestamp| {
        let fits = |one: &&TerminalCertificate| one.season == Season::at(time) && one.covers(time);
        certificates.iter().filter(fits).map(|certificate| certificate.not_after).max()
    };
    let soon = now.plus(CERTIFICATE_ENDS_SECONDS);
    match (good_at(now), good_at(soon)) {
        (None, _) => vec![Finding::CertificateEnded],
        (Some(end), None) => vec![Finding::CertificateEnds(end)],
        (Some(_), Some(_)) => Vec::new(),
    }
}

/// The version that the region wants, where this program is older.
pub(super) fn version(due: Option<RequiredVersion>, now: Timestamp) -> Vec<Finding> {
    due.into_iter().map(|required| Finding::VersionBehind { required, overdue: required.by <= now }).collect()
}

/// How far the terminal is from the region.
pub(super) fn exposure(policy: &Policy, exposure: &Exposure, now: Timestamp) -> Vec<Finding> {
    let standing = policy.standing(exposure, now);
    let hours = |then| u64::from(now.seconds_since(then) / 3600);
    let (entries, cents) = (exposure.waiting_entries, exposure.waiting_cents.get());
    let table = [
        (Measure::Offline, standing.offline, hours(exposure.last_exchange), policy.offline_hours.hard.into()),
        (Measure::Entries, standing.entries, entries, policy.waiting_entries.hard),
        (Measure::Cents, standing.cents, cents, policy.waiting_cents.hard.get()),
        (Measure::DenyList, standing.deny_list, hours(exposure.deny_list_made), policy.deny_list_hours.hard.into()),
    ];
    let found = table.into_iter().filter_map(|(measure, level, value, hard)| {
        let reached = match level {
            Level::Within => return None,
            Level::Soft => false,
            Level::Hard => true,
        };
        Some(Finding::Exposure { measure, value, hard, reached })
    });
    found.collect()
}

/// The keys. One that is in no file is the daemon's own, as a credential, where the daemon runs: without it, it would not.
pub(super) fn keys(found: Vec<Finding>, daemon: &DaemonFacts) -> Vec<Finding> {
    let mut found = found;
    if matches!(daemon, DaemonFacts::Answers(_)) {
        found.retain(|finding| !matches!(finding, Finding::KeyUnusable(_)));
    }
    found
}

/// The daemon, and what it says that nobody else sees. What other checks find is not found twice.
pub(super) fn daemon(facts: &DaemonFacts) -> Vec<Finding> {
    match facts {
        DaemonFacts::Absent => vec![Finding::DaemonAbsent],
        DaemonFacts::Refused(socket) => vec![Finding::DaemonRefused(socket.clone())],
        DaemonFacts::Silent(why) => vec![Finding::DaemonSilent(why.clone())],
        DaemonFacts::Answers(status) => not_selling(status).into_iter().collect(),
    }
}

fn not_selling(status: &Status) -> Option<Finding> {
    let refusal = Refusal::from_code(&status.refusal.as_ref()?.refusal)?;
    let found_elsewhere = [
        Refusal::OfflineTooLong,
        Refusal::OfflineTooMuch,
        Refusal::TerminalExpired,
        Refusal::ClockUntrusted,
        Refusal::LedgerBehind,
    ];
    (!found_elsewhere.contains(&refusal)).then_some(Finding::NotSelling(refusal))
}

/// The printer, where one is set up: whether it is there, and what the daemon says of it.
pub(super) fn printer(absent: Option<&str>, daemon: &DaemonFacts) -> Vec<Finding> {
    let failed = match daemon {
        DaemonFacts::Answers(status) => status.printer.as_ref().and_then(|printer| printer.error.clone()),
        DaemonFacts::Absent | DaemonFacts::Refused(_) | DaemonFacts::Silent(_) => None,
    };
    match (absent, failed) {
        (Some(why), _) => vec![Finding::PrinterAbsent(why.to_owned())],
        (None, Some(why)) => vec![Finding::PrinterFails(why)],
        (None, None) => Vec::new(),
    }
}

/// Whether a payment is on the bank terminal, which is then left alone.
pub(super) const fn is_paying(daemon: &DaemonFacts) -> bool {
    matches!(daemon, DaemonFacts::Answers(status) if !status.payments.is_empty())
}

/// The bank terminal, where one is set up: what kept it from answering a message that asks for no money.
pub(super) fn bank_terminal(failed: Option<TrialError>) -> Vec<Finding> {
    let found = failed.map(|error| match error {
        TrialError::Connect(_) | TrialError::NoAnswer | TrialError::Closed => {
            Finding::BankTerminalAbsent(error.to_string())
        }
        TrialError::Unreadable(_) | TrialError::OtherVersion(_) | TrialError::Strange => {
            Finding::BankTerminalOther(error.to_string())
        }
    });
    found.into_iter().collect()
}
