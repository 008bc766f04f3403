//! How much may wait between an accepted request and its committed rows. Holds no sizes of one
//! request (`http`); serves `app`, which hands the values to `ingest` and `service`.

use super::{value, whole};

const DEFAULT_PROJECT: &str = "default";

/// Ingest queue and default project.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Ingest")]
pub struct IngestConfig {
    /// Spans that may wait for a commit; beyond that, exports are refused with 503 (gRPC
    /// UNAVAILABLE).
    #[arg(
        long,
        env = "PHOENIX_MAX_SPANS_QUEUE_SIZE",
        default_value = "20000",
        value_parser = value(|v| whole(v, 1..=usize::MAX))
    )]
    pub max_spans_queue_size: usize,

    /// Bytes that exports may hold, from their bodies to the commit; beyond that, they wait for two
    /// seconds and are then refused with 503 (gRPC UNAVAILABLE).
    #[arg(
        long,
        env = "PHOENIX_MAX_QUEUE_BYTES",
        default_value = "33554432",
        value_parser = value(|v| whole(v, 1..=usize::MAX))
    )]
    pub max_queue_bytes: usize,

    /// Project of spans whose resource names none.
    #[arg(
        id = "project_name",
        value_name = "PROJECT_NAME",
        long = "project-name",
        env = "PHOENIX_PROJECT_NAME",
        default_value = DEFAULT_PROJECT,
        value_parser = value(project_name)
    )]
    pub default_project_name: String,
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of every value parser")]
fn project_name(given: &str) -> Result<String, String> {
    Ok(if given.is_empty() { DEFAULT_PROJECT } else { given }.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{config, refusal};

    #[test]
    fn the_queue_has_the_size_of_the_peer() {
        let ingest = config(&[]).ingest;
        assert_eq!(ingest.max_spans_queue_size, 20_000);
        assert_eq!(ingest.max_queue_bytes, 32 << 20);
        assert_eq!(config(&["--max-spans-queue-size", " 7 "]).ingest.max_spans_queue_size, 7);
        for bad in ["0", "1e3", "", "-1"] {
            let line = refusal(&[&format!("--max-spans-queue-size={bad}")]);
            assert!(line.contains("PHOENIX_MAX_SPANS_QUEUE_SIZE") && line.contains("allowed"), "{line}");
        }
    }

    #[test]
    fn the_default_project_has_a_name() {
        assert_eq!(config(&["--project-name", " a "]).ingest.default_project_name, "a");
        assert_eq!(config(&["--project-name", " "]).ingest.default_project_name, "default");
    }
}
