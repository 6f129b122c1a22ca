//! A bank terminal that listens: one connection after another, as a real one.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::domain::Cents;
use crate::domain::payment::Way;
use crate::payment::Request;
use crate::payment::message::{Malformed, Records, Tag};

use super::behaviour::{Behaviour, Money, Played, Then, not_understood, play};

/// How long the rest of a request is waited for; a request that is whole is taken at once.
const REQUEST_PATIENCE: Duration = Duration::from_secs(5);
/// How long the other side is given to close a connection.
const CLOSE_PATIENCE: Duration = Duration::from_secs(600);
/// Between two pieces of an answer: so long that they are read apart, as a rule.
const BETWEEN_PIECES: Duration = Duration::from_millis(1);

/// What one connection came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// A request for money.
    Asked {
        /// Which way.
        way: Way,
        /// How much was asked.
        asked: Cents,
        /// How much moved.
        moved: Option<Cents>,
        /// What was done to it.
        behaviour: Behaviour,
    },
    /// Something that is no request for money; it was answered so.
    NotUnderstood,
    /// The other side connected and asked for nothing.
    Nothing,
}

/// A bank terminal that takes no real money.
#[derive(Debug)]
pub struct VirtualTpe {
    listener: TcpListener,
    /// What is done to the requests, one after the other; the last of them to all that follow.
    plan: Vec<Behaviour>,
    /// How long a person takes.
    person: Duration,
    money: Money,
}

impl VirtualTpe {
    /// A bank terminal behind `listener` that behaves by `plan`, and then as its last step says; by default it approves.
    pub const fn new(listener: TcpListener, plan: Vec<Behaviour>, person: Duration, money: Money) -> Self {
        Self { listener, plan, person, money }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What it took and gave back.
    pub const fn money(&self) -> Money {
        self.money
    }

    /// Waits for one connection and serves it. `moved` is called with all the money once some has moved, before it is answered.
    ///
    /// # Errors
    /// The listener fails, or `moved` does. A connection that fails is no error: what moved has moved.
    pub fn serve_one(&mut self, moved: impl FnOnce(Money) -> io::Result<()>) -> io::Result<Served> {
        let (mut line, _) = self.listener.accept()?;
        line.set_nodelay(true)?;
        let request = match read_request(&mut line) {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(Served::Nothing),
            Err(_) => {
                // Whoever sent that may be gone: nothing moved.
                let _ = line.write_all(&not_understood());
                wait_for_close(&mut line);
                return Ok(Served::NotUnderstood);
            }
        };
        let behaviour = match self.plan.as_slice() {
            [] => Behaviour::Approve,
            [last] => *last,
            [..] => self.plan.remove(0),
        };
        let played = play(behaviour, &request);
        if played.slow {
            std::thread::sleep(self.person);
        }
        if let Some(amount) = played.moved {
            self.money = self.money.with(request.way(), amount);
            moved(self.money)?;
        }
        // Whoever asked may be gone; the money has moved all the same.
        let _ = self.answer(&mut line, &played);
        Ok(Served::Asked { way: request.way(), asked: request.amount(), moved: played.moved, behaviour })
    }

    fn answer(&self, line: &mut TcpStream, played: &Played) -> io::Result<()> {
        for piece in &played.pieces {
            line.write_all(piece)?;
            if played.pieces.len() > 1 {
                std::thread::sleep(BETWEEN_PIECES);
            }
        }
        match played.then {
            Then::Close => (),
            Then::CloseLater => std::thread::sleep(self.person),
            Then::Wait => wait_for_close(line),
        }
        line.shutdown(Shutdown::Both)
    }
}

/// The request, once it is whole; `None` when the other side closes before it has sent anything.
fn read_request(line: &mut TcpStream) -> Result<Option<Request>, Malformed> {
    // Where it cannot be set the request is waited for longer.
    let _ = line.set_read_timeout(Some(REQUEST_PATIENCE));
    let (mut bytes, mut piece) = (Vec::new(), [0; 512]);
    loop {
        match line.read(&mut piece) {
            Ok(read) if read > 0 => bytes.extend_from_slice(&piece[..read]),
            _ if bytes.is_empty() => return Ok(None),
            _ => return Request::from_bytes(&bytes).map(Some),
        }
        let records = Records::read(&bytes)?;
        // The currency is the last of what every request has.
        if records.at_boundary() && records.get(Tag::CURRENCY).is_some() {
            match Request::from_bytes(&bytes) {
                Err(Malformed::Missing(missing)) if missing == Tag::PRIVATE => (),
                request => return request.map(Some),
            }
        }
    }
}

fn wait_for_close(line: &mut TcpStream) {
    let _ = line.set_read_timeout(Some(CLOSE_PATIENCE));
    let mut rest = [0; 64];
    while line.read(&mut rest).is_ok_and(|read| read > 0) {}
}
