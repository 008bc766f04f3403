//! The table: what was measured, beside what was wanted.

use std::{fmt, fmt::Write as _, path::Path};

use anyhow::Result;
use phoenix_server::domain::time::Clock;
use serde_json::{Value, json};

use crate::{
    settings::{Engine, Settings, SubjectKind},
    stats::{Sample, real},
};

/// A table of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// Spans per second until readable.
    Ingest,
    /// First page of spans.
    Page,
    /// Authenticated trivial request.
    Access,
    /// What the key platform costs.
    Platform,
    /// Logins by password.
    Login,
    /// Ingest beside a flood of logins.
    Flood,
    /// Cold start and memory.
    Process,
    /// Bytes on disk.
    Disk,
    /// What a stop loses.
    Durability,
    /// Ours against what the machine can do.
    Hardware,
}

impl Group {
    const ALL: [Self; 10] = [
        Self::Ingest,
        Self::Page,
        Self::Access,
        Self::Platform,
        Self::Login,
        Self::Flood,
        Self::Process,
        Self::Disk,
        Self::Durability,
        Self::Hardware,
    ];

    fn title(self) -> &'static str {
        match self {
            Self::Ingest => "Durable ingest: spans a second from the first byte until all are readable",
            Self::Page => "First page of 100 spans, one request after another",
            Self::Access => "Authenticated trivial request: GET /v1/user, 8 connections",
            Self::Platform => "The key platform: GET /v1/user, 8 connections, both servers turn by turn",
            Self::Login => "Logins by password: Argon2id of 19 MiB here, PBKDF2 of 10,000 rounds there",
            Self::Flood => "Ingest beside a flood of logins, against the same without it",
            Self::Process => "Start and memory",
            Self::Disk => "Disk",
            Self::Durability => "Acknowledged spans missing after a stop right after the last acknowledgement",
            Self::Hardware => "Against the hardware, same client, same run",
        }
    }

    fn other(self) -> &'static str {
        match self {
            Self::Hardware => "bare",
            Self::Flood => "alone",
            Self::Platform => "without",
            _ => "peer",
        }
    }

    /// Whether ours is shown as a share of the other.
    fn is_share(self) -> bool {
        matches!(self, Self::Hardware | Self::Flood | Self::Platform)
    }
}

/// What a figure counts, and whether more is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Spans per second.
    SpansPerSecond,
    /// Requests per second.
    RequestsPerSecond,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Mebibytes.
    Mebibytes,
    /// Bytes.
    Bytes,
    /// Spans.
    Spans,
}

impl Unit {
    fn more_is_better(self) -> bool {
        matches!(self, Self::SpansPerSecond | Self::RequestsPerSecond)
    }

    fn name(self) -> &'static str {
        match self {
            Self::SpansPerSecond => "spans/s",
            Self::RequestsPerSecond => "requests/s",
            Self::Millis => "ms",
            Self::Micros => "µs",
            Self::Mebibytes => "MB",
            Self::Bytes => "bytes",
            Self::Spans => "spans",
        }
    }
}

/// What we want to reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Target {
    /// Nothing in particular.
    None,
    /// To be this many times better than the peer.
    TimesPeer(f64),
    /// To reach this share of the yardstick, in percent.
    ShareOfBare(f64),
    /// To stay at or below.
    AtMost(f64),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("-"),
            Self::TimesPeer(times) => write!(f, "≥ {times}x"),
            Self::ShareOfBare(share) => write!(f, "≥ {share} %"),
            Self::AtMost(limit) => write!(f, "≤ {limit}"),
        }
    }
}

/// Whose figure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Ours.
    Ours,
    /// What ours is compared with.
    Other,
}

impl From<SubjectKind> for Side {
    fn from(kind: SubjectKind) -> Self {
        match kind {
            SubjectKind::Ours => Self::Ours,
            SubjectKind::Peer => Self::Other,
        }
    }
}

#[derive(Debug)]
struct Row {
    group: Group,
    engine: Engine,
    what: String,
    unit: Unit,
    target: Target,
    ours: Option<Sample>,
    other: Option<Sample>,
}

impl Row {
    fn medians(&self) -> (Option<f64>, Option<f64>) {
        let median = |sample: &Option<Sample>| sample.as_ref().and_then(Sample::median);
        (median(&self.ours), median(&self.other))
    }

    /// Returns how many times better ours is.
    fn ratio(&self) -> Option<f64> {
        let (Some(ours), Some(other)) = self.medians() else { return None };
        let ratio = if self.unit.more_is_better() { ours / other } else { other / ours };
        ratio.is_finite().then_some(ratio)
    }

    fn met(&self) -> Option<bool> {
        match self.target {
            Target::None => None,
            Target::TimesPeer(times) => self.ratio().map(|r| r >= times),
            Target::ShareOfBare(share) => self.ratio().map(|r| r * 100.0 >= share),
            Target::AtMost(limit) => self.medians().0.map(|ours| ours <= limit),
        }
    }

    fn markdown(&self) -> String {
        let ratio = match (self.ratio(), self.group) {
            (None, _) => "-".to_owned(),
            (Some(r), group) if group.is_share() => format!("{:.0} %", r * 100.0),
            (Some(r), _) => format!("{}x", figure(r)),
        };
        let met = self.met().map_or("-", |met| if met { "yes" } else { "**no**" });
        let notes = [("ours", &self.ours), (self.group.other(), &self.other)].map(|(who, sample)| {
            let note = sample.as_ref().map_or("", |s| s.note.as_str());
            if note.is_empty() { String::new() } else { format!("{who}: {note}") }
        });
        let notes: Vec<&str> = notes.iter().map(String::as_str).filter(|n| !n.is_empty()).collect();
        format!(
            "| {} | {} | {} | {} | {} | {ratio} | {} | {met} | {} |",
            self.engine,
            self.what,
            self.unit.name(),
            cell(self.ours.as_ref()),
            cell(self.other.as_ref()),
            self.target,
            notes.join("; "),
        )
    }

    fn json(&self) -> Value {
        json!({
            "group": format!("{:?}", self.group),
            "engine": self.engine.to_string(),
            "what": self.what,
            "unit": self.unit.name(),
            "ours": self.ours,
            self.group.other(): self.other,
            "ratio": self.ratio(),
            "target": self.target.to_string(),
            "met": self.met(),
        })
    }
}

/// Prints three significant digits, or all of an integer.
fn figure(value: f64) -> String {
    let digits = if value >= 100.0 || value == 0.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    let text = format!("{value:.digits$}");
    if digits > 0 {
        return text;
    }
    let mut grouped = String::new();
    for (at, digit) in text.char_indices() {
        if at > 0 && (text.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn cell(sample: Option<&Sample>) -> String {
    let Some(median) = sample.and_then(Sample::median) else { return "-".to_owned() };
    let spread = sample.and_then(Sample::spread);
    let spread = spread.map_or(String::new(), |(low, high)| format!(" ({}–{})", figure(low), figure(high)));
    format!("{}{spread}", figure(median))
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub(crate) struct Book {
    rows: Vec<Row>,
    /// What went wrong, beside the figures.
    pub(crate) failures: Vec<String>,
}

impl Book {
    /// Enters a figure.
    #[expect(clippy::too_many_arguments, reason = "they are the columns of the table")]
    pub(crate) fn set(
        &mut self,
        group: Group,
        engine: Engine,
        what: impl fmt::Display,
        unit: Unit,
        target: Target,
        side: impl Into<Side>,
        sample: Sample,
    ) {
        let what = what.to_string();
        let same = |r: &Row| r.group == group && r.engine == engine && r.what == what;
        let at = self.rows.iter().position(same).unwrap_or_else(|| {
            self.rows.push(Row { group, engine, what: what.clone(), unit, target, ours: None, other: None });
            self.rows.len() - 1
        });
        let row = &mut self.rows[at];
        eprintln!("  {engine}, {what}: {} {}", cell(Some(&sample)), unit.name());
        match side.into() {
            Side::Ours => row.ours = Some(sample),
            Side::Other => row.other = Some(sample),
        }
    }

    /// Renders the tables.
    pub(crate) fn markdown(&self, machine: &[(String, String)], settings: &Settings) -> String {
        let mut text = "# phoenix-server beside Arize Phoenix\n\n".to_owned();
        for (name, value) in machine {
            let _ = writeln!(text, "- {name}: {value}");
        }
        let kind = if settings.quick { "quick, for orientation only" } else { "full" };
        let _ = writeln!(
            text,
            "- run: {kind}; client and server share the machine\n\nA figure with a range is a median with smallest and \
             largest; one without is from a single run. A ratio above 1x says that ours is better, whichever way the \
             unit counts."
        );
        for group in Group::ALL {
            let rows: Vec<&Row> = self.rows.iter().filter(|r| r.group == group).collect();
            if rows.is_empty() {
                continue;
            }
            let (title, other) = (group.title(), group.other());
            let ratio = if group.is_share() { "share" } else { "ratio" };
            let _ = writeln!(
                text,
                "\n## {title}\n\n| database | what | unit | ours | {other} | {ratio} | target | met? | notes |\n\
                 | --- | --- | --- | ---: | ---: | ---: | --- | --- | --- |"
            );
            for row in rows {
                let _ = writeln!(text, "{}", row.markdown());
            }
        }
        if !self.failures.is_empty() {
            text.push_str("\n## What could not be measured\n\n");
            for failure in &self.failures {
                let _ = writeln!(text, "- {failure}");
            }
        }
        text
    }

    /// Writes the report to a folder and prints it.
    pub(crate) fn publish(&self, machine: &[(String, String)], settings: &Settings, dir: &Path) -> Result<()> {
        let markdown = self.markdown(machine, settings);
        println!("{markdown}");
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        let machine: serde_json::Map<String, Value> =
            machine.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        let json = json!({ "machine": machine, "quick": settings.quick, "rows": rows, "failures": self.failures });
        std::fs::create_dir_all(dir)?;
        std::fs::write(dir.join("peer.md"), markdown)?;
        std::fs::write(dir.join("peer.json"), serde_json::to_string_pretty(&json)?)?;
        Ok(())
    }
}

/// Describes the machine, without names or paths.
pub(crate) fn machine() -> Result<Vec<(String, String)>> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| -> String {
        let line = text.lines().find(|l| l.starts_with(name));
        line.and_then(|l| l.split_once(':')).map_or("unknown".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let gib = memory.trim_end_matches(" kB").parse::<u64>().map_or(0.0, |kib| real(kib) / 1024.0 / 1024.0);
    let kernel = read("/proc/sys/kernel/osrelease");
    let date = Clock::system().now().to_rfc3339().chars().take(10).collect();
    Ok(vec![
        ("date".to_owned(), date),
        ("cores".to_owned(), std::thread::available_parallelism()?.to_string()),
        ("memory".to_owned(), format!("{gib:.0} GB")),
        ("CPU".to_owned(), field(&read("/proc/cpuinfo"), "model name")),
        ("kernel".to_owned(), format!("Linux {}", kernel.trim())),
    ])
}
