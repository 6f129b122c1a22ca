//! Something between a line and the region that understands as much of HTTP as it needs to spoil it: it takes one request from each
//! connection, with all its body, passes it on, takes the whole answer, and does on the way what it was told.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::{Line, Region};

/// How long a peer may take for its next bytes.
const PATIENCE: Duration = Duration::from_secs(30);
/// What is sent of an answer that has no end, at a time.
const CHUNK: usize = 64 * 1024;

/// What it does to each exchange, until it is told otherwise.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// Closes before anything was read.
    CutAtOnce,
    /// Passes half of the body on, and closes both sides.
    CutInRequest,
    /// Passes the request on, and closes when the region has answered.
    CutBeforeAnswer,
    /// Gives half of the answer's head.
    CutInHead,
    /// Gives the answer's head and half of its body.
    CutInBody,
    /// Gives the answer after so long.
    Delay(Duration),
    /// Passes the request on twice, and gives the first answer.
    TwiceFirst,
    /// Passes the request on twice, and gives the second answer.
    TwiceSecond,
    /// Passes the request on, and gives the answer to an earlier one.
    OldAnswer,
    /// Changes one bit of the request's body, so many thousandths into it.
    RequestBit(usize),
    /// Changes one bit of the answer's body, so many thousandths into it.
    AnswerBit(usize),
    /// Gives these bytes; the region hears nothing.
    Instead(String),
    /// As an answer whose head says that it is this long, and that is.
    Huge(usize),
    /// An answer in chunks that never end.
    Endless,
}

#[derive(Debug)]
struct State {
    region: Mutex<SocketAddr>,
    trouble: Mutex<Option<Trouble>>,
    old_answer: Mutex<Option<Message>>,
    requests: AtomicU32,
    ended: AtomicBool,
}

/// A proxy before a region. Lets everything through until it is told otherwise.
#[derive(Debug)]
pub(crate) struct Proxy {
    state: Arc<State>,
}

impl Proxy {
    /// Puts itself between `region`, which stays where it is, and all lines to it.
    pub(crate) fn before(region: &Region) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = region.address();
        let mut address = address.lock().unwrap();
        let real = std::mem::replace(&mut *address, listener.local_addr().unwrap());
        let state = Arc::new(State {
            region: Mutex::new(real),
            trouble: Mutex::new(None),
            old_answer: Mutex::new(None),
            requests: AtomicU32::new(0),
            ended: AtomicBool::new(false),
        });
        let theirs = Arc::clone(&state);
        Line::accept_each(listener, move || theirs.ended.load(Ordering::SeqCst), {
            let state = Arc::clone(&state);
            // What fails on the way is a cut like any other.
            move |client| drop(state.serve(&client))
        });
        Self { state }
    }

    /// Does this to every exchange from now on.
    pub(crate) fn trouble(&self, trouble: Trouble) {
        *self.state.trouble.lock().unwrap() = Some(trouble);
    }

    /// Lets everything through again.
    pub(crate) fn mend(&self) {
        *self.state.trouble.lock().unwrap() = None;
    }

    /// Where the region is.
    pub(crate) fn region(&self) -> SocketAddr {
        *self.state.region.lock().unwrap()
    }

    /// How many requests came, those that were closed at once included.
    pub(crate) fn requests(&self) -> u32 {
        self.state.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
    }
}

/// One HTTP message: its head with the empty line, and its body.
#[derive(Clone, Debug)]
struct Message {
    head: Vec<u8>,
    body: Vec<u8>,
}

impl Message {
    fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            from.read_exact(&mut byte)?;
            head.extend(byte);
        }
        let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
        let mut body = vec![0; length.and_then(|length| length.trim().parse().ok()).unwrap_or(0)];
        from.read_exact(&mut body)?;
        Ok(Self { head, body })
    }

    fn write(&self, mut to: &TcpStream) -> io::Result<()> {
        to.write_all(&[self.head.as_slice(), &self.body].concat())
    }

    fn flip(&mut self, thousandths: usize) {
        let at = self.body.len() * thousandths / 1000;
        self.body[at] ^= 1 << (thousandths % 8);
    }
}

impl State {
    fn serve(&self, client: &TcpStream) -> io::Result<()> {
        client.set_nonblocking(false)?;
        client.set_read_timeout(Some(PATIENCE))?;
        self.requests.fetch_add(1, Ordering::SeqCst);
        let trouble = self.trouble.lock().unwrap().clone();
        let done = self.carry(client, trouble.as_ref());
        client.shutdown(Shutdown::Both)?;
        done
    }

    fn carry(&self, mut client: &TcpStream, trouble: Option<&Trouble>) -> io::Result<()> {
        if let Some(Trouble::CutAtOnce) = trouble {
            return Ok(());
        }
        let mut request = Message::read(&mut client)?;
        match trouble {
            Some(Trouble::CutInRequest) => {
                let half = request.body.len() / 2;
                let region = TcpStream::connect(self.region())?;
                Message { body: request.body[..half].to_vec(), ..request }.write(&region)?;
                return region.shutdown(Shutdown::Both);
            }
            Some(Trouble::RequestBit(place)) => request.flip(*place),
            Some(Trouble::Instead(bytes)) => return client.write_all(bytes.as_bytes()),
            Some(Trouble::Huge(length)) => {
                let head = format!("{COSE_HEAD}content-length: {length}\r\n\r\n");
                client.write_all(head.as_bytes())?;
                return client.write_all(&vec![0xA5; *length]);
            }
            Some(Trouble::Endless) => {
                client.write_all(format!("{COSE_HEAD}transfer-encoding: chunked\r\n\r\n").as_bytes())?;
                loop {
                    // Until the client has enough of it.
                    client.write_all(format!("{CHUNK:x}\r\n").as_bytes())?;
                    client.write_all(&vec![0xA5; CHUNK])?;
                    client.write_all(b"\r\n")?;
                }
            }
            _ => (),
        }
        let mut answer = self.ask(&request)?;
        match trouble {
            Some(Trouble::CutBeforeAnswer) => return Ok(()),
            Some(Trouble::CutInHead) => return client.write_all(&answer.head[..answer.head.len() / 2]),
            Some(Trouble::CutInBody) => answer.body.truncate(answer.body.len() / 2),
            Some(Trouble::Delay(delay)) => thread::sleep(*delay),
            Some(Trouble::TwiceFirst) => drop(self.ask(&request)?),
            Some(Trouble::TwiceSecond) => answer = self.ask(&request)?,
            Some(Trouble::AnswerBit(place)) => answer.flip(*place),
            Some(Trouble::OldAnswer) => {
                let old = self.old_answer.lock().unwrap().clone();
                answer = old.expect("there was an earlier exchange");
            }
            _ => *self.old_answer.lock().unwrap() = Some(answer.clone()),
        }
        answer.write(client)
    }

    fn region(&self) -> SocketAddr {
        *self.region.lock().unwrap()
    }

    /// The region's answer, with a head that says that the connection ends with it.
    fn ask(&self, request: &Message) -> io::Result<Message> {
        let mut region = TcpStream::connect(self.region())?;
        region.set_read_timeout(Some(PATIENCE))?;
        request.write(&region)?;
        let mut answer = Message::read(&mut region)?;
        answer.head.truncate(answer.head.len() - 2);
        answer.head.extend(b"connection: close\r\n\r\n");
        Ok(answer)
    }
}

/// The head of an answer of the region, but for its length.
const COSE_HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/cose\r\nconnection: close\r\n";
