//! A counter without a line: its requests go to the region on a stick, and the answers come back on it. Whatever is done wrong with the stick loses
//! nothing.

use std::fs;
use std::process::Command;

use pass::terminal::clock::{Clock as _, SystemClock};
use serde_json::Value;

use crate::kit::{Books, Counter, HERE, PASS_TERMINAL, Region, Story, THERE};
use crate::support::{DEADLINE, poll};

/// A stick, with what is on it.
struct Stick(std::path::PathBuf);

impl Stick {
    fn of(story: &Story) -> Self {
        let place = story.world.stage().place("stick");
        fs::create_dir(&place).unwrap();
        Self(place)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// The counter's request, carried to the region and answered there.
    #[track_caller]
    fn carry(&self, counter: &Counter, region: &Region) -> Value {
        let exported = counter.ask(&["export", "--json", &self.path("demande")]).exits(0).json();
        region.desk("answer", &[&self.path("demande"), &self.path("reponse")]).exits(0);
        exported
    }

    #[track_caller]
    fn import(&self, counter: &Counter, name: &str) -> Value {
        counter.ask(&["import", "--json", &self.path(name)]).exits(0).json()
    }
}

/// Waits until the clock has gone on by a second: what follows is later than what was.
fn a_second_passes() {
    let since = SystemClock::default().now();
    poll(DEADLINE, || (SystemClock::default().now() > since).then_some(())).unwrap();
}

#[test]
fn a_counter_without_a_line_is_paid_by_the_stick() {
    let mut story = Story::begin();
    let stick = Stick::of(&story);
    story.cinema.line.cut();
    let lying = story.lay();
    story.cinema.redeem(&[]).exits(0);
    story.cinema.redeem(&["--seats", "1"]).exits(0);
    let waiting = &story.cinema.status()["exchange"]["waiting_entries"]["value"];
    let exported = stick.carry(&story.cinema, &story.region);
    assert_eq!((&exported["entries"], &exported["left"], &exported["in_doubt"]), (waiting, &0.into(), &0.into()));
    let worth: u64 =
        story.region.entries(story.cinema.id).iter().filter_map(|entry| entry["payable_cents"].as_u64()).sum();
    assert_eq!(exported["owed_cents"], Value::from(worth), "the region owes what the terminal says");

    // The counter sells on while the stick is away.
    story.cinema.redeem(&[]).exits(0);
    let imported = stick.import(&story.cinema, "reponse");
    assert_eq!(
        (&imported["news"], &imported["waiting"], &imported["more"]),
        (&"newest".into(), &1.into(), &false.into())
    );
    assert_eq!(stick.import(&story.cinema, "reponse")["news"], "again");
    let journal = story.cinema.journal();
    assert_eq!((&journal[0]["acknowledged"], &journal[1]["verdict"]), (&false.into(), &"payable".into()));

    // The same when the daemon does not run.
    drop(lying);
    story.cinema.stop();
    let spoken = story.cinema.ask(&["export", &stick.path("demande")]).exits(0).out;
    assert!(spoken.starts_with("DEMANDE ÉCRITE - ") && spoken.contains("dus par la région"), "{spoken}");
    story.region.desk("answer", &[&stick.path("demande"), &stick.path("reponse")]).exits(0);
    let spoken = story.cinema.ask(&["import", &stick.path("reponse")]).exits(0).out;
    assert!(
        spoken.starts_with("RÉPONSE IMPORTÉE - reçu par la région") && spoken.contains("rien en attente"),
        "{spoken}"
    );

    story.cinema.line.mend();
    story.cinema.start();
    let _lying = story.lay();
    assert_eq!(story.books(), Books { consumed: 3, cash: 300 });
}

#[test]
fn a_stick_that_comes_late_or_to_the_wrong_counter_changes_nothing_that_is_newer() {
    let story = Story::begin();
    let stick = Stick::of(&story);
    let other = story.world.counter(&story.region, "Cinéma du Port (inventé)", "cinema", THERE);
    let lying = story.lay();
    story.cinema.redeem(&[]).exits(0);
    stick.carry(&story.cinema, &story.region);
    let sentences = [
        (&other, "reponse", "pour un autre terminal"),
        (&story.cinema, "demande", "portez-la à la région"),
        (&story.cinema, "rien", "vérifiez le nom et la clé"),
    ];
    for (counter, name, says) in sentences {
        let said = counter.ask(&["import", &stick.path(name)]);
        assert!(matches!(said.code, Some(65 | 74)) && said.err.contains(says), "{}{}", said.out, said.err);
    }
    let mut torn = fs::read(stick.path("reponse")).unwrap();
    torn.truncate(torn.len() / 2);
    fs::write(stick.path("abimee"), torn).unwrap();
    assert_eq!(
        story.cinema.ask(&["import", "--json", &stick.path("abimee")]).exits(65).text("reason"),
        "not-an-answer"
    );

    // The line is back before the stick is.
    a_second_passes();
    story.cinema.sync();
    let before = story.cinema.status();
    let imported = stick.import(&story.cinema, "reponse");
    assert_eq!((&imported["news"], &imported["more"]), (&"overtaken".into(), &false.into()), "{imported}");
    assert_eq!(story.cinema.status()["exchange"]["last"], before["exchange"]["last"]);
    drop(lying);
    let _lying = story.card.lay(&story.world, HERE);
    assert_eq!(story.books(), Books { consumed: 1, cash: 100 });
}

#[test]
fn a_stick_that_takes_nothing_loses_nothing() {
    let story = Story::begin();
    let stick = Stick::of(&story);
    let _lying = story.lay();
    story.cinema.redeem(&[]).exits(0);
    story.cinema.ask(&["export", &stick.path("demande")]).exits(0);
    let earlier = fs::read(stick.path("demande")).unwrap();

    // Full, as a limit of the process has it: no byte more fits.
    let full = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh", PASS_TERMINAL, "export", &stick.path("demande")])
        .arg("--data")
        .arg(&story.cinema.data)
        .output()
        .unwrap();
    let said = String::from_utf8(full.stderr).unwrap();
    assert_eq!((full.status.code(), said.contains("n'est pas écrit, et rien n'est perdu")), (Some(74), true), "{said}");
    assert_eq!(fs::read(stick.path("demande")).unwrap(), earlier, "what was there is there");
    assert_eq!(fs::read_dir(&stick.0).unwrap().count(), 1);

    fs::write(stick.path("photo.jpg"), b"of the family").unwrap();
    for (name, code, says) in
        [("photo.jpg", 64, "prenez un autre nom"), ("", 74, "ajoutez un nom"), ("none/demande", 74, "branchée")]
    {
        let said = story.cinema.ask(&["export", &stick.path(name)]).exits(code);
        assert!(said.err.contains(says) && said.out.is_empty(), "{}", said.err);
    }
    assert_eq!(story.books(), Books { consumed: 1, cash: 100 });
}
