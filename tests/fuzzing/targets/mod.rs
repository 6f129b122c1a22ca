//! What is done with hostile bytes, one function for each place where bytes come in, and what must hold whatever they are.
//!
//! The same functions are run by `make test`, on the kept inputs and changes of them, and by cargo-fuzz (`make fuzz`), which looks for new inputs. A target
//! asserts more than that nothing panics: what was read is written back to the same bytes; nothing that is not signed is believed, kept or paid; and the work is bounded
//! by the size of the input.

pub(crate) mod api;
pub(crate) mod cards;
pub(crate) mod exchange;
pub(crate) mod files;
pub(crate) mod ledger;
pub(crate) mod payment;
pub(crate) mod region;
pub(crate) mod texts;

#[path = "../../card/kit.rs"]
#[allow(dead_code, reason = "every test program uses another part of it")]
mod card_kit;
#[path = "../../support/directory.rs"]
mod directory;
#[path = "../../region_exchange/kit.rs"]
#[allow(dead_code, reason = "as above")]
mod region_kit;
#[path = "../../region_exchange/stores.rs"]
mod stores;
#[path = "../../support/world.rs"]
#[allow(dead_code, reason = "as above")]
mod world;

/// A target: its name, which is that of its folder of kept inputs, and what it does.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All of them.
pub(crate) const TARGETS: &[Target] = &[
    ("activation_code", texts::activation_code),
    ("bank_terminal", payment::answers),
    ("card_answers", cards::answers),
    ("card_commands", cards::commands),
    ("card_file", files::card_file),
    ("card_objects", cards::objects),
    ("config_files", files::config_files),
    ("enrolment_messages", exchange::enrolment_messages),
    ("entries", exchange::entries),
    ("envelopes", exchange::envelopes),
    ("exchange_answer", exchange::answer),
    ("exchange_request", exchange::request),
    ("feed_pages", exchange::feed_pages),
    ("hostile_region", ledger::hostile_region),
    ("hostile_terminal", region::hostile_terminal),
    ("local_api", api::local_api),
    ("region_http", api::region_http),
    ("texts", texts::texts),
];

/// Bytes as a script: each step takes as many as it needs, and there is always something to take.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte; 0 after the end.
    fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    /// The next two bytes as a number.
    fn short(&mut self) -> usize {
        usize::from(u16::from_be_bytes([self.byte(), self.byte()]))
    }

    /// The next four bytes as a number.
    fn word(&mut self) -> u32 {
        (0..4).fold(0, |word, _| word << 8 | u32::from(self.byte()))
    }

    /// The next bytes, as many as there are of `length`.
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A length in one byte, and so many bytes.
    fn string(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte());
        self.take(length)
    }

    /// Changes `bytes`: overwritten in one place, cut, or longer.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        let (how, place) = (self.byte(), self.short());
        let place = if bytes.is_empty() { 0 } else { place % bytes.len() };
        match how % 4 {
            0 => bytes.truncate(place),
            1 => bytes.extend_from_slice(self.string()),
            _ => {
                for (byte, new) in bytes.iter_mut().skip(place).zip(self.string()) {
                    *byte = *new;
                }
            }
        }
    }
}
