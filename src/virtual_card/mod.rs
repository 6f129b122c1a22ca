//! The card's side: what a PASS answers, in the same process or in a virtual reader of a real pcscd.
//!
//! From the inside out: [`CardMemory`] is what lasts; `purse` decides what it allows; [`VirtualCard`] turns bytes into a typed
//! command and executes it; [`CardInReader`] puts it behind T=1 or T=0; [`Faulty`] makes it misbehave on purpose. The last two
//! are [`Applet`](applet::Applet)s: [`InProcess`] speaks to one directly, [`vpcd`] puts one into a reader of pcscd.
//!
//! What always holds: a change is written by the [`Storage`] before it is answered, whole or not at all. Challenge and session do
//! not last.

pub mod applet;
mod card;
mod contacts;
mod fault;
mod file;
mod memory;
mod purse;
mod random;
mod storage;
pub mod vpcd;

pub use card::{CardFailure, VirtualCard};
pub use contacts::{ATR_T0, ATR_T1, CardInReader, InProcess};
pub use fault::{Effect, Fault, Faulty, When};
pub use file::CardFileError;
pub use memory::{Authority, BlankMemory, CardMemory, IssuedMemory, PrivateKey};
pub use random::{Randomness, SystemRandomness};
pub use storage::{FileStorage, MemoryStorage, Storage};
