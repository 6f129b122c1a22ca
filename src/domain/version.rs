//! Versions of the terminal's program, and the one that the region wants by a date.

use std::fmt;

use super::Timestamp;

/// A version of the program: `MAJOR.MINOR.PATCH` of [Semantic Versioning](https://semver.org/), without more. Later is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    /// Reads three numbers with dots between, without leading zeros: so each version has one text.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(|part| part.parse().ok());
        let version = Self { major: parts.next()??, minor: parts.next()??, patch: parts.next()?? };
        (version.to_string() == text).then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The version that every terminal must have from some moment on, as the region says. A terminal that has an older one says so to whoever looks after it, and
/// sells on: no cashier can mend it, and the region can suspend a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequiredVersion {
    /// This one, or a later one.
    pub version: Version,
    /// From when on.
    pub by: Timestamp,
}

impl RequiredVersion {
    /// Whether a program that says that it has the version `own` is behind it. What is no version counts as older than any.
    pub fn is_ahead_of(&self, own: &str) -> bool {
        Version::parse(own).is_none_or(|own| own < self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_three_numbers_and_has_one_text() {
        for text in ["0.1.0", "1.2.3", "10.0.4294967295"] {
            assert_eq!(Version::parse(text).unwrap().to_string(), text);
        }
        for text in
            ["", "1", "1.2", "1.2.3.4", "1.2.x", "01.2.3", "+1.2.3", "1.2.3-rc1", " 1.2.3", "1..3", "4294967296.0.0"]
        {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        let version = |text| Version::parse(text).unwrap();
        let required = RequiredVersion { version: version("0.10.0"), by: Timestamp::new(1) };
        let table = [
            ("0.9.9", true),
            ("0.10.0", false),
            ("0.10.1", false),
            ("1.0.0", false),
            ("0.2.30", true),
            ("ours", true),
            ("", true),
        ];
        for (own, behind) in table {
            assert_eq!(required.is_ahead_of(own), behind, "{own}");
        }
    }
}
