//! The line to the region: carries messages of [`crate::wire::exchange`] over HTTP and knows nothing of what they say. The one
//! place that names `reqwest`.
//!
//! The messages are signed end to end, so a proxy may end the TLS; plain HTTP is for a region on this machine only.

mod probe;

use std::path::Path;
use std::time::Duration;

pub use probe::{Reached, Unreachable};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, StatusCode, Url};

/// How long to try to reach the region.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one exchange may take on a thin line.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a look at the line may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(15);
/// The longest explanation that is read of a refusal, in bytes.
const PROBLEM_BYTES_MAX: usize = 4096;
/// What every message and every answer is (RFC 9052, 2).
const COSE: &str = "application/cose";
/// Why the region refuses (RFC 9457).
const PROBLEM: &str = "application/problem+json";

/// Why a message was not answered.
#[derive(Debug, thiserror::Error)]
pub enum UplinkError {
    /// The region's address cannot be used.
    #[error("« {url} » is not an address of a region: {reason}")]
    Address {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file with certificates cannot be used.
    #[error("{0}: not a file of PEM certificates: {1}")]
    Certificates(String, String),
    /// No answer: no line, no name, no TLS, or too slow. The region may have taken the message.
    #[error("the region does not answer: {0}")]
    NoAnswer(String),
    /// The region refused the message, and says why.
    #[error("the region refuses (HTTP {status}): {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The region's sentence.
        detail: String,
    },
    /// Whatever answers is not the region: it speaks neither of messages nor of problems, as a proxy, a portal of a
    /// network, or another server does. The region may have taken the message.
    #[error("something else than the region answers (HTTP {0}): check the line and the region's address")]
    NotTheRegion(u16),
    /// The answer is longer than any answer may be.
    #[error("the region's answer is longer than {0} bytes")]
    TooLong(usize),
}

impl UplinkError {
    /// Whether the region looked at the message and will not take it as it is, ever.
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Refused { status, .. } => *status >= 400 && *status < 500 && *status != 429 && *status != 408,
            Self::Address { .. } | Self::Certificates(..) => true,
            Self::NoAnswer(_) | Self::NotTheRegion(_) | Self::TooLong(_) => false,
        }
    }
}

/// The line to one region.
#[derive(Clone, Debug)]
pub struct Uplink {
    client: Client,
    base: Url,
}

impl Uplink {
    /// A line to the region at `url`. With `authorities` (PEM), only certificates under these are believed; without, those that the system believes.
    ///
    /// # Errors
    /// [`UplinkError::Address`], [`UplinkError::Certificates`].
    pub fn new(url: &str, authorities: Option<&Path>) -> Result<Self, UplinkError> {
        Self::with_patience(url, authorities, EXCHANGE_TIMEOUT)
    }

    /// The same for a look at the line, which nobody waits for as long as for an exchange.
    ///
    /// # Errors
    /// As [`Uplink::new`].
    pub fn to_probe(url: &str, authorities: Option<&Path>) -> Result<Self, UplinkError> {
        Self::with_patience(url, authorities, PROBE_TIMEOUT)
    }

    fn with_patience(url: &str, authorities: Option<&Path>, patience: Duration) -> Result<Self, UplinkError> {
        // Somebody in this process may have installed it before: then it is the same one.
        let _already = rustls::crypto::ring::default_provider().install_default();
        let base = parse_base(url)?;
        // Whoever sends us elsewhere is not the region, and messages go nowhere else.
        let mut builder = Client::builder().redirect(Policy::none()).connect_timeout(CONNECT_TIMEOUT).timeout(patience);
        if let Some(path) = authorities {
            builder = builder.tls_certs_only(read_authorities(path)?);
        }
        let client = builder.build().map_err(|error| UplinkError::NoAnswer(chain(&error)))?;
        Ok(Self { client, base })
    }

    /// Carries an enrolment request; the answer is at most `bytes_max` long.
    ///
    /// # Errors
    /// [`UplinkError`].
    pub async fn enrol(&self, request: Vec<u8>, bytes_max: usize) -> Result<Vec<u8>, UplinkError> {
        self.post("v1/enrolments", request, bytes_max).await
    }

    /// Carries an exchange request; the answer is at most `bytes_max` long.
    ///
    /// # Errors
    /// [`UplinkError`].
    pub async fn exchange(&self, request: Vec<u8>, bytes_max: usize) -> Result<Vec<u8>, UplinkError> {
        self.post("v1/exchanges", request, bytes_max).await
    }

    fn address_of(&self, path: &str) -> Result<Url, UplinkError> {
        let bad = |_| UplinkError::Address { url: self.base.to_string(), reason: "it cannot be continued with a path" };
        self.base.join(path).map_err(bad)
    }

    async fn post(&self, path: &str, body: Vec<u8>, bytes_max: usize) -> Result<Vec<u8>, UplinkError> {
        let no_answer = |error: reqwest::Error| UplinkError::NoAnswer(chain(&error.without_url()));
        let request = self.client.post(self.address_of(path)?).header(CONTENT_TYPE, COSE).body(body);
        let mut response = request.send().await.map_err(no_answer)?;
        let status = response.status();
        let (content, bytes_max) =
            if status == StatusCode::OK { (COSE, bytes_max) } else { (PROBLEM, PROBLEM_BYTES_MAX) };
        if !is(content, response.headers()) {
            return Err(UplinkError::NotTheRegion(status.as_u16()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(no_answer)? {
            if bytes.len() + chunk.len() > bytes_max {
                return Err(UplinkError::TooLong(bytes_max));
            }
            bytes.extend_from_slice(&chunk);
        }
        if status == StatusCode::OK {
            return Ok(bytes);
        }
        match problem_detail(&bytes) {
            Some(detail) => Err(UplinkError::Refused { status: status.as_u16(), detail }),
            None => Err(UplinkError::NotTheRegion(status.as_u16())),
        }
    }
}

fn parse_base(text: &str) -> Result<Url, UplinkError> {
    let bad = |reason| UplinkError::Address { url: text.to_owned(), reason };
    let mut url = Url::parse(text).map_err(|_| bad("write it as https://name/"))?;
    match (url.scheme(), url.host_str()) {
        ("https", Some(_)) => (),
        ("http", Some("127.0.0.1" | "[::1]" | "localhost")) => (),
        ("http", Some(_)) => return Err(bad("plain http is for a region on this machine; write https")),
        (_, _) => return Err(bad("write it as https://name/")),
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

fn read_authorities(path: &Path) -> Result<Vec<Certificate>, UplinkError> {
    let bad = |why: String| UplinkError::Certificates(path.display().to_string(), why);
    let pem = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| bad(error.to_string()))?;
    if certificates.is_empty() { Err(bad("there is none in it".to_owned())) } else { Ok(certificates) }
}

/// Whether the content is said to be of this type, whatever its parameters.
fn is(media_type: &str, headers: &HeaderMap) -> bool {
    let given = headers.get(CONTENT_TYPE).and_then(|given| given.to_str().ok()).unwrap_or_default();
    given.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(media_type)
}

/// The region's sentence in its RFC 9457 problem, if it is one; the status says the rest.
fn problem_detail(body: &[u8]) -> Option<String> {
    let problem: serde_json::Value = serde_json::from_slice(body).ok()?;
    let text = problem.get("detail").or_else(|| problem.get("title"))?.as_str()?;
    Some(text.chars().filter(|c| !c.is_control()).take(400).collect())
}

/// An error with its causes: "connection refused" is in the last of them.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for good in ["https://pass.example.org", "https://pass.example.org/region/", "http://127.0.0.1:8080"] {
            assert!(parse_base(good).is_ok_and(|url| url.path().ends_with('/')), "{good}");
        }
        for bad in [
            "",
            "pass.example.org",
            "ftp://pass.example.org",
            "http://pass.example.org",
            "http://127.0.0.1.example.org",
        ] {
            assert!(matches!(parse_base(bad), Err(UplinkError::Address { .. })), "{bad}");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn an_answer_that_never_ends_is_not_waited_for_for_ever() {
        let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let talking = std::thread::spawn(move || {
            let (mut client, _) = silent.accept().unwrap();
            assert!(client.read(&mut [0; 4096]).is_ok_and(|read| read > 0));
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {COSE}\r\ncontent-length: 1000\r\n\r\n");
            client.write_all(head.as_bytes()).unwrap();
            // One byte now and then, as long as somebody listens.
            while client.write_all(b".").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let uplink = Uplink::with_patience(&url, None, Duration::from_millis(500)).unwrap();
        let answer = uplink.exchange(vec![1], 2000).await;
        assert!(matches!(&answer, Err(UplinkError::NoAnswer(why)) if why.contains("timed out")), "{answer:?}");
        talking.join().unwrap();
    }

    #[test]
    fn a_problem_is_told_in_one_line() {
        assert_eq!(
            problem_detail(br#"{"title":"t","detail":"the code\nhas expired"}"#),
            Some("the codehas expired".into())
        );
        for no_problem in [b"<html>".as_slice(), b"{}", b""] {
            assert_eq!(problem_detail(no_problem), None);
        }
    }
}
