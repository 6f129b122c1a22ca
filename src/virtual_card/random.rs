//! Where a card's challenges and its key come from: the operating system, or a seed in a simulation.

use super::memory::PrivateKey;
use crate::crypto::{self, CryptoError, P256Key};
use crate::domain::card::Challenge;

/// A source of what must not be guessed.
pub trait Randomness: Send {
    /// A challenge that was never given before.
    ///
    /// # Errors
    /// [`CryptoError::NoRandomness`].
    fn challenge(&mut self) -> Result<Challenge, CryptoError>;

    /// A new private key, for GENERATE KEY.
    ///
    /// # Errors
    /// [`CryptoError::NoRandomness`].
    fn private_key(&mut self) -> Result<PrivateKey, CryptoError>;
}

/// The operating system's randomness: the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    fn challenge(&mut self) -> Result<Challenge, CryptoError> {
        crypto::random().map(Challenge)
    }

    fn private_key(&mut self) -> Result<PrivateKey, CryptoError> {
        P256Key::generate().map(|(_, pkcs8)| PrivateKey::new(pkcs8))
    }
}
