//! A region with terminals and cards before anything happened: made once, by the real enrolment and the real card bureau, and copied for each run.

use std::fs;
use std::path::{Path, PathBuf};

use pass::crypto::{enrolment_key, mac0, verify_mac0};
use pass::domain::catalogue::Code;
use pass::domain::{CardNumber, PartnerId, RequestId, Season, TerminalId, Timestamp};
use pass::ledger::{Ledger, TerminalKeys, verify_answer};
use pass::region::Region;
use pass::region::config::CatalogueFile;
use pass::region::desk::{CODE_HOURS, Corrections};
use pass::virtual_card::{CardInReader, CardMemory, InProcess, MemoryStorage, VirtualCard};
use pass::wire::apdu::Protocol;
use pass::wire::cbor::{decode, encode};
use pass::wire::cose::{Content, Mac0};
use pass::wire::exchange::{EnrolmentAnswer, EnrolmentRequest, Health, PROTOCOL_VERSION};
use tempfile::TempDir;

use crate::directory::directory;

/// A Saturday evening in the season 2026.
const EVENING: Timestamp = Timestamp::new(1_795_891_200);
const SEASON: Season = Season::new(2026);

/// Few seats, and books by the cent.
const CATALOGUE: &str = r#"
[[benefit]]
slot = 0
code = "cinema"
label-fr = "Cinéma"
label-en = "Cinema"
unit = "seat"
contribution-cents = 100
region-pays-cents = 400
activities = ["cinema"]
redemption-max = 2
grants = { lycee = 4 }

[[benefit]]
slot = 1
code = "leisure-books"
label-fr = "Livres loisirs"
label-en = "Leisure books"
unit = "cent"
activities = ["bookshop"]
day-max = 1500
grants = { lycee = 3000 }

[[benefit]]
slot = 2
code = "sport-licence"
label-fr = "Licence sportive"
label-en = "Sport licence"
unit = "cent"
activities = ["sports-club"]
once = true
grants = { lycee = 3000 }
"#;

/// What each terminal's partner does.
const PARTNERS: [&[&str]; 5] =
    [&["cinema"], &["cinema"], &["bookshop"], &["cinema", "bookshop", "sports-club"], &["cinema"]];
const CARDS: u32 = 6;

pub(crate) struct Template {
    directory: TempDir,
    pub(crate) beginning: Timestamp,
    pub(crate) terminals: Vec<TerminalId>,
    /// By growing number, so that whatever goes by number goes the same in every run.
    pub(crate) cards: Vec<(CardNumber, CardMemory)>,
}

/// The two beginnings.
pub(crate) struct Templates {
    season: Template,
    last_day: Template,
}

impl Templates {
    pub(crate) fn make() -> Self {
        Self { season: Template::of_a_season(), last_day: Template::of_a_last_day() }
    }

    /// Every fourth run begins on the last day of a season.
    pub(crate) fn of(&self, seed: u64) -> &Template {
        if seed % 4 == 3 { &self.last_day } else { &self.season }
    }
}

fn code(code: &str) -> Code {
    Code::new(code).unwrap()
}

impl Template {
    /// In the middle of a season.
    pub(crate) fn of_a_season() -> Self {
        let beginning = EVENING;
        let catalogue = CatalogueFile::parse(CATALOGUE).unwrap();
        let directory = directory();
        let region = Region::create(&directory.path().join("region"), &catalogue, SEASON, beginning).unwrap();
        Self::of_region(directory, &region, beginning)
    }

    /// On its last day: the next one's catalogue is there, and half of the cards are revalidated.
    pub(crate) fn of_a_last_day() -> Self {
        let beginning = SEASON.ends().minus(20 * 3600);
        let catalogue = CatalogueFile::parse(CATALOGUE).unwrap();
        let directory = directory();
        let region = Region::create(&directory.path().join("region"), &catalogue, SEASON, beginning).unwrap();
        region.publish_catalogue("next", &catalogue, SEASON.next(), beginning).unwrap();
        let template = Self::of_region(directory, &region, beginning);
        for (card, _) in template.cards.iter().step_by(2) {
            region.entitle_card(*card, Some(SEASON.next()), &Corrections::default(), beginning).unwrap();
        }
        template
    }

    fn of_region(directory: TempDir, region: &Region, beginning: Timestamp) -> Self {
        let mut cards: Vec<_> = (0..CARDS).map(|_| issue(region, beginning)).collect();
        cards.sort_by_key(|(number, _)| *number);
        let mut terminals = Vec::new();
        for activities in PARTNERS {
            let activities = activities.iter().map(|activity| code(activity)).collect();
            let partner = region.add_partner("Le Phare (inventé)", activities, beginning).unwrap();
            let path = directory.path().join(format!("terminal-{}", terminals.len()));
            terminals.push(enrol(region, partner, &path, beginning));
        }
        Self { directory, beginning, terminals, cards }
    }

    /// The region's directory.
    pub(crate) fn region(&self) -> PathBuf {
        self.directory.path().join("region")
    }

    /// The directory of the terminal at `index`.
    pub(crate) fn terminal(&self, index: usize) -> PathBuf {
        self.directory.path().join(format!("terminal-{index}"))
    }
}

fn issue(region: &Region, now: Timestamp) -> (CardNumber, CardMemory) {
    let storage = MemoryStorage::new(CardMemory::BLANK);
    let card = VirtualCard::new(CardMemory::BLANK, storage.clone()).unwrap();
    let mut reader = InProcess::new(CardInReader::new(card, Protocol::T1), Protocol::T1);
    let number = region.issue_card(&mut reader, &code("lycee"), now).unwrap();
    (number, storage.load())
}

/// A new terminal of `partner` in `path`, with its first exchange behind it.
fn enrol(region: &Region, partner: PartnerId, path: &Path, now: Timestamp) -> TerminalId {
    let code = region.add_terminal(partner, None, false, CODE_HOURS, now).unwrap();
    fs::create_dir_all(path).unwrap();
    let keys = TerminalKeys::load_or_generate(path).unwrap();
    let request = EnrolmentRequest {
        protocol: PROTOCOL_VERSION,
        terminal: code.terminal,
        entry_key: keys.entry.public_key().0,
        card_key: keys.card.public_key(),
    };
    let key = enrolment_key(&code).unwrap();
    let message = mac0(&key, Content::EnrolmentRequest, code.terminal, encode(&request)).encode();
    let answer = Mac0::decode(&region.enrol(&message, now).unwrap(), Content::EnrolmentAnswer).unwrap();
    assert!(verify_mac0(&answer, &key));
    let answer: EnrolmentAnswer = decode(&answer.payload).unwrap();
    let mut ledger = Ledger::create(path, keys.entry, &answer, now).unwrap();
    let health = Health { version: "simulation".to_owned(), disk_free_bytes: 0 };
    let request = ledger.view().next_request(RequestId::new([0; 16]), now, &[], health).unwrap();
    let answer = region.exchange(&ledger.sign_request(&request).unwrap(), now).unwrap();
    let verified = verify_answer(&answer, ledger.view().trusted_keys(), &request).unwrap();
    ledger.apply_answer(&verified, now).unwrap();
    code.terminal
}
