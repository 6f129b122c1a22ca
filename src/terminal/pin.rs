//! How a PIN is kept: Argon2id (RFC 9106) with a salt of its own. The one file that names `argon2`.
//!
//! Four digits are found by trying all of them whatever the hash costs; what protects a PIN at the counter is the lockout. The hash keeps
//! it from being read off a copy of the ledger at a glance, and costs a small machine some tens of milliseconds.

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::crypto;
use crate::domain::cashier::Pin;

/// Memory, in KiB: the least that OWASP's cheat sheet on password storage names, which a small machine has beside everything else.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over it.
const PASSES: u32 = 2;

/// A PIN could not be hashed, or a hash not be read: a sentence for a technician.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the PIN cannot be hashed: {0}")]
pub struct PinError(String);

fn argon() -> Result<Argon2<'static>, PinError> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|error| PinError(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// The hash of `pin`, with a fresh salt, as a PHC string. Takes some tens of milliseconds: not for a thread that others wait for.
///
/// # Errors
/// [`PinError`] without randomness or memory.
pub fn hash(pin: &Pin) -> Result<String, PinError> {
    let salt: [u8; 16] = crypto::random().map_err(|error| PinError(error.to_string()))?;
    let hash = argon()?.hash_password_with_salt(pin.as_bytes(), &salt);
    hash.map(|hash: PasswordHash| hash.to_string()).map_err(|error| PinError(error.to_string()))
}

/// Whether `hash` is of `pin`, compared in constant time, at the costs that the hash names. Takes as long as [`hash`].
///
/// # Errors
/// [`PinError`] for what is no hash.
pub fn is_right(pin: &Pin, hash: &str) -> Result<bool, PinError> {
    let hash = PasswordHash::new(hash).map_err(|error| PinError(error.to_string()))?;
    Ok(argon()?.verify_password(pin.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_known_by_its_hash_and_every_hash_has_its_own_salt() {
        let (right, wrong) = (Pin::new("4711").unwrap(), Pin::new("4712").unwrap());
        let (one, other) = (hash(&right).unwrap(), hash(&right).unwrap());
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, other);
        for hash in [&one, &other] {
            assert_eq!(is_right(&right, hash), Ok(true));
            assert_eq!(is_right(&wrong, hash), Ok(false));
            assert!(!hash.contains("4711"));
        }
        assert!(is_right(&right, "4711").is_err());
    }
}
