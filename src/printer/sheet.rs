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

#[cfg(test)]
mod tests {
    use super::super::layout::tests::receipt;
    use super::super::layout::{Line, lines};
    use super::*;

    /// What a printer makes of the bytes, by the manual of the family (Epson, ESC/POS command reference): a decoder of its own, which knows
    /// no command that is not here and stops at it.
    #[derive(Debug, Default)]
    struct Printed {
        lines: Vec<Line>,
        codes: Vec<String>,
        page: Option<u8>,
        kanji_off: bool,
        pulses: u32,
        cuts: u32,
    }

    fn printed(mut bytes: &[u8]) -> Printed {
        let mut paper = Printed::default();
        let (mut text, mut justify, mut size, mut stored) = (Vec::new(), 0, 0, Vec::new());
        while !bytes.is_empty() {
            let taken = match bytes {
                [0x1b, b'@', ..] => 2,
                [0x1c, b'.', ..] => {
                    paper.kanji_off = true;
                    2
                }
                [0x1b, b't', page, ..] => {
                    paper.page = Some(*page);
                    3
                }
                [0x1b, b'p', 0, on, off, ..] => {
                    assert!(*on > 0 && *off > *on, "a pulse and a rest");
                    paper.pulses += 1;
                    5
                }
                [0x1b, b'a', place, ..] => {
                    justify = *place;
                    3
                }
                [0x1d, b'!', width_and_height, ..] => {
                    size = *width_and_height;
                    3
                }
                [0x1b, b'd', count, ..] => {
                    let style = match (size, justify) {
                        (0, 0) => Style::Plain,
                        (0, _) => Style::Centred,
                        _ => Style::Large,
                    };
                    let line = pc858::decode(&std::mem::take(&mut text));
                    paper.lines.push(Line { style, text: line });
                    paper.lines.extend((1..*count).map(|_| Line { style: Style::Plain, text: String::new() }));
                    3
                }
                [0x1d, b'V', 0 | 1 | 48 | 49, ..] => {
                    paper.cuts += 1;
                    3
                }
                [0x1d, b'V', 65 | 66, _, ..] => {
                    paper.cuts += 1;
                    4
                }
                [0x1d, b'(', b'k', low, high, data @ ..] => {
                    let length = usize::from(*low) + 256 * usize::from(*high);
                    match &data[..length] {
                        [49, 80, 48, code @ ..] => stored = code.to_vec(),
                        [49, 81, 48] => paper.codes.push(String::from_utf8(stored.clone()).unwrap()),
                        [49, 65 | 67 | 69, ..] => (),
                        other => panic!("no such symbol: {other:?}"),
                    }
                    5 + length
                }
                [character, ..] if *character >= b' ' => {
                    text.push(*character);
                    1
                }
                other => panic!("no such command: {:x?}", &other[..other.len().min(8)]),
            };
            bytes = &bytes[taken..];
        }
        assert!(text.is_empty(), "everything is on paper");
        paper
    }

    #[test]
    fn a_printer_prints_the_lines_and_the_code() {
        for width in Width::ALL {
            let receipt = receipt();
            let code = format!("PASS1:{}", "A2345678".repeat(75));
            let wanted = lines(&receipt, width);
            let paper = printed(&sheet(&wanted, &code, width, Drawer::Open));
            assert_eq!(paper.lines[..wanted.len()], wanted);
            assert!(paper.lines.iter().any(|line| line.text.contains("Coeur")), "the page has no œ");
            assert_eq!(paper.codes, [code.as_str()]);
            assert_eq!((paper.page, paper.kanji_off, paper.pulses, paper.cuts), (Some(19), true, 1, 1));
            assert_eq!(printed(&sheet(&wanted, &code, width, Drawer::Shut)).pulses, 0);
        }
    }
}
