//! The ledger on its own thread.

use std::sync::mpsc;
use std::time::Duration;

use super::fixture::*;
use crate::ledger::*;

#[test]
fn calls_run_in_order_and_the_ledger_is_closed_at_the_end() {
    let (world, ledger) = World::new();
    let thread = LedgerThread::spawn(ledger).unwrap();
    let handle = thread.handle();
    let (reply, replies) = mpsc::channel();
    for _ in 0..3 {
        let reply = reply.clone();
        handle.call_with(
            |ledger| ledger.append(NOW, started(), None).unwrap().sequence.get(),
            move |result| reply.send(result).unwrap(),
        );
    }
    assert_eq!(handle.call(|ledger| ledger.view().head().sequence.get()), Ok(4));
    assert_eq!(replies.try_iter().collect::<Vec<_>>(), [Ok(2), Ok(3), Ok(4)]);
    thread.stop().unwrap();
    assert_eq!(handle.pulse(), Pulse::Gone);
    assert_eq!(handle.call(|_| ()), Err(LedgerGone));
    assert_eq!(world.open().view().head().sequence.get(), 4);
}

#[test]
fn a_panic_is_an_error_for_everybody_and_leaves_nothing_half_written() {
    let (world, ledger) = World::new();
    let thread = LedgerThread::spawn(ledger).unwrap();
    let handle = thread.handle();
    let (hold, held) = mpsc::channel::<()>();
    handle.call_with(move |_| held.recv().unwrap(), |_| ());
    let (reply, replies) = mpsc::channel();
    let panicked = reply.clone();
    handle.call_with(
        |ledger| {
            ledger.write::<(), LedgerError>(|draft| {
                draft.append(NOW, started(), None)?;
                panic!("a mistake")
            })
        },
        move |result| panicked.send(result.map(|_| ())).unwrap(),
    );
    // Waits behind the one that panics.
    handle.call_with(|_| (), move |result| reply.send(result).unwrap());
    hold.send(()).unwrap();
    assert_eq!(replies.iter().collect::<Vec<_>>(), [Err(LedgerGone), Err(LedgerGone)]);
    assert_eq!(thread.stop(), Err(LedgerGone));
    assert_eq!(handle.pulse(), Pulse::Gone);
    assert_eq!(world.open().view().head().sequence.get(), 1);
}

#[test]
fn a_call_that_takes_long_is_seen() {
    let (_world, ledger) = World::new();
    let thread = LedgerThread::spawn(ledger).unwrap();
    let handle = thread.handle();
    handle.call(|_| ()).unwrap();
    let (begun, begins) = mpsc::channel();
    let (hold, held) = mpsc::channel::<()>();
    handle.call_with(
        move |_| {
            begun.send(()).unwrap();
            held.recv().unwrap();
        },
        |_| (),
    );
    begins.recv().unwrap();
    std::thread::sleep(Duration::from_millis(20));
    assert!(matches!(handle.pulse(), Pulse::Busy(time) if time >= Duration::from_millis(20)), "{:?}", handle.pulse());
    hold.send(()).unwrap();
    thread.stop().unwrap();
}

#[test]
fn the_log_is_copied_in_a_quiet_moment_once_enough_has_gathered() {
    let (world, mut ledger) = World::new();
    let size = || std::fs::metadata(world.database()).unwrap().len();
    let made = size();
    ledger.append(NOW, started(), None).unwrap();
    ledger.copy_log();
    assert_eq!(size(), made, "one commit is not worth it");
    for _ in 0..100 {
        ledger.append(NOW, started(), None).unwrap();
    }
    assert_eq!(size(), made, "no commit had to wait for it");
    ledger.copy_log();
    assert!(size() > made);
}
