//! What another page in the same browser can do to the terminal: nothing. The requests that need no browser are in `src/till/web/tests.rs`.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::json;

use crate::kit::HERE;
use crate::sales::Till;

/// Somebody else's web site, on another port of this machine: the cookie of the page comes there too.
struct ForeignSite {
    address: SocketAddr,
    over: Arc<AtomicBool>,
}

impl ForeignSite {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, over) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let is_over = Arc::clone(&over);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(mut stream) = stream else { continue };
                // One read is a whole request of a browser.
                let _read = stream.read(&mut [0; 16 * 1024]);
                let page = "<!doctype html><title>foreign</title><p>foreign";
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
                    page.len()
                );
                let _written = stream.write_all(answer.as_bytes());
            }
        });
        Self { address, over }
    }
}

impl Drop for ForeignSite {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _last = std::net::TcpStream::connect(self.address);
    }
}

/// Tries to sell with whatever the browser sends along: with a script, without being allowed to read the answer, and with a form.
const TRIES: &str = "
    const to = TERMINAL;
    const sell = { method: 'POST', credentials: 'include', body: '{\"wait_seconds\":0}' };
    const late = () => new Promise((over) => setTimeout(over, 3000, 'failed'));
    const outcome = (promise) => Promise.race([late(), promise.then((answer) => answer.type === 'opaque' ? 'blind' : String(answer.status), () => 'failed')]);
    Promise.all([
        outcome(fetch(to + '/v1/redemptions', { ...sell, headers: { 'Content-Type': 'application/json' } })),
        outcome(fetch(to + '/v1/redemptions', { ...sell, mode: 'no-cors' })),
        outcome(fetch(to + '/v1/status', { credentials: 'include' })),
        outcome(fetch(to + '/v1/events', { credentials: 'include', mode: 'no-cors' })),
        new Promise((shown) => { const script = document.createElement('script'); script.onload = () => shown('loaded'); script.onerror = () => shown('failed');
            script.src = to + '/page.js'; document.body.append(script); setTimeout(shown, 3000, 'failed'); }),
    ]).then((outcomes) => {
        const form = document.createElement('form');
        form.method = 'post'; form.enctype = 'text/plain'; form.action = to + '/v1/redemptions'; form.target = 'hidden';
        const frame = document.createElement('iframe'); frame.name = 'hidden';
        const field = document.createElement('input'); field.name = '{\"wait_seconds\":0,\"id\":\"'; field.value = '00112233445566778899aabbccddeeff\"}';
        form.append(field); document.body.append(frame, form); form.submit();
        setTimeout(done, 1000, outcomes);
    });";

#[test]
fn a_foreign_page_sells_nothing_and_reads_nothing() {
    let till = Till::cinema();
    let card = till.card();
    let _lying = card.lay(&till.world, HERE);
    till.browser.shows("quoted");
    let site = ForeignSite::open();
    till.browser.visit(&format!("http://{}/", site.address));
    for terminal in [till.counter.page().to_string(), format!("localhost:{}", till.counter.page().port())] {
        let outcomes = till.browser.run_async(&TRIES.replace("TERMINAL", &format!("'http://{terminal}'")));
        let outcomes: Vec<_> = outcomes.as_array().unwrap().iter().map(|outcome| outcome.as_str().unwrap()).collect();
        assert_eq!([outcomes[0], outcomes[2], outcomes[4]], ["failed"; 3], "{outcomes:?}");
    }
    assert_eq!(till.entries("debit").len(), 0);
    assert_eq!(card.seats_consumed(), 0);
    // The page itself is unhurt.
    till.browser.visit(&format!("http://{}/", till.counter.page()));
    till.browser.shows("quoted").enter().shows("granted");
}

#[test]
fn the_page_asks_nobody_but_the_terminal_and_tells_nothing_in_its_addresses() {
    let till = Till::cinema();
    let card = till.card();
    let _lying = card.lay(&till.world, HERE);
    till.browser.shows("quoted").enter().shows("granted").touch("journal").shows("journal").says("tbody", "vente");
    let asked = till.browser.run("return performance.getEntriesByType('resource').map((entry) => entry.name)");
    let asked: Vec<_> = asked.as_array().unwrap().iter().map(|address| address.as_str().unwrap().to_owned()).collect();
    let own = format!("http://{}/", till.counter.page());
    assert!(asked.len() > 8 && asked.iter().all(|address| address.starts_with(&own)), "{asked:?}");
    assert!(!asked.iter().any(|address| address.contains(&card.number) || address.contains("code=")), "{asked:?}");
    assert_eq!(till.browser.run("return location.href"), json!(own), "the code is gone from the address");
    let inline = till.browser.run_async(
        "addEventListener('securitypolicyviolation', (event) => done(event.effectiveDirective));
        const script = document.createElement('script');
        try { script.textContent = 'window.inline = 1'; document.body.append(script); } catch { done('refused'); }",
    );
    assert_ne!(inline, json!(null));
    assert_eq!(till.browser.run("return window.inline ?? null"), json!(null));
}
