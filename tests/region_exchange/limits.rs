//! What the line brings is bounded also for the terminal.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use pass::uplink::{Uplink, UplinkError};

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let endless = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = [0; 4096];
        let _read = stream.read(&mut asked).unwrap();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/cose\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        let chunk = [b"1000\r\n".as_slice(), &[0; 0x1000], b"\r\n"].concat();
        // Until nobody listens any more.
        while stream.write_all(&chunk).is_ok() {}
    });
    let uplink = Uplink::new(&format!("http://{address}"), None).unwrap();
    let answer = uplink.exchange(b"request".to_vec(), 100_000).await;
    assert!(matches!(answer, Err(UplinkError::TooLong(100_000))), "{answer:?}");
    // Its connection is closed, not only forgotten.
    tokio::time::timeout(Duration::from_secs(30), tokio::task::spawn_blocking(|| endless.join()))
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}
