//! The targets of `fuzz/`, run briefly on stable Rust: every kept input, and changes of them that a seed draws. What a longer search has
//! found is kept as an input, and so is a test from then on.
//!
//! `make fuzz SECONDS=N` searches for new inputs with cargo-fuzz. `FUZZING_SECONDS` and `FUZZING_SEED` make this program run longer and elsewhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod mutate;
mod seeds;
mod targets;

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mutate::Dice;
use targets::{TARGETS, Target};

/// How long each target's changed inputs run in all when nothing else is said.
const SECONDS: u64 = 2;
/// At least so many changed inputs of each target, however slow the machine is.
const RUNS_MIN: u32 = 50;

/// A kept input: the name of its file, and its bytes.
type Input = (String, Vec<u8>);

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target)
}

/// The kept inputs of a target, by name.
fn kept(target: &str) -> Vec<Input> {
    let mut inputs: Vec<_> = fs::read_dir(folder(target))
        .unwrap_or_else(|error| panic!("fuzz/seeds/{target}: {error}"))
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "{target} has no kept input");
    inputs
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is a whole number")))
}

/// Runs one input; a failure says how to run it again.
fn run((name, target): Target, input: &[u8], from: &str) {
    if catch_unwind(|| target(input)).is_err() {
        let found = std::env::temp_dir().join(format!("fuzzing-{name}"));
        fs::write(&found, input).unwrap();
        panic!("{name} fails on {from}; the input is in {}: keep it in fuzz/seeds/{name}/", found.display());
    }
}

fn short(target: Target) {
    let (name, _) = target;
    let inputs = kept(name);
    for (file, input) in &inputs {
        run(target, input, &format!("fuzz/seeds/{name}/{file}"));
    }
    let seed = number("FUZZING_SEED").unwrap_or(1);
    let (patience, begun) = (Duration::from_secs(number("FUZZING_SECONDS").unwrap_or(SECONDS)), Instant::now());
    let mut dice = Dice::new(seed);
    let mut runs = 0;
    while runs < RUNS_MIN || begun.elapsed() < patience {
        let input = dice.changed(&inputs);
        run(target, &input, &format!("change {runs} of seed {seed}"));
        runs += 1;
    }
    println!("{name}: {} kept inputs, {runs} changed ones", inputs.len());
}

fn named(name: &str) -> Target {
    *TARGETS.iter().find(|(is, _)| *is == name).unwrap()
}

macro_rules! targets {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            short(named(stringify!($name)));
        })*

        #[test]
        fn every_target_is_run_here_and_by_cargo_fuzz() {
            assert_eq!([$(stringify!($name)),*].as_slice(), TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
            let manifest = include_str!("../../fuzz/Cargo.toml");
            for (name, _) in TARGETS {
                let shim = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fuzz/fuzz_targets/{name}.rs"));
                assert!(fs::read_to_string(shim).unwrap().contains(&format!("run(\"{name}\")")), "{name}");
                assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is no program of fuzz/Cargo.toml");
            }
        }
    };
}

targets! {
    activation_code,
    bank_terminal,
    card_answers,
    card_commands,
    card_file,
    card_objects,
    config_files,
    enrolment_messages,
    entries,
    envelopes,
    exchange_answer,
    exchange_request,
    feed_pages,
    hostile_region,
    hostile_terminal,
    local_api,
    region_http,
    texts,
}

/// The kept inputs stay few and small: a clone has them all.
#[test]
fn the_kept_inputs_are_small() {
    let bytes: usize = TARGETS.iter().flat_map(|(name, _)| kept(name)).map(|(_, input)| input.len()).sum();
    assert!(bytes < 300 * 1024, "{bytes} bytes of kept inputs");
}
