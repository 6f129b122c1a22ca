//! Code page 858: what a receipt printer in Europe prints, the euro sign among it. Written out here because the crate's own table has
//! another letter in the place of Ò, ¿ and ®, and takes the hyphen for a soft one.

/// The characters from 0x80 on (IBM, code page 858).
const UPPER: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈ€ÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";

/// `text` as the printer takes it: what the page does not have is written with what it has, and with a question mark at last.
pub(super) fn encode(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match byte(character) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(instead(character).as_bytes()),
        }
    }
    bytes
}

/// `text` in the characters that the page has, as [`encode`] writes it: what is laid out must not grow afterwards.
pub(super) fn printable(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match byte(character) {
            Some(_) => plain.push(character),
            None => plain.push_str(instead(character)),
        }
    }
    plain
}

fn byte(character: char) -> Option<u8> {
    if (' '..='~').contains(&character) {
        return u8::try_from(character).ok();
    }
    let place = UPPER.chars().position(|known| known == character)?;
    u8::try_from(0x80 + place).ok()
}

fn instead(character: char) -> &'static str {
    match character {
        'œ' => "oe",
        'Œ' => "OE",
        'Ÿ' => "Y",
        '‘' | '’' => "'",
        '“' | '”' => "\"",
        '–' | '—' => "-",
        '…' => "...",
        '\u{202f}' | '\u{2009}' => " ",
        _ => "?",
    }
}

/// What the printer makes of bytes.
#[cfg(test)]
pub(super) fn decode(bytes: &[u8]) -> String {
    let upper = |byte: u8| UPPER.chars().nth(usize::from(byte) - 0x80).unwrap();
    bytes.iter().map(|byte| if *byte < 0x80 { char::from(*byte) } else { upper(*byte) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn french_and_the_euro_are_held() {
        assert_eq!(UPPER.chars().count(), 128);
        // As Python's codec has them.
        let table = [
            ("é", 0x82),
            ("à", 0x85),
            ("ç", 0x87),
            ("ê", 0x88),
            ("ë", 0x89),
            ("è", 0x8a),
            ("ï", 0x8b),
            ("î", 0x8c),
            ("É", 0x90),
            ("ô", 0x93),
            ("û", 0x96),
            ("ù", 0x97),
            ("«", 0xae),
            ("»", 0xaf),
            ("À", 0xb7),
            ("€", 0xd5),
            ("Ô", 0xe2),
            ("Ò", 0xe3),
            ("Ç", 0x80),
            ("È", 0xd4),
            ("Ê", 0xd2),
            ("°", 0xf8),
            ("·", 0xfa),
            ("-", 0x2d),
        ];
        for (text, byte) in table {
            assert_eq!(encode(text), [byte], "{text}");
        }
        assert_eq!(encode("Cœur d’Œuvre 1\u{202f}234 …\u{1b}"), b"Coeur d'OEuvre 1 234 ...?");
    }
}
