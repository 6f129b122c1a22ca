//! What a disk has after the power was cut: everything that was synced, and of what was written since then some sectors and not others.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::chance::Chance;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// What is in a file; nothing when there is none.
pub(crate) fn read(path: &Path) -> Vec<u8> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        read => read.unwrap(),
    }
}

/// A file that was `before` at the last sync and `after` when the power was cut, as it may be found: in order up to some sector, or
/// without some. At least one sector that differs is not there.
pub(crate) fn torn(before: &[u8], after: &[u8], chance: &mut Chance) -> Vec<u8> {
    let old = |sector: usize| before.get(sector * SECTOR..).map_or(&[][..], |rest| &rest[..rest.len().min(SECTOR)]);
    let sectors: Vec<&[u8]> = after.chunks(SECTOR).collect();
    let differ: Vec<usize> = (0..sectors.len()).filter(|sector| old(*sector) != sectors[*sector]).collect();
    let lost = differ[chance.index(differ.len())];
    let in_order = chance.one_in(2);
    let mut found = Vec::with_capacity(after.len());
    for (number, sector) in sectors.iter().enumerate() {
        let gone = number == lost || (number > lost && in_order) || (differ.contains(&number) && chance.one_in(4));
        // Where the file has grown and nothing was written there are zeros.
        let mut bytes = if gone { old(number).to_vec() } else { sector.to_vec() };
        bytes.resize(sector.len(), 0);
        found.extend(bytes);
    }
    if in_order && chance.one_in(2) {
        // The file has not grown either.
        found.truncate((lost * SECTOR).max(before.len()));
    }
    found
}
