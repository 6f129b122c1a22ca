//! Receipts on paper: the lines of a receipt, the bytes of ESC/POS, and a printer that may be absent, hang or be out of paper while the
//! counter sells on.
//!
//! [`lines`] is what a receipt says and [`symbol`] its code, for paper and for screens; [`Printer`] is a thread with a queue. Nothing of a sale waits for it.

mod layout;
mod pc858;
mod port;
mod queue;
mod sheet;
mod symbol;

pub use layout::{Line, Style, Width, lines, plain_text};
pub use port::{Connection, PortError, reach};
pub use queue::{Printer, PrinterState};
pub use sheet::{Drawer, sheet};
pub use symbol::symbol;
