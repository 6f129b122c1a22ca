//! The bank terminal at a real counter: sales that it pays, refuses and leaves unknown, and a daemon that is killed in each state of a payment.
//!
//! Whatever happens: the money that the bank terminal took is the money of the ledger and of what is unknown; nobody pays twice for one
//! sale; nothing is granted without the money or the cashier's word.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use pass::virtual_tpe::{Behaviour, Money, VirtualTpe};
use serde_json::{Value, json};

use crate::kit::{Card, Counter, HERE, Region, Said, World};

/// How long a person takes here.
const PERSON: Duration = Duration::from_millis(300);
/// The request of the one sale.
const SALE: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";

/// A bank terminal that behaves by a plan, whoever connects, to the end of the test.
struct BankTerminal {
    address: SocketAddr,
    money: Arc<Mutex<Money>>,
}

impl BankTerminal {
    fn new(plan: &[Behaviour]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let money = Arc::new(Mutex::new(Money::default()));
        let (counted, plan) = (Arc::clone(&money), plan.to_vec());
        thread::spawn(move || {
            let mut tpe = VirtualTpe::new(listener, plan, PERSON, Money::default());
            let count = |money| {
                *counted.lock().unwrap_or_else(PoisonError::into_inner) = money;
                Ok(())
            };
            // It ends with the test's process.
            while tpe.serve_one(count).is_ok() {}
        });
        Self { address, money }
    }

    /// What it took and gave back, in cents.
    fn money(&self) -> (u64, u64) {
        let Money { charged, refunded } = *self.money.lock().unwrap_or_else(PoisonError::into_inner);
        (charged.get(), refunded.get())
    }
}

/// A cinema with a bank terminal and a card.
struct Scene {
    world: World,
    _region: Region,
    counter: Counter,
    card: Card,
}

impl Scene {
    fn new(bank_terminal: SocketAddr) -> Self {
        let world = World::new();
        let region = world.region();
        let card = world.card(&region);
        let mut counter = world.counter(&region, "Cinéma Le Phare (inventé)", "cinema", HERE);
        counter.configure(&format!("[payment]\naddress = \"127.0.0.1\"\nport = {}\n", bank_terminal.port()));
        counter.stop();
        counter.start();
        Self { world, _region: region, counter, card }
    }

    /// The daemon is killed and comes again.
    fn kill(&mut self) {
        self.counter.kill();
        self.counter.start();
    }

    /// The one sale, paid so, over the card that lies there.
    fn redeem(&self, paid: &str) -> Said {
        self.counter.redeem(&["--paid", paid, "--id", SALE])
    }

    fn payments(&self) -> Value {
        self.counter.ask(&["payment", "list", "--json"]).exits(0).json()
    }

    /// The one payment that is open, in this state.
    #[track_caller]
    fn open(&self, state: &str) -> Value {
        let payments = self.payments()["payments"].clone();
        let [payment] = payments.as_array().unwrap().as_slice() else { panic!("{payments}") };
        assert_eq!(payment["state"], state, "{payment}");
        payment.clone()
    }

    fn answer(&self, payment: &Value, word: &str) -> Said {
        self.counter.ask(&["payment", "answer", "--json", payment["payment"].as_str().unwrap(), word])
    }

    /// The one sale, with 30 cents in cash and the rest on the bank terminal.
    fn redeem_in_parts(&self) -> Said {
        self.counter.redeem(&["--paid", "tpe", "--part", "cash=0.30", "--id", SALE])
    }

    /// Begins the sale and waits until its payment is in this state.
    fn begin(&self, paid: &str, state: &str) {
        self.begin_with(&["--paid", paid], state);
    }

    fn begin_with(&self, paid: &[&str], state: &str) {
        let sale = ["redeem", "--json", "--wait", "10", "--id", SALE];
        let redeeming = self.counter.begin(&[sale.as_slice(), paid].concat());
        self.counter.await_status(state, |status| status["payments"][0]["state"] == state);
        // The client dies with the daemon, or before.
        drop(redeeming);
    }

    /// How many rights the card has lost.
    fn seats(&self) -> u64 {
        self.card.seats_consumed()
    }

    #[track_caller]
    fn verified(&self) {
        self.counter.ask(&["verify", "--json"]).exits(0);
    }
}

/// What the journal says of payments, oldest first.
fn told(counter: &Counter) -> Vec<String> {
    let journal = counter.journal();
    let details = journal.iter().rev().filter_map(|line| line["detail"].as_str());
    let of_payments = details.filter_map(|detail| detail.strip_prefix("payment "));
    of_payments.filter_map(|detail| Some(detail.split_once(": ")?.1.to_owned())).collect()
}

#[test]
fn a_day_with_a_bank_terminal() {
    use Behaviour::{Approve, ClosePaid, OldVersion, RedButton, Refuse};
    let tpe = BankTerminal::new(&[RedButton, ClosePaid, Refuse, Approve, OldVersion]);
    let scene = Scene::new(tpe.address);
    let usable = scene.counter.ask(&["payment", "test", "--json"]).exits(0).json();
    assert_eq!((usable["outcome"].as_str(), usable["protocol"].as_str()), (Some("usable"), Some("0300")));
    assert_eq!(tpe.money(), (0, 0), "a test takes no money");
    let _lying = scene.card.lay(&scene.world, HERE);

    // The red button: surely not paid, and the cashier takes cash.
    let refused = scene.redeem("tpe").exits(3).json();
    assert_eq!((refused["refusal"].as_str(), refused["due_cents"].as_u64()), (Some("payment-not-made"), Some(100)));
    let cash = scene.redeem("cash").exits(0).json();
    assert_eq!((cash["outcome"].as_str(), cash["tender"].as_str()), (Some("granted"), Some("cash")));

    // Paid, and the answer is lost: neither cash nor a second payment, until the cashier has said.
    let id = "6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b6b";
    let redeem = |paid: &str| scene.counter.redeem(&["--paid", paid, "--id", id]);
    for paid in ["tpe", "tpe", "cash"] {
        assert_eq!(redeem(paid).exits(3).text("refusal"), "payment-unknown", "{paid}");
    }
    assert_eq!(scene.seats(), 1);
    let unknown = scene.open("unknown");
    let closing = scene.counter.ask(&["close", "--json"]).exits(0).json();
    assert_eq!(closing["unknown_payments"][0]["payment"], unknown["payment"], "{closing}");
    assert_eq!(scene.answer(&unknown, "paid").exits(0).json()["state"], "approved");
    assert_eq!(scene.answer(&unknown, "not-paid").exits(3).text("refusal"), "payment-known");
    let granted = redeem("tpe").exits(0).json();
    assert_eq!((granted["outcome"].as_str(), granted["tender"].as_str()), (Some("granted"), Some("tpe")));
    assert_eq!(redeem("tpe").exits(0).json()["entry"], granted["entry"], "the same again is told again");
    assert_eq!((tpe.money(), scene.seats()), ((100, 0), 2));

    // Taken back: the bank terminal refuses at first, and what is held is shown until it is given back.
    scene.counter.undo(&[]).exits(0);
    let held = json!([{ "request": id, "amount_cents": 100 }]);
    crate::support::poll(crate::support::DEADLINE, || {
        let payments = scene.payments();
        (payments["payments"] == json!([]) && payments["held"] == held).then_some(())
    })
    .expect("the refund was refused, and the money is held");
    let back = scene.counter.ask(&["payment", "refund", "--json", id]).exits(0).json();
    assert_eq!((back["way"].as_str(), back["state"].as_str()), (Some("refund"), Some("approved")));
    assert_eq!(tpe.money(), (100, 100));
    assert_eq!(scene.counter.ask(&["payment", "refund", "--json", id]).exits(3).text("refusal"), "nothing-to-return");
    assert_eq!(scene.payments(), json!({ "payments": [], "held": [] }));
    assert_eq!(
        told(&scene.counter),
        [
            "charge of 1.00: unknown (closed)",
            "charge of 1.00: 1.00, says the cashier",
            "refund of 1.00: 1.00 by the bank terminal"
        ]
    );
    scene.verified();
}

#[test]
fn killed_when_nothing_was_sent_nothing_was_paid() {
    // Its queue is full: whoever connects waits.
    let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).unwrap();
    let here: SocketAddr = "127.0.0.1:0".parse().unwrap();
    rustix::net::bind(&socket, &here).unwrap();
    rustix::net::listen(&socket, 0).unwrap();
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().unwrap();
    let patience = Duration::from_millis(500);
    let waiting: Vec<_> = std::iter::from_fn(|| TcpStream::connect_timeout(&address, patience).ok()).take(64).collect();
    let mut scene = Scene::new(address);
    let _lying = scene.card.lay(&scene.world, HERE);
    scene.begin("tpe", "asked");
    scene.kill();
    assert_eq!(scene.payments(), json!({ "payments": [], "held": [] }));
    assert_eq!(scene.redeem("cash").exits(0).text("outcome"), "granted");
    assert_eq!((scene.seats(), told(&scene.counter)), (1, vec![]));
    scene.verified();
    drop(waiting);
}

#[test]
fn killed_when_the_request_was_sent_nobody_knows_until_the_cashier_says() {
    for (behaviour, word, taken) in [(Behaviour::SilentPaid, "paid", 100), (Behaviour::Silent, "not-paid", 0)] {
        let tpe = BankTerminal::new(&[behaviour, Behaviour::Approve]);
        let mut scene = Scene::new(tpe.address);
        let _lying = scene.card.lay(&scene.world, HERE);
        scene.begin("tpe", "sent");
        scene.kill();
        assert_eq!(scene.redeem("tpe").exits(3).text("refusal"), "payment-unknown");
        // Unknown stays unknown, whatever dies.
        scene.kill();
        let unknown = scene.open("unknown");
        assert_eq!((unknown["doubt"].as_str(), tpe.money()), (Some("restarted"), (taken, 0)));
        assert_eq!(scene.redeem("cash").exits(3).text("refusal"), "payment-unknown");
        assert_eq!(scene.seats(), 0, "nothing is granted without the money or a word");
        scene.answer(&unknown, word).exits(0);
        scene.kill();
        // Paid goes on with the sale; not paid asks once more.
        assert_eq!(scene.redeem("tpe").exits(0).text("outcome"), "granted");
        assert_eq!((tpe.money(), scene.seats()), ((100, 0), 1), "{behaviour:?}");
        scene.verified();
    }
}

#[test]
fn killed_between_payment_and_debit_the_same_sale_goes_on_and_nobody_pays_twice() {
    let tpe = BankTerminal::new(&[Behaviour::Slow]);
    let mut scene = Scene::new(tpe.address);
    let lying = scene.card.lay(&scene.world, HERE);
    scene.begin("tpe", "sent");
    // The card goes while its holder pays; the payment ends without its client.
    drop(lying);
    scene.counter.await_status("paid", |status| status["payments"].as_array().is_none_or(Vec::is_empty));
    scene.kill();
    assert_eq!(scene.payments()["held"], json!([{ "request": SALE, "amount_cents": 100 }]));
    assert_eq!(scene.redeem("cash").exits(3).text("refusal"), "payment-incomplete");
    let _lying = scene.card.lay(&scene.world, HERE);
    assert_eq!(scene.redeem("tpe").exits(0).text("outcome"), "granted");
    assert_eq!((tpe.money(), scene.seats()), ((100, 0), 1));
    assert_eq!(scene.payments()["held"], json!([]));
    scene.verified();
}

#[test]
fn killed_while_money_goes_back_nothing_goes_back_twice() {
    let tpe = BankTerminal::new(&[Behaviour::Approve, Behaviour::SilentPaid, Behaviour::Approve]);
    let mut scene = Scene::new(tpe.address);
    let _lying = scene.card.lay(&scene.world, HERE);
    assert_eq!(scene.redeem("tpe").exits(0).text("outcome"), "granted");
    scene.counter.undo(&[]).exits(0);
    scene.counter.await_status("the refund was sent", |status| status["payments"][0]["state"] == "sent");
    scene.kill();
    let unknown = scene.open("unknown");
    assert_eq!(unknown["way"], "refund");
    let refund = |scene: &Scene| scene.counter.ask(&["payment", "refund", "--json", SALE]);
    assert_eq!(refund(&scene).exits(3).text("refusal"), "payment-unknown");
    scene.answer(&unknown, "paid").exits(0);
    assert_eq!(refund(&scene).exits(3).text("refusal"), "nothing-to-return");
    assert_eq!(tpe.money(), (100, 100));
    scene.verified();
}

/// What was paid, part by part.
fn parts(answer: &Value) -> Value {
    assert_eq!(answer["tender"], "mixed", "{answer}");
    answer["parts"].clone()
}

fn cash_and_tpe(cash: u64, tpe: u64) -> Value {
    json!([{ "tender": "cash", "amount_cents": cash }, { "tender": "tpe", "amount_cents": tpe }])
}

#[test]
fn a_sale_in_parts_is_told_of_part_by_part_and_each_goes_back_the_way_it_came() {
    use Behaviour::{Approve, RedButton, Refuse};
    let tpe = BankTerminal::new(&[RedButton, Approve, Refuse, Approve]);
    let scene = Scene::new(tpe.address);
    let _lying = scene.card.lay(&scene.world, HERE);
    // A part that leaves nothing for the bank terminal: it is not asked.
    let much = scene.counter.redeem(&["--paid", "tpe", "--part", "cash=1.00", "--id", SALE]);
    assert_eq!(much.exits(3).text("refusal"), "parts-too-much");
    for wrong in ["tpe=0.30", "cash", "gold=1"] {
        let said = scene.counter.ask(&["redeem", "--json", "--paid", "tpe", "--part", wrong]);
        assert_eq!(said.code, Some(64), "{wrong}: {}", said.err);
    }
    // The red button: what is missing is the bank terminal's part.
    let refused = scene.redeem_in_parts().exits(3).json();
    assert_eq!((refused["refusal"].as_str(), refused["due_cents"].as_u64()), (Some("payment-not-made"), Some(70)));
    assert_eq!((tpe.money(), scene.seats()), ((0, 0), 0), "the money first, then the right");
    let granted = scene.redeem_in_parts().exits(0).json();
    assert_eq!((parts(&granted), granted["collected_cents"].as_u64()), (cash_and_tpe(30, 70), Some(100)));
    assert_eq!(scene.redeem_in_parts().exits(0).json()["entry"], granted["entry"], "the same again is told again");
    assert_eq!((tpe.money(), scene.seats()), ((70, 0), 1));
    let receipt = scene.counter.ask(&["receipt", "show", "--json", &granted["entry"].to_string()]).exits(0).json();
    assert_eq!(parts(&receipt), cash_and_tpe(30, 70));
    assert!(receipt["text"].as_str().unwrap().contains("carte bancaire (TPE)"), "{receipt}");

    // Undone: 30 cents out of the drawer; the bank terminal refuses at first, and what it keeps is in sight.
    let undone = scene.counter.undo(&[]).exits(0).json();
    assert_eq!((parts(&undone), undone["returned_cents"].as_u64()), (cash_and_tpe(30, 70), Some(100)));
    let held = json!([{ "request": SALE, "amount_cents": 70 }]);
    scene.counter.await_status("the refund was refused, and the money is held", |status| status["held"] == held);
    let spoken = scene.counter.ask(&["status", "--lang", "fr"]).exits(0).out;
    assert!(spoken.contains("À rendre sur le TPE : 0,70 €"), "{spoken}");
    scene.counter.ask(&["payment", "refund", "--json", SALE]).exits(0);
    assert_eq!((tpe.money(), scene.payments()["held"].clone()), ((70, 70), json!([])));

    let journal = scene.counter.journal();
    let told: Vec<_> = journal.iter().rev().filter(|line| line["tender"] == "mixed").collect();
    assert_eq!(told.iter().map(|line| line["kind"].as_str().unwrap()).collect::<Vec<_>>(), ["debit", "reversal"]);
    assert!(told.iter().all(|line| line["parts"] == cash_and_tpe(30, 70)), "{told:?}");
    let closing = scene.counter.ask(&["close", "--json", "--cash-counted", "0"]).exits(0).json();
    let total = |tender: &str, cents: u64| json!({ "tender": tender, "sales": 1, "collected_cents": cents, "undone": 1, "returned_cents": cents, "given_up_cents": 0 });
    assert_eq!(closing["tenders"], json!([total("cash", 30), total("tpe", 70)]));
    assert_eq!(
        (closing["cash"]["taken_cents"].as_u64(), closing["cash"]["difference_cents"].as_i64()),
        (Some(30), Some(0))
    );
    scene.verified();
}

#[test]
fn what_the_bank_terminal_leaves_of_a_sale_is_asked_again_or_taken_in_cash() {
    use Behaviour::{Partial, Refuse};
    let tpe = BankTerminal::new(&[Partial, Refuse]);
    let scene = Scene::new(tpe.address);
    let _lying = scene.card.lay(&scene.world, HERE);
    // Half of it; then nothing of the rest: what it has is not forgotten, and the whole is not taken in cash.
    for _ in 0..2 {
        let refused = scene.redeem("tpe").exits(3).json();
        let said = (refused["refusal"].as_str(), refused["due_cents"].as_u64());
        assert_eq!(said, (Some("payment-incomplete"), Some(50)));
    }
    assert_eq!(scene.redeem("cash").exits(3).text("refusal"), "payment-incomplete");
    let status = scene.counter.ask(&["status", "--json"]).exits(0).json();
    assert_eq!(status["held"], json!([{ "request": SALE, "amount_cents": 50 }]));
    let granted = scene.counter.redeem(&["--paid", "tpe", "--part", "cash=0.50", "--id", SALE]).exits(0).json();
    assert_eq!(parts(&granted), cash_and_tpe(50, 50));
    assert_eq!((tpe.money(), scene.seats()), ((50, 0), 1));
    assert_eq!(scene.payments(), json!({ "payments": [], "held": [] }));
    scene.verified();
}

#[test]
fn killed_in_a_sale_in_parts_nothing_is_granted_or_charged_twice() {
    for (behaviour, word, taken) in [(Behaviour::SilentPaid, "paid", 70), (Behaviour::Silent, "not-paid", 0)] {
        let tpe = BankTerminal::new(&[behaviour]);
        let mut scene = Scene::new(tpe.address);
        let _lying = scene.card.lay(&scene.world, HERE);
        scene.begin_with(&["--paid", "tpe", "--part", "cash=0.30"], "sent");
        scene.kill();
        // Neither the rest in cash nor all of it, as long as nobody knows.
        assert_eq!(scene.redeem_in_parts().exits(3).text("refusal"), "payment-unknown");
        assert_eq!(scene.redeem("cash").exits(3).text("refusal"), "payment-unknown");
        let unknown = scene.open("unknown");
        assert_eq!((unknown["asked_cents"].as_u64(), scene.seats()), (Some(70), 0));
        scene.answer(&unknown, word).exits(0);
        scene.kill();
        let granted = match taken {
            0 => scene.redeem("cash"),
            _ => scene.redeem_in_parts(),
        };
        let granted = granted.exits(0).json();
        match taken {
            0 => assert_eq!(granted["tender"], "cash", "surely nothing was taken: all in cash"),
            _ => assert_eq!(parts(&granted), cash_and_tpe(30, 70)),
        }
        assert_eq!((tpe.money(), scene.seats()), ((taken, 0), 1), "{behaviour:?}");
        assert_eq!(scene.payments(), json!({ "payments": [], "held": [] }));
        scene.verified();
    }
}
