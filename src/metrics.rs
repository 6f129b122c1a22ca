//! What the programs' metrics share: the format (OpenMetrics 1.0, which Prometheus reads), spans of time, codes as labels, and the address at which they are
//! told. What is counted is each program's own.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::get;
use axum_server::Handle;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The content type of the text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Seconds, between which spans are counted: from an answer out of memory to one that somebody gives up on.
const SECONDS: [f64; 11] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 20.0];

/// Something that has a stable code.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Coded {
    /// The code.
    pub code: String,
}

impl Coded {
    /// The label of this code.
    pub fn new(code: &str) -> Self {
        Self { code: code.to_owned() }
    }
}

/// A histogram of spans of time, in seconds.
pub fn spans() -> Histogram {
    Histogram::new(SECONDS)
}

/// A count, as a gauge takes it.
pub fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Everything that is registered, as text.
pub fn text(registry: &Registry) -> String {
    let mut text = String::new();
    // A string takes everything.
    let _ = text::encode(&mut text, registry);
    text
}

/// Metrics that are told at an address of their own, until this is dropped.
#[derive(Debug)]
pub struct Telling {
    handle: Handle<SocketAddr>,
    address: SocketAddr,
}

impl Telling {
    /// Where they are told.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

/// Tells what `text` gives at `/metrics`; nothing is a 503.
///
/// # Errors
/// When `listener` cannot be served.
pub fn tell<F>(listener: TcpListener, text: impl Fn() -> F + Clone + Send + Sync + 'static) -> io::Result<Telling>
where
    F: Future<Output = Option<String>> + Send + 'static,
{
    let address = listener.local_addr()?;
    let told = move || {
        let text = text();
        async move {
            match text.await {
                Some(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
                None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            }
        }
    };
    let router = Router::new().route("/metrics", get(told));
    let handle = Handle::new();
    let server = axum_server::from_tcp(listener)?.handle(handle.clone()).http1_only();
    tokio::spawn(async move {
        if let Err(error) = server.serve(router.into_make_service()).await {
            tracing::error!(%error, "the metrics are told no more");
        }
    });
    Ok(Telling { handle, address })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    fn config(folder: &str, ending: &str) -> Vec<PathBuf> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(folder);
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.to_str().unwrap().ends_with(ending)).collect()
    }

    /// Holds the names of the shipped alerts and dashboards that begin with `prefix` against those in `text`, both ways: what is told is looked at somewhere.
    pub(crate) fn names_are_those_of(text: &str, prefix: &str) {
        let told: BTreeSet<&str> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split(['{', ' ']).next())
            .filter(|name| name.starts_with(prefix))
            .collect();
        let files = [config("alerts", ".yml"), config("grafana", ".json")].concat();
        let texts: Vec<String> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let words = texts.iter().flat_map(|text| text.split(|character| !is_name(character)));
        let named: BTreeSet<&str> = words.filter(|word| word.starts_with(prefix)).collect();
        let unknown: Vec<_> = named.difference(&told).collect();
        assert!(unknown.is_empty(), "the program tells nothing of {unknown:?}: {text}");
        // Sum and count of a histogram are in its buckets.
        let looked_at = |name: &&&str| !named.contains(*name) && !name.ends_with("_sum") && !name.ends_with("_count");
        let unseen: Vec<_> = told.iter().filter(looked_at).collect();
        assert!(unseen.is_empty(), "nobody looks at {unseen:?}");
    }

    #[test]
    fn the_alerts_are_rules_that_fire_when_they_should() {
        let (tests, all): (Vec<_>, Vec<_>) =
            config("alerts", ".yml").into_iter().partition(|path| path.to_str().unwrap().ends_with(".test.yml"));
        for (arguments, files) in [(["check", "rules"], &all), (["test", "rules"], &tests)] {
            let output =
                Command::new("promtool").args(arguments).args(files).output().expect("promtool, of prometheus");
            let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}");
        }
        let document = include_str!("../docs/operations.md");
        for rules in &all {
            let text = fs::read_to_string(rules).unwrap();
            let tested = fs::read_to_string(rules.with_extension("test.yml")).unwrap();
            let alerts: Vec<_> = text.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
            assert!(alerts.len() > 5, "the alerts are found");
            for alert in alerts {
                let fires = format!("alertname: {alert}\n        exp_alerts:\n");
                assert!(tested.contains(&fires), "{alert} is not shown to fire");
                assert!(document.contains(&format!("| `{alert}` |")), "{alert} is not explained");
            }
        }
    }

    #[test]
    fn the_dashboards_can_be_read() {
        for file in config("grafana", ".json") {
            let dashboard: serde_json::Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
            let panels = dashboard["panels"].as_array().unwrap();
            assert!(panels.iter().all(|panel| panel["targets"][0]["expr"].is_string()), "{file:?}");
        }
    }
}
