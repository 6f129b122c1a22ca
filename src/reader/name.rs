//! Names of readers, and which of them the terminal is to use.

use std::ffi::{CStr, CString};
use std::fmt;

/// A reader, by the name that PC/SC gives it. The name has the reader's place in the machine in it ("... 00 00") and may change
/// when it is plugged in elsewhere.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReaderName(CString);

impl ReaderName {
    /// A reader of this name; `None` when the name has a zero byte in it, as no reader's has.
    pub fn new(name: &str) -> Option<Self> {
        CString::new(name).ok().map(Self)
    }

    /// As PC/SC wants it.
    pub(super) fn as_c_str(&self) -> &CStr {
        &self.0
    }

    /// Whether PC/SC calls it so.
    pub(super) fn is(&self, name: &CStr) -> bool {
        self.0.as_c_str() == name
    }
}

impl From<&CStr> for ReaderName {
    fn from(name: &CStr) -> Self {
        Self(name.to_owned())
    }
}

/// The name for people: bytes that are not UTF-8 are replaced.
impl fmt::Display for ReaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_string_lossy())
    }
}

impl fmt::Debug for ReaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.to_string_lossy())
    }
}

/// Which of the connected readers are watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ReaderFilter {
    /// All of them.
    #[default]
    Any,
    /// The one of exactly this name; where there is none, all those whose name contains it. So both the whole name and
    /// "ACR1252" will do, and "PASS 1" does not take "PASS 10" along when it is there itself.
    Named(String),
}

impl ReaderFilter {
    /// The readers to be watched, in the order given.
    pub(super) fn choose(&self, connected: Vec<ReaderName>) -> Vec<ReaderName> {
        let wanted = match self {
            Self::Any => return connected,
            Self::Named(wanted) => wanted,
        };
        let exact: Vec<_> = connected.iter().filter(|name| name.to_string() == *wanted).cloned().collect();
        if exact.is_empty() {
            connected.into_iter().filter(|name| name.to_string().contains(wanted)).collect()
        } else {
            exact
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exact_name_comes_before_a_part_of_it() {
        let connected = ["ACS ACR1252 00 00", "PASS 1", "PASS 10", "Omnikey"];
        for (filter, chosen) in [
            (ReaderFilter::Any, &connected[..]),
            (ReaderFilter::Named("PASS 1".into()), &["PASS 1"]),
            (ReaderFilter::Named("PASS".into()), &["PASS 1", "PASS 10"]),
            (ReaderFilter::Named("ACR1252".into()), &["ACS ACR1252 00 00"]),
            (ReaderFilter::Named("acr1252".into()), &[]),
        ] {
            let names = connected.iter().filter_map(|name| ReaderName::new(name)).collect();
            let got: Vec<_> = filter.choose(names).iter().map(ToString::to_string).collect();
            assert_eq!(got, chosen, "{filter:?}");
        }
    }

    #[test]
    fn a_name_has_no_zero_byte() {
        assert_eq!(ReaderName::new("PASS\0"), None);
    }
}
