//! How faults are written on the command line: `before:DEBIT`, `after:3`, `DEBIT:6985`.

use crate::virtual_card::{Effect, Fault, When};
use crate::wire::apdu::StatusWord;
use crate::wire::card::Instruction;

/// Reads `before:COMMAND`, `after:COMMAND`, with the name of a command or the number of an APDU.
pub(super) fn pull(text: &str) -> Result<Fault, String> {
    let effect = match text.split_once(':') {
        Some(("before", _)) => Effect::LeaveBefore,
        Some(("after", _)) => Effect::LeaveAfter,
        _ => return Err("before:COMMAND / after:COMMAND".to_owned()),
    };
    let command = text.split_once(':').map_or("", |(_, command)| command);
    Ok(Fault { when: when(command)?, effect })
}

/// Reads `COMMAND:SW`, the status word with four hexadecimal digits.
pub(super) fn lie(text: &str) -> Result<Fault, String> {
    let (command, status) = text.split_once(':').ok_or("COMMAND:SW")?;
    let digits = status.len() == 4 && status.bytes().all(|digit| digit.is_ascii_hexdigit());
    let status = u16::from_str_radix(status, 16).ok().filter(|_| digits).ok_or("SW: 6985, 9000")?;
    Ok(Fault { when: when(command)?, effect: Effect::Lie(StatusWord(status)) })
}

fn when(command: &str) -> Result<When, String> {
    if let Ok(number) = command.parse() {
        return if number > 0 { Ok(When::Nth(number)) } else { Err("1, 2, 3 ...".to_owned()) };
    }
    let spoken = |instruction: &Instruction| instruction.name().replace(' ', "-").eq_ignore_ascii_case(command);
    let names = || Instruction::ALL.map(|instruction| instruction.name().replace(' ', "-")).join(", ");
    Instruction::ALL.into_iter().find(spoken).map(When::Next).ok_or_else(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_as_people_write_them() {
        let next = Fault::next;
        assert_eq!(pull("before:DEBIT"), Ok(next(Instruction::Debit, Effect::LeaveBefore)));
        assert_eq!(pull("after:put-entitlement"), Ok(next(Instruction::PutEntitlement, Effect::LeaveAfter)));
        assert_eq!(pull("after:3"), Ok(Fault::nth(3, Effect::LeaveAfter)));
        assert_eq!(lie("debit:6985"), Ok(next(Instruction::Debit, Effect::Lie(StatusWord(0x6985)))));
        for wrong in ["DEBIT", "during:DEBIT", "before:", "before:0", "after:DEBT"] {
            assert!(pull(wrong).is_err(), "{wrong}");
        }
        for wrong in ["DEBIT", "DEBIT:", "DEBIT:+985", "DEBIT:69850", ":6985"] {
            assert!(lie(wrong).is_err(), "{wrong}");
        }
    }
}
