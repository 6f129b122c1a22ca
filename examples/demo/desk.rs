//! The desk's API over HTTP, as the programs of an establishment or the holder's page ask it.

use serde_json::Value;

use crate::failure::Failure;
use crate::stage::Stage;

impl Stage {
    /// The HTTP status and the JSON that the region answers, with an operator's token or as anybody.
    pub(crate) fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Result<(u16, Value), Failure> {
        let what = format!("POST {path}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(Failure::system(&what))?;
        let (status, text) = runtime.block_on(self.send(path, token, body)).map_err(|error| {
            let what = what.clone();
            Failure::Desk { what, error }
        })?;
        let answer = serde_json::from_str(&text).map_err(|_| Failure::not_understood(what, &text))?;
        Ok((status, answer))
    }

    async fn send(&self, path: &str, token: Option<&str>, body: &Value) -> Result<(u16, String), reqwest::Error> {
        // Even what speaks no TLS is made with somebody who could. One that is installed already is this one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build()?;
        let request = client.post(format!("{}{path}", self.region.url)).header("Content-Type", "application/json");
        let request = token.into_iter().fold(request, |request, token| request.bearer_auth(token));
        let response = request.body(body.to_string()).send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    }
}
