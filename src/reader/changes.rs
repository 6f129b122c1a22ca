//! What changed between two looks at the readers. Pure.

use super::fault::WhyUnavailable;
use super::name::ReaderName;
use super::watcher::ReaderEvent;

/// What is in a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    /// No card.
    Nothing,
    /// A card that does not answer to reset.
    Mute,
    /// A card, and its answer to reset.
    Card(Vec<u8>),
}

/// One reader at one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) reader: ReaderName,
    pub(super) inside: Inside,
    /// pcscd's count of cards that came or went: two looks that differ in it did not see the same card.
    pub(super) count: u32,
}

/// The events that lead from one look to the next (`None`: pcscd could not be asked): first what left, then the readers if they
/// are others, then what came. A reader that was not there before is like an empty one.
pub(super) fn changes(before: Option<&[Seen]>, now: &[Seen]) -> Vec<ReaderEvent> {
    let readers = |seen: &[Seen]| seen.iter().map(|one| one.reader.clone()).collect::<Vec<_>>();
    let known = before.unwrap_or_default();

    let mut events = gone(known.iter().filter(|old| !now.contains(old)));
    if before.map(readers).as_ref() != Some(&readers(now)) {
        events.push(match now {
            [] => ReaderEvent::Unavailable(WhyUnavailable::NoReader),
            _ => ReaderEvent::Readers(readers(now)),
        });
    }
    let came = now.iter().filter(|new| !known.contains(new));
    events.extend(came.filter_map(|new| {
        let reader = new.reader.clone();
        match &new.inside {
            Inside::Nothing => None,
            Inside::Mute => Some(ReaderEvent::CardUnreadable { reader }),
            Inside::Card(atr) => Some(ReaderEvent::CardPresent { reader, atr: atr.clone() }),
        }
    }));
    events
}

/// That all these are gone, as far as there was a card in them.
pub(super) fn gone<'a>(seen: impl Iterator<Item = &'a Seen>) -> Vec<ReaderEvent> {
    seen.filter(|old| old.inside != Inside::Nothing)
        .map(|old| ReaderEvent::CardGone { reader: old.reader.clone() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(reader: &str) -> ReaderName {
        ReaderName::new(reader).unwrap()
    }

    /// "A:3:card" - reader, count, what is inside ("-" nothing, "?" mute, else the ATR).
    fn look(readers: &str) -> Vec<Seen> {
        let one = |text: &str| {
            let parts: Vec<_> = text.split(':').collect();
            let inside = match parts[2] {
                "-" => Inside::Nothing,
                "?" => Inside::Mute,
                atr => Inside::Card(atr.into()),
            };
            Seen { reader: name(parts[0]), inside, count: parts[1].parse().unwrap() }
        };
        readers.split_whitespace().map(one).collect()
    }

    fn tell(event: &ReaderEvent) -> String {
        match event {
            ReaderEvent::Readers(names) => {
                format!("readers {}", names.iter().map(ToString::to_string).collect::<Vec<_>>().join("+"))
            }
            ReaderEvent::CardPresent { reader, atr } => format!("{reader} has {}", String::from_utf8_lossy(atr)),
            ReaderEvent::CardUnreadable { reader } => format!("{reader} has an unreadable card"),
            ReaderEvent::CardGone { reader } => format!("{reader} gone"),
            ReaderEvent::Unavailable(why) => why.to_string(),
        }
    }

    #[test]
    fn every_change_is_told_once_and_in_order() {
        let table: &[(&str, &str, &[&str])] = &[
            ("no service", "", &["no card reader is connected"]),
            ("no service", "A:0:-", &["readers A"]),
            ("no service", "A:1:x", &["readers A", "A has x"]),
            ("", "", &[]),
            ("", "A:1:x", &["readers A", "A has x"]),
            ("A:0:-", "A:0:-", &[]),
            ("A:0:-", "A:1:x", &["A has x"]),
            ("A:1:x", "A:1:x", &[]),
            ("A:1:x", "A:2:-", &["A gone"]),
            // Came and went between two looks: nobody could have used it.
            ("A:0:-", "A:2:-", &[]),
            // Another card, and the same card put back: both are a new tap.
            ("A:1:x", "A:3:y", &["A gone", "A has y"]),
            ("A:1:x", "A:3:x", &["A gone", "A has x"]),
            // The count starts anew with pcscd.
            ("A:7:x", "A:1:x", &["A gone", "A has x"]),
            ("A:0:-", "A:1:?", &["A has an unreadable card"]),
            ("A:1:?", "A:2:-", &["A gone"]),
            ("A:1:?", "A:1:x", &["A gone", "A has x"]),
            // Readers come and go with their cards.
            ("A:1:x B:0:-", "B:0:-", &["A gone", "readers B"]),
            ("B:0:-", "A:1:x B:0:-", &["readers A+B", "A has x"]),
            ("A:1:x", "B:1:x", &["A gone", "readers B", "B has x"]),
            ("A:1:x", "", &["A gone", "no card reader is connected"]),
            // One reader's business is not another's.
            ("A:1:x B:0:-", "A:1:x B:1:y", &["B has y"]),
            ("A:1:x B:1:y", "A:2:- B:3:z", &["A gone", "B gone", "B has z"]),
        ];
        for (before, now, told) in table {
            let before_known = (*before != "no service").then(|| look(before));
            let got: Vec<_> = changes(before_known.as_deref(), &look(now)).iter().map(tell).collect();
            assert_eq!(got, *told, "from {before:?} to {now:?}");
        }
    }
}
