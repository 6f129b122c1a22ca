//! A receipt's code as a QR symbol (ISO/IEC 18004), for whoever draws it: a printer of the ESC/POS family draws its own. The one file that names
//! `qrcode`.

use qrcode::{Color, EcLevel, QrCode};

use crate::domain::receipt::Symbol;

/// `code` as a symbol, with the level of correction that is printed; nothing where it has no room in one.
pub fn symbol(code: &str) -> Option<Symbol> {
    let drawn = QrCode::with_error_correction_level(code, EcLevel::L).ok()?;
    let side = u16::try_from(drawn.width()).ok()?;
    Some(Symbol { side, dark: drawn.to_colors().into_iter().map(|colour| colour == Color::Dark).collect() })
}
