//! Plays `tests/transcripts/*.txt`. What the words mean is in the README beside them.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use pass::crypto::{P256Key, verify_p256};
use pass::domain::card::{PublicKey, Signature};
use pass::virtual_card::{CardInReader, CardMemory, InProcess, MemoryStorage, VirtualCard};
use pass::wire::apdu::{Protocol, Transport as _};

use crate::kit::{
    KEYS, TERMINAL_CHALLENGE, card_certificate, entitled, entitlement, issued, key_certificate, number,
    terminal_certificate, unhex,
};

/// One word of a `>` or `<` line.
#[derive(Debug)]
enum Word {
    Bytes(Vec<u8>),
    Known(String),
    Capture(String, usize),
    Sign(String, Vec<Word>),
    Verified(String, Vec<Word>),
}

/// Splits a line's words; each may be followed by others without a space.
struct Words<'a>(&'a str);

impl Words<'_> {
    fn all(text: &str) -> Vec<Word> {
        let mut words = Words(text);
        let list = words.list();
        assert_eq!(words.0, "", "left over");
        list
    }

    fn list(&mut self) -> Vec<Word> {
        let mut list = Vec::new();
        loop {
            self.0 = self.0.trim_start();
            if self.0.is_empty() || self.0.starts_with(')') {
                return list;
            }
            list.push(self.word());
        }
    }

    fn until(&mut self, end: char) -> String {
        let (word, rest) = self.0.split_once(end).unwrap_or_else(|| panic!("no {end} in {}", self.0));
        self.0 = rest;
        word.to_owned()
    }

    fn signed(&mut self, verb: &str) -> (String, Vec<Word>) {
        self.0 = &self.0[verb.len()..];
        let key = self.until(':');
        let list = self.list();
        self.until(')');
        (key, list)
    }

    fn word(&mut self) -> Word {
        if self.0.starts_with("sign(") {
            let (key, list) = self.signed("sign(");
            return Word::Sign(key, list);
        }
        if self.0.starts_with("verified(") {
            let (key, list) = self.signed("verified(");
            return Word::Verified(key, list);
        }
        if let Some(rest) = self.0.strip_prefix('{') {
            self.0 = rest;
            let name = self.until('}');
            return match name.split_once(':') {
                Some((name, len)) => Word::Capture(name.to_owned(), len.parse().unwrap()),
                None => Word::Known(name),
            };
        }
        if let Some(rest) = self.0.strip_prefix('\'') {
            self.0 = rest;
            return Word::Bytes(self.until('\'').into_bytes());
        }
        let end = self.0.find([' ', ')']).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        Word::Bytes(match word.split_once('*') {
            Some((byte, times)) => unhex(byte).repeat(times.parse().unwrap()),
            None => unhex(word),
        })
    }
}

struct Player {
    card: InProcess<CardInReader>,
    storage: MemoryStorage,
    protocol: Protocol,
    known: HashMap<String, Vec<u8>>,
    answer: Option<Vec<u8>>,
}

impl Player {
    fn new(memory: CardMemory, protocol: Protocol) -> Self {
        let certificate = match &memory {
            CardMemory::Issued(issued) => issued.certificate,
            CardMemory::Blank(_) => card_certificate(|_| {}),
        };
        let granted = match &memory {
            CardMemory::Issued(issued) => issued.entitlement,
            CardMemory::Blank(_) => None,
        };
        let region_key = match &memory {
            CardMemory::Issued(issued) => issued.authority.region_key,
            CardMemory::Blank(_) => key_certificate(3, &KEYS.region),
        };
        let known = [
            ("number", number().get().to_be_bytes().to_vec()),
            ("certificate", certificate.encode().to_vec()),
            ("entitlement", granted.unwrap_or_else(|| entitlement(|_| {})).encode().to_vec()),
            ("terminal", terminal_certificate(|_| {}).encode().to_vec()),
            ("region-key", region_key.encode().to_vec()),
            ("root", KEYS.root.public_key().0.to_vec()),
            ("challenge-of-terminal", TERMINAL_CHALLENGE.0.to_vec()),
        ];
        let known = known.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect();
        let storage = MemoryStorage::new(memory.clone());
        let card = InProcess::of(VirtualCard::new(memory, storage.clone()).unwrap(), protocol);
        Self { card, storage, protocol, known, answer: None }
    }

    fn power(&mut self) {
        let card = VirtualCard::new(self.storage.load(), self.storage.clone()).unwrap();
        self.card = InProcess::of(card, self.protocol);
    }

    fn key(name: &str) -> &'static P256Key {
        match name {
            "root" => &KEYS.root,
            "region" => &KEYS.region,
            "card" => &KEYS.card,
            "terminal" => &KEYS.terminal,
            other => panic!("no key {other}"),
        }
    }

    fn public_key(&self, name: &str) -> PublicKey {
        match self.known.get(name) {
            Some(bytes) if bytes.len() == 65 => PublicKey(bytes.as_slice().try_into().unwrap()),
            _ => Self::key(name).public_key(),
        }
    }

    fn bytes(&self, words: &[Word]) -> Vec<u8> {
        words.iter().flat_map(|word| self.word_bytes(word)).collect()
    }

    fn word_bytes(&self, word: &Word) -> Vec<u8> {
        match word {
            Word::Bytes(bytes) => bytes.clone(),
            Word::Known(name) => self.known.get(name).unwrap_or_else(|| panic!("{name} is not known yet")).clone(),
            Word::Sign(key, words) => Self::key(key).sign(&self.bytes(words)).unwrap().0.to_vec(),
            Word::Capture(name, _) => panic!("{name} can only be captured in an answer"),
            Word::Verified(..) => panic!("a signature can only be verified in an answer"),
        }
    }

    fn send(&mut self, words: &[Word]) {
        assert_eq!(self.answer, None, "an answer that was not looked at");
        self.answer = Some(self.card.transmit(&self.bytes(words)).unwrap());
    }

    fn expect(&mut self, words: &[Word]) {
        let answer = self.answer.take().expect("no answer to look at");
        let mut rest = answer.as_slice();
        let mut take = |len: usize| {
            assert!(rest.len() >= len, "the answer is too short: {}", hex::encode(&answer));
            let (taken, left) = rest.split_at(len);
            rest = left;
            taken.to_vec()
        };
        for word in words {
            match word {
                Word::Capture(name, len) => {
                    let bytes = take(*len);
                    self.known.insert(name.clone(), bytes);
                }
                Word::Verified(key, words) => {
                    let signature = Signature(take(64).try_into().unwrap());
                    let message = self.bytes(words);
                    assert!(verify_p256(&self.public_key(key), &message, &signature), "not signed by {key}");
                }
                Word::Bytes(_) | Word::Known(_) | Word::Sign(..) => {
                    let expected = self.word_bytes(word);
                    assert_eq!(
                        hex::encode(take(expected.len())),
                        hex::encode(&expected),
                        "{word:?} in {}",
                        hex::encode(&answer)
                    );
                }
            }
        }
        assert!(rest.is_empty(), "the answer goes on: {}", hex::encode(rest));
    }
}

/// The lines that mean something, with their numbers: comments gone, continuations joined.
fn lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or("").trim_end();
        if line.is_empty() {
            continue;
        }
        match lines.last_mut() {
            Some((_, before)) if line.starts_with(' ') => before.push_str(line),
            _ => lines.push((index + 1, line.to_owned())),
        }
    }
    lines
}

fn play(path: &Path) {
    let mut player: Option<Player> = None;
    for (number, line) in lines(&fs::read_to_string(path).unwrap()) {
        println!("{}:{number}: {line}", path.display());
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match (verb, player.as_mut()) {
            ("card", _) => {
                let (memory, protocol) = rest.split_once(' ').unwrap();
                let memory = match memory {
                    "blank" => CardMemory::BLANK,
                    "issued" => CardMemory::Issued(Box::new(issued())),
                    "entitled" => entitled(),
                    other => panic!("no card {other}"),
                };
                let protocol = match protocol {
                    "T=0" => Protocol::T0,
                    "T=1" => Protocol::T1,
                    other => panic!("no protocol {other}"),
                };
                player = Some(Player::new(memory, protocol));
            }
            ("power", Some(player)) => player.power(),
            (">", Some(player)) => player.send(&Words::all(rest)),
            ("<", Some(player)) => player.expect(&Words::all(rest)),
            (verb, _) => panic!("{verb}?"),
        }
    }
    assert_eq!(player.expect("no card").answer, None, "the last answer was not looked at");
}

/// One test per file, and a file without a test is noticed.
macro_rules! transcripts {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            play(Path::new(concat!("tests/transcripts/", stringify!($name), ".txt")));
        })*

        #[test]
        fn every_transcript_is_played() {
            let mut files: Vec<String> = fs::read_dir("tests/transcripts")
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter_map(|name| name.strip_suffix(".txt").map(str::to_owned))
                .collect();
            files.sort();
            assert_eq!(files, [$(stringify!($name)),*]);
        }
    };
}

transcripts! { block issuing pulled_out reversal sale_t0 sale_t1 }
