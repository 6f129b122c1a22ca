//! The bytes of a receipt for a printer of the ESC/POS family. The one file that names `escpos`.

use std::sync::{Arc, Mutex, PoisonError};

use escpos::driver::Driver;
use escpos::errors::{PrinterError, Result};
use escpos::printer::Printer;
use escpos::utils::{JustifyMode, PageCode, Protocol, QRCodeCorrectionLevel, QRCodeModel, QRCodeOption};

use super::layout::{Line, Style, Width};
use super::pc858;

/// Leaves the mode in which printers made for China begin: without it, accents come out as ideograms.
const NO_KANJI: [u8; 2] = [0x1c, b'.'];
/// A pulse of 50 ms on pin 2, and 500 ms of rest (ESC p m t1 t2). The crate's own command has no times, and takes the next two bytes for them.
const PULSE: [u8; 5] = [0x1b, b'p', 0, 25, 250];

/// Whether the cash drawer is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawer {
    /// It is.
    Open,
    /// It stays shut.
    Shut,
}

/// Takes what the builder would send.
#[derive(Clone, Default)]
struct Bytes(Arc<Mutex<Vec<u8>>>);

impl Driver for Bytes {
    fn name(&self) -> String {
        "bytes".to_owned()
    }

    fn write(&self, data: &[u8]) -> Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(data);
        Ok(())
    }

    fn read(&self, _: &mut [u8]) -> Result<usize> {
        Ok(0)
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }
}

/// The bytes that print `lines` and, below them, `code` as a QR symbol. Empty where the code has no room in a symbol.
pub fn sheet(lines: &[Line], code: &str, width: Width, drawer: Drawer) -> Vec<u8> {
    let bytes = Bytes::default();
    match build(&bytes, lines, code, width, drawer) {
        Ok(()) => std::mem::take(&mut bytes.0.lock().unwrap_or_else(PoisonError::into_inner)),
        Err(error) => {
            tracing::error!(%error, "a receipt cannot be laid out");
            Vec::new()
        }
    }
}

fn build(
    bytes: &Bytes,
    lines: &[Line],
    code: &str,
    width: Width,
    drawer: Drawer,
) -> std::result::Result<(), PrinterError> {
    let mut printer = Printer::new(bytes.clone(), Protocol::default(), None);
    printer.init()?.custom(&NO_KANJI)?.page_code(PageCode::PC858)?;
    if drawer == Drawer::Open {
        printer.custom(&PULSE)?;
    }
    for line in lines {
        let (justify, size) = match line.style {
            Style::Plain => (JustifyMode::LEFT, 1),
            Style::Centred => (JustifyMode::CENTER, 1),
            Style::Large => (JustifyMode::CENTER, 2),
        };
        printer.justify(justify)?.size(size, size)?.custom(&pc858::encode(&line.text))?.feed()?;
    }
    // Dots of a module: the symbol of a debit has some 90 modules on a line of 384 dots (58 mm) or 576.
    let dots = if width.get() < 40 { 3 } else { 4 };
    let option = QRCodeOption::new(QRCodeModel::Model2, dots, QRCodeCorrectionLevel::L);
    printer.justify(JustifyMode::CENTER)?.size(1, 1)?.feed()?.qrcode_option(code, option)?;
    printer.feeds(3)?.partial_cut()?.print()?;
    Ok(())
}
