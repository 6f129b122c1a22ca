//! What a virtual card is to whatever carries its commands: power, and one answer to each command.
//!
//! Deliberately without a reader, a socket or a thread: the same card answers in process in a unit test and behind
//! [`super::vpcd`] in a reader of pcscd.

/// A card without its plastic. It is driven by one thread, in the order in which a reader would drive it.
pub trait Applet {
    /// The answer to reset (ISO/IEC 7816-3, 8.2), up to 33 bytes. A reader asks for it all the time, to see whether the card
    /// is there, also while the card has no power: it must come at once and change nothing. Empty: a card that does not
    /// answer, one that is in upside down or is broken.
    fn atr(&self) -> Vec<u8>;

    /// The card gets power: it begins with nothing selected.
    fn power_on(&mut self);

    /// The card loses power, or leaves the field: whatever is not in its lasting memory is lost.
    fn power_off(&mut self);

    /// The reset line: by default power off and on.
    fn reset(&mut self) {
        self.power_off();
        self.power_on();
    }

    /// Answers one command APDU with data and status word, at most 65535 bytes. `None`: the card is pulled out of the reader
    /// instead of answering; what it had already done by then stays done.
    fn transmit(&mut self, command: &[u8]) -> Option<Vec<u8>>;
}
