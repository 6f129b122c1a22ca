//! Files that somebody wrote: configurations, the virtual card's memory. Each is read whole or refused with its line.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};

use pass::domain::Season;
use pass::region::config::{CatalogueFile, parse_policy};
use pass::terminal::config::{CommandLine, ConfigError, Settings};
use pass::terminal::region_file::RegionFile;
use pass::virtual_card::{CardMemory, FileStorage, Storage as _};
use tempfile::TempDir;

use super::directory::directory;

thread_local! {
    static PLACE: OnceCell<TempDir> = const { OnceCell::new() };
}

/// A directory of this thread's own.
fn with_place(work: impl FnOnce(&Path)) {
    PLACE.with(|place| work(place.get_or_init(directory).path()));
}

/// Catalogue and policy of the region, configuration of the terminal, the file that its enrolment leaves.
pub(crate) fn config_files(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let lines = text.lines().count() + 1;
        match CatalogueFile::parse(text) {
            Ok(file) => {
                let season = Season::new(2026);
                if let Ok(catalogue) = file.catalogue(season, 1) {
                    assert_eq!((catalogue.season, catalogue.benefits.is_empty()), (season, false));
                }
            }
            Err(error) => assert!(error.line.is_none_or(|line| line <= lines), "{error:?}"),
        }
        if let Ok(policy) = parse_policy(text, 1) {
            assert!(policy.offline_hours.soft <= policy.offline_hours.hard, "it warns before it refuses");
            assert!(policy.waiting_cents.soft <= policy.waiting_cents.hard);
        }
    }
    with_place(|place| {
        let file = place.join("terminal.toml");
        fs::write(&file, bytes).unwrap();
        match Settings::resolve(
            Some(&file),
            CommandLine { data: Some(PathBuf::from("/data")), ..CommandLine::default() },
        ) {
            Ok(settings) => assert!((1..=600).contains(&settings.card_wait.as_secs())),
            Err(ConfigError::Line { line, .. }) => assert!(line >= 1),
            Err(ConfigError::Read { .. }) => (),
            Err(error @ (ConfigError::NoData | ConfigError::Override { .. })) => panic!("{error}"),
        }
        fs::write(place.join("region.toml"), bytes).unwrap();
        if let Ok(Some(read)) = RegionFile::load(place) {
            read.save(place).unwrap();
            assert_eq!(RegionFile::load(place).unwrap(), Some(read));
        }
    });
}

/// The file of a virtual card: what is accepted is a card, and is written as it was read.
pub(crate) fn card_file(bytes: &[u8]) {
    with_place(|place| {
        let file = place.join("card.json");
        fs::write(&file, bytes).unwrap();
        match FileStorage::open(&file) {
            Ok((mut storage, memory)) => {
                storage.save(&memory).unwrap();
                drop(storage);
                let (_, again) = FileStorage::open(&file).unwrap();
                assert_eq!(again, memory);
            }
            Err(error) => {
                assert_eq!(fs::read(&file).unwrap(), bytes, "what is refused is left as it was: {error}");
            }
        }
    });
}

/// Files of a card, as a program wrote them: a blank one, and one that has lived.
#[allow(dead_code, reason = "the search needs no new seeds")]
pub(crate) fn card_file_seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    with_place(|place| {
        for (name, memory) in [("blank", CardMemory::BLANK), ("lived", super::cards::storage().load())] {
            let file = place.join(name);
            let (mut storage, _) = FileStorage::open(&file).unwrap();
            storage.save(&memory).unwrap();
            seeds.push((name.to_owned(), fs::read(&file).unwrap()));
            fs::remove_file(&file).unwrap();
        }
    });
    seeds
}
