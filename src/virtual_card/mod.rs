//! The card's side: what a PASS answers, in the same process or in a virtual reader of a real pcscd.

pub mod applet;
pub mod vpcd;
