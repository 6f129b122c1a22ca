//! What can be wrong with a terminal: one flat list, each with its stable code and its weight.

use std::fmt;
use std::path::PathBuf;

use crate::domain::Timestamp;
use crate::domain::refusal::Refusal;
use crate::domain::version::RequiredVersion;
use crate::uplink::Unreachable;

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// The terminal sells, and will not for long, or not well.
    Warning,
    /// The terminal does not sell, or what it writes is not safe.
    Fault,
}

impl Weight {
    /// As scripts read it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Fault => "fault",
        }
    }
}

/// A file system that a ledger should not be on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSystem {
    /// On another machine: SQLite's locks and the order of writes do not hold.
    Network,
    /// In memory: gone with the power.
    Memory,
    /// A layer over another, as in containers: gone with the container.
    Overlay,
    /// FAT: neither owners nor an order of writes.
    Fat,
}

/// What of the exposure is near or past its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Hours since the last exchange.
    Offline,
    /// Entries that the region has not acknowledged.
    Entries,
    /// What they are worth, in cents.
    Cents,
    /// Hours since the region made the deny list.
    DenyList,
}

/// Something that is wrong. What it carries is what its sentence tells, and nothing of it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The terminal's directory is not there.
    DirectoryMissing(PathBuf),
    /// Whoever asks may not read this.
    NotReadable(PathBuf),
    /// Others than the terminal's user may change this.
    WritableByOthers(PathBuf),
    /// This does not belong to the owner of the directory.
    OtherOwner(PathBuf),
    /// Others than the terminal's user may read this key.
    KeyExposed(PathBuf),
    /// A key is missing or damaged.
    KeyUnusable(String),
    /// There is no ledger.
    NotEnrolled,
    /// The ledger cannot be opened.
    LedgerUnusable(String),
    /// The ledger is not what was written.
    LedgerDamaged(String),
    /// The ledger is an old copy.
    LedgerBehind,
    /// The disk takes no more, or almost: bytes that are free.
    DiskFull(u64),
    /// The disk is filling up: bytes that are free.
    DiskLow(u64),
    /// The ledger is on a file system that it should not be on.
    FileSystem(FileSystem),
    /// pcscd is not there.
    ReaderServiceAbsent,
    /// pcscd refuses whoever asks.
    ReaderServiceRefused,
    /// pcscd does not answer.
    ReaderServiceFrozen,
    /// pcscd fails.
    ReaderServiceFails(String),
    /// The kernel has taken the reader.
    ReaderHeldByKernel,
    /// No reader.
    ReaderAbsent,
    /// A reader, but not the one that the terminal is to use.
    ReaderOther {
        /// What its name should have.
        wanted: String,
    },
    /// Another program keeps the card in this reader to itself.
    CardHeld(String),
    /// The clock is behind what the terminal has signed already: by so many seconds.
    ClockBehind(u32),
    /// The clock and the region's are so many seconds apart: positive where this one is fast.
    ClockOff(i64),
    /// Nothing sets the clock.
    ClockNotSynchronised,
    /// The certificate for this season is missing or has ended.
    CertificateEnded,
    /// It ends soon.
    CertificateEnds(Timestamp),
    /// The region wants a newer version of the program.
    VersionBehind {
        /// Which, and by when.
        required: RequiredVersion,
        /// Whether that is over.
        overdue: bool,
    },
    /// No region is set up.
    RegionUnset,
    /// The region cannot be reached.
    Region {
        /// Its address.
        url: String,
        /// What keeps it from being reached.
        why: Unreachable,
    },
    /// The exposure is near its limit, or past it.
    Exposure {
        /// What of it.
        measure: Measure,
        /// How much.
        value: u64,
        /// From where on nothing is sold.
        hard: u64,
        /// Whether that is reached.
        reached: bool,
    },
    /// The printer is not there.
    PrinterAbsent(String),
    /// The printer did not print.
    PrinterFails(String),
    /// The bank terminal does not answer.
    BankTerminalAbsent(String),
    /// What answers in its place speaks something else.
    BankTerminalOther(String),
    /// The daemon does not run.
    DaemonAbsent,
    /// Whoever asks may not speak to the daemon.
    DaemonRefused(PathBuf),
    /// The daemon runs and does not answer.
    DaemonSilent(String),
    /// Something else keeps the terminal from selling.
    NotSelling(Refusal),
}

impl Finding {
    /// Its code, which never changes.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::DirectoryMissing(_) => "data-missing",
            Self::NotReadable(_) => "data-not-readable",
            Self::WritableByOthers(_) => "data-writable-by-others",
            Self::OtherOwner(_) => "data-owner",
            Self::KeyExposed(_) => "key-exposed",
            Self::KeyUnusable(_) => "key-unusable",
            Self::NotEnrolled => "not-enrolled",
            Self::LedgerUnusable(_) => "ledger-unusable",
            Self::LedgerDamaged(_) => "ledger-damaged",
            Self::LedgerBehind => "ledger-behind",
            Self::DiskFull(_) => "disk-full",
            Self::DiskLow(_) => "disk-low",
            Self::FileSystem(FileSystem::Network) => "file-system-network",
            Self::FileSystem(FileSystem::Memory) => "file-system-memory",
            Self::FileSystem(FileSystem::Overlay) => "file-system-overlay",
            Self::FileSystem(FileSystem::Fat) => "file-system-fat",
            Self::ReaderServiceAbsent => "reader-service-absent",
            Self::ReaderServiceRefused => "reader-service-refused",
            Self::ReaderServiceFrozen => "reader-service-frozen",
            Self::ReaderServiceFails(_) => "reader-service-fails",
            Self::ReaderHeldByKernel => "reader-held-by-kernel",
            Self::ReaderAbsent => "reader-absent",
            Self::ReaderOther { .. } => "reader-other",
            Self::CardHeld(_) => "card-held",
            Self::ClockBehind(_) => "clock-behind",
            Self::ClockOff(_) => "clock-off",
            Self::ClockNotSynchronised => "clock-not-synchronised",
            Self::CertificateEnded => "certificate-ended",
            Self::CertificateEnds(_) => "certificate-ends",
            Self::VersionBehind { overdue: false, .. } => "version-behind",
            Self::VersionBehind { overdue: true, .. } => "version-overdue",
            Self::RegionUnset => "region-unset",
            Self::Region { why, .. } => region_code(why),
            Self::Exposure { reached: false, .. } => "exposure-near",
            Self::Exposure { reached: true, .. } => "exposure-reached",
            Self::PrinterAbsent(_) => "printer-absent",
            Self::PrinterFails(_) => "printer-fails",
            Self::BankTerminalAbsent(_) => "bank-terminal-absent",
            Self::BankTerminalOther(_) => "bank-terminal-other",
            Self::DaemonAbsent => "daemon-absent",
            Self::DaemonRefused(_) => "daemon-refused",
            Self::DaemonSilent(_) => "daemon-silent",
            Self::NotSelling(_) => "not-selling",
        }
    }

    /// How much it weighs. Without the region, a printer or a bank terminal, a terminal sells.
    pub const fn weight(&self) -> Weight {
        match self {
            Self::DiskLow(_)
            | Self::FileSystem(FileSystem::Overlay)
            | Self::ClockOff(_)
            | Self::VersionBehind { .. }
            | Self::ClockNotSynchronised
            | Self::CertificateEnds(_)
            | Self::RegionUnset
            | Self::Region { .. }
            | Self::Exposure { reached: false, .. }
            | Self::PrinterAbsent(_)
            | Self::PrinterFails(_)
            | Self::BankTerminalAbsent(_)
            | Self::BankTerminalOther(_)
            | Self::DaemonRefused(_)
            | Self::OtherOwner(_) => Weight::Warning,
            Self::DirectoryMissing(_)
            | Self::NotReadable(_)
            | Self::WritableByOthers(_)
            | Self::KeyExposed(_)
            | Self::KeyUnusable(_)
            | Self::NotEnrolled
            | Self::LedgerUnusable(_)
            | Self::LedgerDamaged(_)
            | Self::LedgerBehind
            | Self::DiskFull(_)
            | Self::FileSystem(FileSystem::Network | FileSystem::Memory | FileSystem::Fat)
            | Self::ReaderServiceAbsent
            | Self::ReaderServiceRefused
            | Self::ReaderServiceFrozen
            | Self::ReaderServiceFails(_)
            | Self::ReaderHeldByKernel
            | Self::ReaderAbsent
            | Self::ReaderOther { .. }
            | Self::CardHeld(_)
            | Self::ClockBehind(_)
            | Self::CertificateEnded
            | Self::Exposure { reached: true, .. }
            | Self::DaemonAbsent
            | Self::DaemonSilent(_)
            | Self::NotSelling(_) => Weight::Fault,
        }
    }
}

const fn region_code(unreachable: &Unreachable) -> &'static str {
    match unreachable {
        Unreachable::Settings(_) => "region-settings",
        Unreachable::Name { .. } => "region-name",
        Unreachable::Connection(..) => "region-connection",
        Unreachable::Proxy(..) => "region-proxy",
        Unreachable::TlsTime(_) => "region-tls-time",
        Unreachable::TlsName(_) => "region-tls-name",
        Unreachable::TlsAuthority(_) => "region-tls-authority",
        Unreachable::Tls(..) => "region-tls",
        Unreachable::Slow(_) => "region-slow",
        Unreachable::NotTheRegion(..) => "region-other",
        Unreachable::Other(..) => "region-line",
    }
}

/// What is looked at, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The directory: there, its owner's, for nobody else.
    Data,
    /// The private keys.
    Keys,
    /// The disk and its file system.
    Disk,
    /// The ledger: it opens, and the whole chain holds.
    Ledger,
    /// The daemon.
    Daemon,
    /// pcscd, readers, the card that lies there.
    Reader,
    /// The clock.
    Clock,
    /// The terminal's certificate.
    Certificate,
    /// The program's version.
    Version,
    /// The way to the region.
    Region,
    /// How far the terminal is from the region.
    Exposure,
    /// The printer.
    Printer,
    /// The bank terminal.
    BankTerminal,
}

impl Check {
    /// As scripts read it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Keys => "keys",
            Self::Disk => "disk",
            Self::Ledger => "ledger",
            Self::Daemon => "daemon",
            Self::Reader => "reader",
            Self::Clock => "clock",
            Self::Certificate => "certificate",
            Self::Version => "version",
            Self::Region => "region",
            Self::Exposure => "exposure",
            Self::Printer => "printer",
            Self::BankTerminal => "bank-terminal",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
