//! What the client says of each behaviour, and the money that the bank terminal took meanwhile.

use std::net::TcpListener;
use std::thread::JoinHandle;
use std::time::Duration;

use pass::domain::payment::{Doubt, Ended, Reason, Way};
use pass::domain::{Cents, PaymentId};
use pass::payment::client::{ConnectError, Deadlines, Line, Tpe, TrialError};
use pass::payment::{Register, Request};
use pass::virtual_tpe::{Behaviour, Money, VirtualTpe};

const PAYMENT: PaymentId = PaymentId::new([0x5A; 16]);
const EURO: Cents = Cents::from_u32(100);
/// How long a person takes here.
const PERSON: Duration = Duration::from_millis(700);

/// Short where a test waits for it to end, long where it must not.
fn deadlines(answer: Duration) -> Deadlines {
    let long = Duration::from_secs(30);
    Deadlines { connect: long, write: long, answer, quiet: Duration::from_millis(200), trial: long }
}

/// A bank terminal that behaves so, and serves `connections` of them; in the end it says what it took.
fn bank_terminal(behaviour: Behaviour, connections: usize) -> (String, JoinHandle<Money>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut tpe = VirtualTpe::new(listener, vec![behaviour], PERSON, Money::default());
    let address = tpe.address().unwrap().to_string();
    let serving = std::thread::spawn(move || {
        for _ in 0..connections {
            tpe.serve_one(|_| Ok(())).unwrap();
        }
        tpe.money()
    });
    (address, serving)
}

fn request(way: Way) -> Request {
    Request::new(Register::FIRST, PAYMENT, way, EURO).unwrap()
}

async fn asked(mut line: Line, way: Way) -> Result<Ended, Doubt> {
    line.write(&request(way)).await?;
    line.answer(&request(way)).await
}

/// What the client says of one payment, and what the bank terminal took.
async fn paid(behaviour: Behaviour, way: Way) -> (Result<Ended, Doubt>, Money) {
    let (address, serving) = bank_terminal(behaviour, 1);
    let waits = match behaviour {
        Behaviour::Silent | Behaviour::SilentPaid => Duration::from_millis(300),
        _ => Duration::from_secs(30),
    };
    let tpe = Tpe::new(address, Register::FIRST, deadlines(waits));
    let said = asked(tpe.connect().await.unwrap(), way).await;
    (said, serving.join().unwrap())
}

fn charged(cents: u32) -> Money {
    Money { charged: Cents::from_u32(cents), ..Money::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_of_each_behaviour_and_what_was_taken() {
    let amount = |cents| Ok(Ok(Cents::from_u32(cents)));
    let table: [(Behaviour, Result<Ended, Doubt>, u32); 17] = [
        (Behaviour::Approve, amount(100), 100),
        (Behaviour::Refuse, Ok(Err(Reason::Refused)), 0),
        (Behaviour::RedButton, Ok(Err(Reason::OperatorAbandoned)), 0),
        (Behaviour::Partial, amount(50), 50),
        (Behaviour::Padded, amount(100), 100),
        (Behaviour::Split, amount(100), 100),
        (Behaviour::Silent, Err(Doubt::NoAnswer), 0),
        (Behaviour::SilentPaid, Err(Doubt::NoAnswer), 100),
        (Behaviour::Close, Err(Doubt::Closed), 0),
        (Behaviour::ClosePaid, Err(Doubt::Closed), 100),
        (Behaviour::Cut, Err(Doubt::Closed), 100),
        (Behaviour::Busy, Err(Doubt::Closed), 0),
        (Behaviour::WrongAmount, amount(200), 200),
        (Behaviour::Garbage, Err(Doubt::Unreadable), 100),
        (Behaviour::OtherPayment, Err(Doubt::NotOurs), 100),
        (Behaviour::Slow, amount(100), 100),
        (Behaviour::OldVersion, Ok(Err(Reason::Format)), 0),
    ];
    assert_eq!(table.map(|(behaviour, ..)| behaviour), Behaviour::ALL);
    for (behaviour, said, cents) in table {
        assert_eq!(paid(behaviour, Way::Charge).await, (said, charged(cents)), "{behaviour:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_known_for_sure_is_what_was_taken() {
    for behaviour in Behaviour::ALL {
        let (said, money) = paid(behaviour, Way::Charge).await;
        match said {
            Ok(Ok(amount)) => assert_eq!(money.charged, amount, "{behaviour:?}"),
            Ok(Err(_)) => assert_eq!(money.charged, Cents::ZERO, "{behaviour:?}"),
            Err(_) => assert!(money.charged <= EURO, "{behaviour:?}: nobody knows, and nothing is said"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_goes_back_the_same_way() {
    let back = Money { refunded: EURO, ..Money::default() };
    assert_eq!(paid(Behaviour::Approve, Way::Refund).await, (Ok(Ok(EURO)), back));
    assert_eq!(paid(Behaviour::ClosePaid, Way::Refund).await, (Err(Doubt::Closed), back));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_payment_is_on_the_line_at_a_time() {
    let (address, serving) = bank_terminal(Behaviour::Slow, 1);
    let tpe = Tpe::new(address, Register::FIRST, deadlines(Duration::from_secs(30)));
    let first = tokio::spawn(asked(tpe.connect().await.unwrap(), Way::Charge));
    // Also for its clones, and for a trial.
    assert!(matches!(tpe.clone().connect().await, Err(ConnectError::Busy)));
    assert!(matches!(tpe.try_out().await, Err(TrialError::Connect(ConnectError::Busy))));
    assert_eq!(first.await.unwrap(), Ok(Ok(EURO)));
    assert_eq!(serving.join().unwrap(), charged(100));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_is_waited_for_as_long_as_was_said() {
    let (address, serving) = bank_terminal(Behaviour::Slow, 1);
    // The register gives up; the bank terminal does not.
    let tpe = Tpe::new(address, Register::FIRST, deadlines(PERSON / 4));
    assert_eq!(asked(tpe.connect().await.unwrap(), Way::Charge).await, Err(Doubt::NoAnswer));
    assert_eq!(serving.join().unwrap(), charged(100), "the bank terminal has the last word");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_there_is_known_before_anything_is_written() {
    // Nobody has listened on this port for thirty years.
    let tpe = Tpe::new("127.0.0.1:1", Register::FIRST, deadlines(Duration::from_secs(30)));
    assert!(matches!(tpe.connect().await, Err(ConnectError::Off { .. })));
    // And the next one may try.
    assert!(matches!(tpe.connect().await, Err(ConnectError::Off { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_takes_no_money() {
    for behaviour in [Behaviour::Approve, Behaviour::SilentPaid] {
        let (address, serving) = bank_terminal(behaviour, 1);
        let tpe = Tpe::new(address, Register::FIRST, deadlines(Duration::from_secs(30)));
        assert_eq!(tpe.try_out().await.unwrap(), "0300");
        assert_eq!(serving.join().unwrap(), Money::default());
    }
}

/// Something that listens, reads once, answers `answer` and closes.
fn somebody(answer: &'static [u8]) -> String {
    use std::io::{Read as _, Write as _};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let (mut line, _) = listener.accept().unwrap();
        assert!(line.read(&mut [0; 512]).unwrap() > 0);
        line.write_all(answer).unwrap();
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_says_what_is_wrong_with_what_listens_there() {
    let table: [(&[u8], &str); 4] = [
        (b"CZ0040200AE00201AF00209", "the bank terminal speaks version 0200 of Caisse-AP, and 0300 is spoken here"),
        (b"HTTP/1.1 400 Bad Request\r\n", "does not speak Caisse-AP over IP"),
        (b"", "closes the connection"),
        (b"CZ0040300CB003100AE00210", "did something that nobody asked for"),
    ];
    for (answer, said) in table {
        let tpe = Tpe::new(somebody(answer), Register::FIRST, deadlines(Duration::from_secs(30)));
        let wrong = tpe.try_out().await.unwrap_err().to_string();
        assert!(wrong.contains(said), "{wrong}");
    }
}
