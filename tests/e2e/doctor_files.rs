//! `doctor`, where files, their owners, the service or what answers in its place and the region's are wrong, each for real.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::thread;

use rusqlite::Connection;

use crate::doctor::{codes, found, of};
use crate::doctor_readers::own_mounts;
use crate::kit::{PASS_TERMINAL, Story};

/// Somebody with no rights here.
const NOBODY: u32 = 65_534;

/// Changes a byte of an entry, with its rules taken away for that and put back, so that nothing but the chain can tell.
fn forge_an_entry(ledger: &Path) {
    let file = Connection::open(ledger).unwrap();
    let rule = "SELECT sql FROM sqlite_schema WHERE name = 'entry_never_changed'";
    let rule: String = file.query_row(rule, [], |row| row.get(0)).unwrap();
    file.execute_batch(
        "DROP TRIGGER entry_never_changed; UPDATE entry SET cose = CAST(cose || x'00' AS BLOB) WHERE sequence = 1",
    )
    .unwrap();
    file.execute_batch(&rule).unwrap();
}

#[test]
fn a_ledger_and_keys_that_were_changed_and_a_service_that_says_nothing_are_named() {
    let mut story = Story::begin();
    story.cinema.sync();
    story.cinema.stop();
    let data = story.cinema.data.clone();

    // Something listens in the place of the service, and never answers.
    let socket = data.join("socket");
    let _ = fs::remove_file(&socket);
    let silent = UnixListener::bind(&socket).unwrap();
    assert_eq!(codes(&story.cinema), ["daemon-silent"]);
    drop(silent);
    fs::remove_file(&socket).unwrap();

    let key = data.join("keys/card.pk8");
    let whole = fs::read(&key).unwrap();
    fs::write(&key, &whole[1..]).unwrap();
    assert_eq!(found(&story.cinema, &[]), (vec!["key-unusable".to_owned(), "daemon-absent".to_owned()], 2));
    fs::write(&key, &whole).unwrap();

    forge_an_entry(&data.join("ledger.db"));
    assert_eq!(codes(&story.cinema), ["ledger-damaged", "daemon-absent"]);
}

#[test]
fn files_of_another_and_whoever_may_not_read_them_are_named() {
    let story = Story::begin();
    story.cinema.sync();
    let data = &story.cinema.data;
    if fs::metadata(data).unwrap().uid() != 0 {
        println!("Not looked at: only root can give files away, and ask as somebody else.");
        return;
    }
    std::os::unix::fs::chown(data.join("keys/entry.pk8"), Some(NOBODY), None).unwrap();
    assert_eq!(found(&story.cinema, &[]), (vec!["data-owner".to_owned()], 1));
    std::os::unix::fs::chown(data.join("keys/entry.pk8"), Some(0), None).unwrap();

    // Who may see the directory, and neither read the ledger nor speak to the service.
    let program = story.world.stage().place("pass-terminal");
    fs::copy(PASS_TERMINAL, &program).unwrap();
    for directory in [program.parent().unwrap(), data] {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = story.world.stage().command(program.to_str().unwrap());
    let arguments = ["doctor", "--json", "--data", data.to_str().unwrap()];
    let asked = command.args(arguments).uid(NOBODY).gid(NOBODY).output().unwrap();
    let codes = of(&asked.stdout);
    assert!(
        codes.contains(&"data-not-readable".to_owned()) && codes.contains(&"daemon-refused".to_owned()),
        "{codes:?}"
    );
}

#[test]
fn a_clock_that_is_not_the_regions_is_named() {
    let mut story = Story::begin();
    story.cinema.sync();
    story.cinema.stop();
    // A region that is well, and of another century.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = story.world.stage().place("clock.toml");
    fs::write(&config, format!("region = \"http://{}/\"\n", listener.local_addr().unwrap())).unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut asked = [0; 4096];
            let answer = "HTTP/1.1 405 Method Not Allowed\r\ncontent-type: application/problem+json\r\n\
                          date: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            // Whoever hangs up is not waited for.
            if client.read(&mut asked).is_ok() {
                let _ = client.write_all(answer.as_bytes());
            }
        }
    });
    let named = found(&story.cinema, &["--config", config.to_str().unwrap()]);
    assert_eq!(named, (vec!["daemon-absent".to_owned(), "clock-off".to_owned()], 2));
}

#[test]
fn a_disk_that_is_short_and_a_layer_of_a_container_are_named() {
    let Some(way) = own_mounts() else {
        println!("Not looked at: this machine lets nobody here have mounts of their own, as root and `unshare` would.");
        return;
    };
    let place = tempfile::tempdir().unwrap();
    let disk = "mount -t tmpfs -o size=300m none \"$0\"";
    let layer =
        "cd \"$0\" && mkdir a b c data && mount -t overlay -o lowerdir=a,upperdir=b,workdir=c none data || exit 77";
    let data = place.path().join("data");
    let table = [
        (disk.to_owned(), place.path(), ["disk-low", "file-system-memory"]),
        (format!("{disk} && {{ {layer}; }}"), &data, ["disk-low", "file-system-overlay"]),
    ];
    for (mounts, data, expected) in table {
        let script = format!("{mounts} && exec \"$@\"");
        let inside = ["sh", "-c", &script, place.path().to_str().unwrap(), PASS_TERMINAL, "doctor", "--json", "--data"];
        let asked = Command::new(way[0]).args(&way[1..]).args(inside).arg(data).output().unwrap();
        if asked.status.code() == Some(77) {
            println!("Not looked at: this machine has no overlays.");
            continue;
        }
        let said = String::from_utf8_lossy(&asked.stdout);
        for code in expected {
            assert!(said.contains(&format!("\"{code}\"")), "{code}: {said}{}", String::from_utf8_lossy(&asked.stderr));
        }
    }
}
