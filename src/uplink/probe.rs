//! Whether the region can be reached, and at which step it cannot: name, connection, proxy, TLS, or somebody else who answers. Nothing is
//! asked of the region that it would keep.

use std::io;
use std::net::ToSocketAddrs as _;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::header::DATE;
use rustls::CertificateError;

use super::{PROBLEM, Uplink, UplinkError, chain, is};

/// The region answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Its date (RFC 9110, 6.6.1), as it stands in the answer; a proxy that ends the TLS may have written it.
    pub date: Option<String>,
}

/// Where the way to the region ends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// Its address or the file of authorities cannot be used.
    #[error("{0}")]
    Settings(String),
    /// Its name is unknown here.
    #[error("the name {name} cannot be resolved: {why}")]
    Name {
        /// The name.
        name: String,
        /// What the system says.
        why: String,
    },
    /// Nobody takes the connection.
    #[error("{0} does not take connections: {1}")]
    Connection(String, String),
    /// The proxy does not answer, or does not let this through.
    #[error("the proxy {0} does not let this through: {1}")]
    Proxy(String, String),
    /// Its certificate has ended, or has not begun: by this machine's clock.
    #[error("by the clock of this machine, the certificate of {0} is not in force")]
    TlsTime(String),
    /// Its certificate is another name's.
    #[error("the certificate is not that of {0}")]
    TlsName(String),
    /// Nobody who is believed here has signed its certificate.
    #[error("no authority that is believed here has signed the certificate of {0}")]
    TlsAuthority(String),
    /// TLS fails otherwise.
    #[error("TLS with {0} fails: {1}")]
    Tls(String, String),
    /// No answer came in time.
    #[error("{0} does not answer in time")]
    Slow(String),
    /// Something else than a region answers, as a portal of a network does.
    #[error("something else than the region answers at {0} (HTTP {1})")]
    NotTheRegion(String, u16),
    /// Anything else.
    #[error("the line to {0} fails: {1}")]
    Other(String, String),
}

impl Uplink {
    /// Asks the region for what it refuses to everybody: how it refuses shows that it is one.
    ///
    /// # Errors
    /// [`Unreachable`].
    pub async fn probe(&self) -> Result<Reached, Unreachable> {
        let settings = |error: UplinkError| Unreachable::Settings(error.to_string());
        let url = self.address_of("v1/exchanges").map_err(settings)?;
        let response = match self.client.get(url).send().await {
            Ok(response) => response,
            Err(error) => return Err(self.why(error.without_url()).await),
        };
        if !is(PROBLEM, response.headers()) {
            return Err(Unreachable::NotTheRegion(self.name(), response.status().as_u16()));
        }
        let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
        Ok(Reached { date: date.map(str::to_owned) })
    }

    fn name(&self) -> String {
        self.base.host_str().unwrap_or_default().to_owned()
    }

    async fn why(&self, error: reqwest::Error) -> Unreachable {
        let (name, why) = (self.name(), chain(&error));
        // TLS with the region is spoken through a proxy too, which is then not what is wrong.
        if let Some(tls) = caused_by::<rustls::Error>(&error) {
            return in_tls(name, tls);
        }
        if let Some(proxy) = self.proxy() {
            return Unreachable::Proxy(proxy, why);
        }
        let (host, port) = (name.clone(), self.base.port_or_known_default().unwrap_or(443));
        // The system's resolver blocks.
        let resolved = tokio::task::spawn_blocking(move || (host.as_str(), port).to_socket_addrs().map(drop)).await;
        if let Ok(Err(error)) = resolved {
            return Unreachable::Name { name, why: error.to_string() };
        }
        if error.is_connect() {
            return Unreachable::Connection(name, why);
        }
        if error.is_timeout() { Unreachable::Slow(name) } else { Unreachable::Other(name, why) }
    }

    /// The proxy on the way, by the rules that requests obey, without what its address may say of a password.
    fn proxy(&self) -> Option<String> {
        let intercept = Matcher::from_system().intercept(&self.base.as_str().parse().ok()?)?;
        let authority = intercept.uri().authority()?;
        let port = authority.port().map(|port| format!(":{port}")).unwrap_or_default();
        Some(format!("{}{port}", authority.host()))
    }
}

fn in_tls(name: String, error: &rustls::Error) -> Unreachable {
    use CertificateError as C;
    match error {
        rustls::Error::InvalidCertificate(
            C::Expired | C::ExpiredContext { .. } | C::NotValidYet | C::NotValidYetContext { .. },
        ) => Unreachable::TlsTime(name),
        rustls::Error::InvalidCertificate(C::NotValidForName | C::NotValidForNameContext { .. }) => {
            Unreachable::TlsName(name)
        }
        // An authority of the same name with another key.
        rustls::Error::InvalidCertificate(C::UnknownIssuer | C::BadSignature) => Unreachable::TlsAuthority(name),
        // The list is rustls's own and grows.
        other => Unreachable::Tls(name, other.to_string()),
    }
}

/// The first cause of this type. An [`io::Error`] keeps what it was made of apart from its causes.
fn caused_by<'a, E: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inside {
            Some(inside) => Some(inside),
            None => error.source(),
        };
    }
    None
}
