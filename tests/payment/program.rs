//! `pass-card tpe` as trainers run it.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use pass::domain::payment::{Doubt, Reason, Way};
use pass::domain::{Cents, PaymentId};
use pass::payment::client::{Deadlines, Tpe};
use pass::payment::{Register, Request};

/// The program, until it is dropped.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn started(arguments: &[&str]) -> (Program, Lines<BufReader<ChildStdout>>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pass-card"));
    command.args(["tpe", "--listen", "127.0.0.1:0"]).args(arguments).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines.next().unwrap().unwrap();
    let address = ready.strip_prefix("ready ").unwrap().to_owned();
    (Program(child), lines, address)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_behaves_as_it_is_told_and_counts_the_money() {
    let directory = tempfile::tempdir().unwrap();
    let count = directory.path().join("money.json");
    let plan = ["--behaviour", "approve,red-button,close-paid", "--count", count.to_str().unwrap()];
    let (_program, mut lines, address) = started(&plan);
    let deadlines = Deadlines { quiet: Duration::from_millis(200), ..Deadlines::default() };
    let tpe = Tpe::new(address, Register::FIRST, deadlines);
    let euro = Cents::from_u32(100);
    let story = [
        (Way::Charge, Ok(Ok(euro)), "charge 1.00 approve 1.00", (100, 0)),
        (Way::Charge, Ok(Err(Reason::OperatorAbandoned)), "charge 1.00 red-button -", (100, 0)),
        (Way::Charge, Err(Doubt::Closed), "charge 1.00 close-paid 1.00", (200, 0)),
        (Way::Refund, Err(Doubt::Closed), "refund 1.00 close-paid 1.00", (200, 100)),
    ];
    for (way, said, line, (charged, refunded)) in story {
        let request = Request::new(Register::FIRST, PaymentId::new([1; 16]), way, euro).unwrap();
        let mut there = tpe.connect().await.unwrap();
        there.write(&request).await.unwrap();
        assert_eq!(there.answer(&request).await, said);
        assert_eq!(lines.next().unwrap().unwrap(), line);
        let counted: serde_json::Value = serde_json::from_slice(&std::fs::read(&count).unwrap()).unwrap();
        assert_eq!(counted, serde_json::json!({ "charged_cents": charged, "refunded_cents": refunded }));
    }
}

#[test]
fn a_behaviour_that_is_not_there_is_answered_with_those_that_are() {
    let said = Command::new(env!("CARGO_BIN_EXE_pass-card")).args(["tpe", "--behaviour", "rob"]).output().unwrap();
    assert_eq!(said.status.code(), Some(64));
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains("red-button") && said.contains("close-paid"), "{said}");
}
