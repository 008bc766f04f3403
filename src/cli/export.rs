//! Write the spans of a project to a file, from the database directly.

use std::{
    fs::File,
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

use super::archive::{Compression, LineWriter, to_line};
use crate::{
    api::rest::v1::otlp_span::to_traces_data,
    app,
    config::Config,
    db::Db,
    domain::{
        id::{ProjectId, SpanRowId},
        project::ProjectRef,
        span_filter::SpanFilter,
        time::UnixNanos,
    },
    service::offline_archive,
};

/// A piece ends when it has grown to this many bytes: what an interruption costs.
const PIECE: usize = 8 << 20;
/// Spans of a line; fewer when spans are large, so that a line is about [`LINE`] bytes.
const MOST_SPANS: u32 = 500;
const FIRST_SPANS: u32 = 20;
const LINE: usize = 4 << 20;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Project, by name or id
    #[arg(long)]
    project: String,
    /// File to write; compressed when its name ends with .gz or .zst; `-` is the standard output
    #[arg(long, short)]
    output: PathBuf,
    /// Only spans that started at or after this instant
    #[arg(long, value_name = "RFC 3339")]
    start_time: Option<String>,
    /// Only spans that started before this instant
    #[arg(long, value_name = "RFC 3339")]
    end_time: Option<String>,
    /// Go on where an interrupted export to the same file stopped
    #[arg(long, conflicts_with = "overwrite")]
    resume: bool,
    /// Replace the file if it is there
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    config: Box<Config>,
}

/// How far an export has come.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct State {
    project: String,
    start_time: Option<String>,
    end_time: Option<String>,
    /// Row id of the last span in the file.
    last: Option<i64>,
    /// Bytes of the file that are whole.
    length: u64,
    spans: u64,
}

pub(super) async fn run(args: Args) -> Result<()> {
    let filter = SpanFilter {
        start: instant("--start-time", args.start_time.as_deref())?,
        end: instant("--end-time", args.end_time.as_deref())?,
        ..SpanFilter::default()
    };
    let config = super::checked(*args.config)?;
    let db = app::open_database(&config).await?;
    let (project, total) = offline_archive::find_project(&db, &ProjectRef::parse(&args.project)).await?;
    let source = Source { db: &db, project: project.id, filter: &filter };
    let progress = progress(total);
    let done = if args.output.as_os_str() == "-" {
        source.print(&progress).await
    } else {
        let fresh = State {
            project: project.name.clone(),
            start_time: args.start_time,
            end_time: args.end_time,
            ..State::default()
        };
        let files = Files::of(&args.output);
        let state = files.begin(fresh, args.resume, args.overwrite)?;
        source.save(&files, state, &progress).await
    };
    progress.finish_and_clear();
    db.close().await;
    let spans = done?;
    eprintln!("{spans} spans of project {} are exported", project.name);
    Ok(())
}

fn instant(flag: &str, text: Option<&str>) -> Result<Option<UnixNanos>> {
    text.map(|text| UnixNanos::parse(text).with_context(|| format!("{flag}: {text} is not an RFC 3339 instant")))
        .transpose()
}

fn progress(total: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} spans, {per_sec}, {eta} left");
    ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The files of an export: only a whole one has the name that was asked for.
struct Files {
    whole: PathBuf,
    part: PathBuf,
    state: PathBuf,
}

impl Files {
    fn of(output: &Path) -> Self {
        let with = |ending: &str| {
            let mut name = output.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        Self { whole: output.to_owned(), part: with(".part"), state: with(".part.json") }
    }

    /// Returns where to begin.
    fn begin(&self, fresh: State, resume: bool, overwrite: bool) -> Result<State> {
        let found = std::fs::read(&self.state).ok();
        if resume {
            let found = found.with_context(|| format!("--resume: there is no {}", self.state.display()))?;
            let state: State = serde_json::from_slice(&found).with_context(|| self.state.display().to_string())?;
            let same = State { last: state.last, length: state.length, spans: state.spans, ..fresh };
            ensure!(same == state, "--resume: the interrupted export was of another project or of other instants");
            return Ok(state);
        }
        if !overwrite {
            ensure!(!self.whole.exists(), "{} is there: --overwrite replaces it", self.whole.display());
            ensure!(
                found.is_none(),
                "an export to {} was interrupted: --resume goes on with it, --overwrite begins anew",
                self.whole.display()
            );
        }
        Ok(fresh)
    }

    /// Notes how far the export has come; a crash leaves the note before or this one.
    fn note(&self, state: &State) -> Result<()> {
        let fresh = self.state.with_extension("new");
        let mut file = File::create(&fresh)?;
        file.write_all(&serde_json::to_vec(state)?)?;
        file.sync_all()?;
        Ok(std::fs::rename(fresh, &self.state)?)
    }

    fn finish(&self) -> Result<()> {
        std::fs::rename(&self.part, &self.whole)?;
        std::fs::remove_file(&self.state)?;
        Ok(())
    }
}

struct Source<'s> {
    db: &'s Db,
    project: ProjectId,
    filter: &'s SpanFilter,
}

impl Source<'_> {
    /// Gives lines to `take`, each with the row id of its last span and how many spans it holds, as long as there are any.
    async fn lines(&self, mut last: Option<i64>, mut take: impl FnMut(String, i64, u64) -> Result<()>) -> Result<()> {
        let mut limit = FIRST_SPANS;
        loop {
            let after = last.map(SpanRowId);
            let (spans, origins) =
                offline_archive::next_spans(self.db, self.project, self.filter, after, limit).await?;
            let Some(end) = spans.last() else { return Ok(()) };
            last = Some(end.id.0);
            let line = to_line(to_traces_data(&spans, &origins))?;
            let each = line.len() / spans.len();
            limit = u32::try_from(LINE / each.max(1)).unwrap_or(MOST_SPANS).clamp(1, MOST_SPANS);
            take(line, end.id.0, spans.len() as u64)?;
        }
    }

    async fn print(&self, progress: &ProgressBar) -> Result<u64> {
        let mut total = 0;
        self.lines(None, |line, _, spans| {
            total += spans;
            progress.set_position(total);
            Ok(writeln!(std::io::stdout(), "{line}")?)
        })
        .await?;
        Ok(total)
    }

    async fn save(&self, files: &Files, mut state: State, progress: &ProgressBar) -> Result<u64> {
        let mut writer = LineWriter::open(&files.part, Compression::of(&files.whole), state.length)
            .with_context(|| files.part.display().to_string())?;
        files.note(&state)?;
        progress.set_position(state.spans);
        let (mut last, mut count) = (state.last, state.spans);
        let writing = self.lines(state.last, |line, end, spans| {
            (last, count) = (Some(end), count + spans);
            progress.set_position(count);
            if writer.add(&line) >= PIECE {
                (state.last, state.spans) = (last, count);
                state.length = writer.end_piece()?;
                files.note(&state)?;
            }
            Ok(())
        });
        tokio::select! {
            done = writing => done?,
            _ = tokio::signal::ctrl_c() => bail!("interrupted: --resume goes on"),
        }
        writer.end_piece()?;
        files.finish()?;
        Ok(count)
    }
}
