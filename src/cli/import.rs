//! Store the spans of a file in a project, in the database directly.

use std::{fs::File, io::IsTerminal as _, path::PathBuf};

use anyhow::{Context as _, Result, anyhow};
use futures_util::{StreamExt as _, stream::FuturesOrdered};
use indicatif::{ProgressBar, ProgressStyle};

use super::archive::{Compression, LineReader, from_line};
use crate::{
    api::otlp::decode::decode,
    config::Config,
    domain::time::Clock,
    ingest::{IngestHandle, Limits, prices::Prices},
    service::{
        ingest::{Export, Rejected},
        models, projects,
    },
};

/// Lines that are under way at once: enough for the writer to have the next when one is committed.
const AT_ONCE: usize = 4;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of the project to store in; made if it is missing
    #[arg(long)]
    project: String,
    /// File to read, one OTLP `TracesData` as JSON a line; decompressed when its name ends with .gz or .zst; `-` is the
    /// standard input
    #[arg(long, short)]
    input: PathBuf,
    /// Lines to pass over: those that an interrupted import had stored. A span that is there is not stored twice anyway
    #[arg(long, default_value = "0")]
    skip_lines: u64,
    #[command(flatten)]
    config: Box<Config>,
}

/// What was done.
#[derive(Debug, Default)]
struct Done {
    lines: u64,
    spans: u64,
    rejected: u64,
    reasons: Vec<String>,
}

impl Done {
    fn add(&mut self, spans: usize, rejected: &Rejected) {
        self.lines += 1;
        self.spans += spans as u64;
        self.rejected += rejected.spans as u64;
        for reason in &rejected.reasons {
            if !self.reasons.contains(reason) {
                self.reasons.push(reason.clone());
            }
        }
    }
}

pub(super) async fn run(args: Args) -> Result<()> {
    let Args { project, input, skip_lines, config } = args;
    projects::validate_name(&project).map_err(|reason| anyhow!("--project: {reason}"))?;
    let config = super::checked(*config)?;
    let longest = config.http.max_decompressed_body_bytes;
    let (reader, progress) = if input.as_os_str() == "-" {
        (LineReader::new(std::io::stdin(), Compression::None, longest)?, ProgressBar::hidden())
    } else {
        let file = File::open(&input).with_context(|| input.display().to_string())?;
        let progress = progress(file.metadata()?.len());
        (LineReader::new(progress.wrap_read(file), Compression::of(&input), longest)?, progress)
    };
    let (db, _) = super::open_seeded(&config, Clock::system().now()).await?;
    let prices = Prices::default();
    models::sow(&db, &prices, Clock::system().now()).await?;
    let limits = Limits { spans: config.ingest.max_spans_queue_size, bytes: config.ingest.max_queue_bytes };
    let (ingest, writer) = IngestHandle::start(db.clone(), Clock::system(), limits, prices, None);
    let mut done = Done { lines: skip_lines, ..Done::default() };
    let outcome = store(reader, &project, &ingest, &mut done).await;
    progress.finish_and_clear();
    drop(ingest);
    writer.await?;
    db.close().await;
    eprintln!("{} spans are stored in project {}", done.spans, project);
    if done.rejected > 0 {
        eprintln!("{} spans were refused: {}", done.rejected, done.reasons.join("; "));
    }
    outcome.with_context(|| format!("stopped after line {}: --skip-lines {} goes on there", done.lines, done.lines))
}

fn progress(bytes: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

async fn store(mut reader: LineReader, project: &str, ingest: &IngestHandle, done: &mut Done) -> Result<()> {
    for number in 1..=done.lines {
        reader.next().with_context(|| format!("line {number}"))?;
    }
    let mut under_way = FuturesOrdered::new();
    let mut number = done.lines;
    loop {
        number += 1;
        let line = reader.next().with_context(|| format!("line {number}"));
        match line {
            Ok(Some(line)) if line.trim_ascii().is_empty() => {
                under_way.push_back(submit(ingest, Ok(Export::default())));
            }
            Ok(Some(line)) => {
                let export = from_line(&line)
                    .with_context(|| format!("line {number} is no OTLP TracesData"))
                    .map(|request| decode(request, Some(project), project));
                under_way.push_back(submit(ingest, export));
            }
            Ok(None) => break,
            Err(error) => under_way.push_back(submit(ingest, Err(error))),
        }
        while under_way.len() >= AT_ONCE {
            settle(&mut under_way, done).await?;
        }
    }
    while !under_way.is_empty() {
        settle(&mut under_way, done).await?;
    }
    Ok(())
}

async fn settle(
    under_way: &mut FuturesOrdered<impl Future<Output = Result<(usize, Rejected)>>>,
    done: &mut Done,
) -> Result<()> {
    let next = tokio::select! {
        next = under_way.next() => next,
        _ = tokio::signal::ctrl_c() => Some(Err(anyhow!("interrupted"))),
    };
    if let Some(stored) = next {
        let (spans, rejected) = stored?;
        done.add(spans, &rejected);
    }
    Ok(())
}

/// Stores the spans of a line; returns when they are committed.
async fn submit(ingest: &IngestHandle, export: Result<Export>) -> Result<(usize, Rejected)> {
    let mut export = export?;
    if ingest.packs() {
        export.pack();
    }
    let spans = export.batches.iter().map(|batch| batch.spans.len()).sum();
    ingest.submit(export.batches, ingest.reserve()).await?;
    Ok((spans, export.rejected))
}
