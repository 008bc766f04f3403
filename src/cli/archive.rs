//! Files of spans: one `TracesData` of OTLP as JSON a line, as OpenTelemetry's file exporter writes them, in one piece or
//! compressed. What the name ends with says how: `.gz` is gzip, `.zst` is zstd.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Read, Seek as _, SeekFrom, Write as _},
    path::Path,
};

use anyhow::{Context as _, Result, ensure};
use flate2::{Compression as GzipLevel, bufread::MultiGzDecoder, write::GzEncoder};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::TracesData,
};

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    /// Not at all.
    None,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    pub(super) fn of(path: &Path) -> Self {
        match path.extension().and_then(|e| e.to_str()) {
            Some("gz") => Self::Gzip,
            Some("zst") => Self::Zstd,
            _ => Self::None,
        }
    }

    /// Compresses bytes as a piece of their own: pieces one after another are a file of either format.
    fn piece(self, plain: &[u8]) -> Result<Vec<u8>> {
        Ok(match self {
            Self::None => plain.to_vec(),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), GzipLevel::default());
                encoder.write_all(plain)?;
                encoder.finish()?
            }
            Self::Zstd => zstd::encode_all(plain, 3)?,
        })
    }
}

/// Writes lines, a piece at a time.
#[derive(Debug)]
pub(super) struct LineWriter {
    file: File,
    compression: Compression,
    waiting: Vec<u8>,
    length: u64,
}

impl LineWriter {
    /// Begins a file, or goes on after the first `length` bytes of it.
    pub(super) fn open(path: &Path, compression: Compression, length: u64) -> Result<Self> {
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        ensure!(file.metadata()?.len() >= length, "{} is shorter than it was", path.display());
        file.set_len(length)?;
        file.seek(SeekFrom::Start(length))?;
        Ok(Self { file, compression, waiting: Vec::new(), length })
    }

    /// Adds a line; returns how many bytes wait for the end of the piece.
    pub(super) fn add(&mut self, line: &str) -> usize {
        self.waiting.extend_from_slice(line.as_bytes());
        self.waiting.push(b'\n');
        self.waiting.len()
    }

    /// Ends a piece and makes it durable; returns how long the file is now.
    pub(super) fn end_piece(&mut self) -> Result<u64> {
        if !self.waiting.is_empty() {
            let piece = self.compression.piece(&self.waiting)?;
            self.file.write_all(&piece)?;
            self.file.sync_data()?;
            self.length += piece.len() as u64;
            self.waiting.clear();
        }
        Ok(self.length)
    }
}

/// Reads lines that are not longer than a limit.
pub(super) struct LineReader {
    source: Box<dyn BufRead + Send>,
    longest: usize,
}

impl LineReader {
    pub(super) fn new(source: impl Read + Send + 'static, compression: Compression, longest: usize) -> Result<Self> {
        let source = BufReader::with_capacity(1 << 17, source);
        let source: Box<dyn BufRead + Send> = match compression {
            Compression::None => Box::new(source),
            Compression::Gzip => Box::new(BufReader::new(MultiGzDecoder::new(source))),
            Compression::Zstd => Box::new(BufReader::new(zstd::Decoder::with_buffer(source)?)),
        };
        Ok(Self { source, longest })
    }

    /// Returns the next line without its end; `None` after the last.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let limit = u64::try_from(self.longest)?.saturating_add(1);
        self.source.by_ref().take(limit).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        } else {
            ensure!(line.len() <= self.longest, "longer than {} bytes", self.longest);
        }
        Ok(Some(line))
    }
}

/// Doubles that JSON has no number for, as protobuf's JSON mapping writes them, each with a number that stands for it
/// where only numbers can: a double so small that nothing measures it.
const UNWRITTEN: [(f64, &str); 3] = [(f64::NAN, "NaN"), (f64::INFINITY, "Infinity"), (f64::NEG_INFINITY, "-Infinity")];

fn stand_in(place: usize) -> f64 {
    f64::from_bits(0x0000_5eed_0f0f_0001 + place as u64)
}

const DOUBLE: &str = "\"doubleValue\":";

/// Returns spans as a line.
pub(super) fn to_line(mut data: TracesData) -> Result<String> {
    let mut met = false;
    each_double(&mut data, &mut |double| {
        let same =
            |(special, _): &(f64, &str)| special.to_bits() == double.to_bits() || special.is_nan() && double.is_nan();
        if let Some(place) = UNWRITTEN.iter().position(same) {
            *double = stand_in(place);
            met = true;
        }
    });
    let mut line = serde_json::to_string(&data)?;
    if met {
        for (place, (_, name)) in UNWRITTEN.iter().enumerate() {
            let number = serde_json::to_string(&stand_in(place))?;
            line = line.replace(&format!("{DOUBLE}{number}"), &format!("{DOUBLE}\"{name}\""));
        }
    }
    Ok(line)
}

/// Reads the spans of a line.
pub(super) fn from_line(line: &[u8]) -> Result<ExportTraceServiceRequest> {
    let text = std::str::from_utf8(line).context("not UTF-8")?;
    let mut data: TracesData = if text.contains(&format!("{DOUBLE}\"")) {
        // Within a text its quotes would be escaped: this is a member.
        let mut text = text.to_owned();
        for (place, (_, name)) in UNWRITTEN.iter().enumerate() {
            let number = serde_json::to_string(&stand_in(place))?;
            text = text.replace(&format!("{DOUBLE}\"{name}\""), &format!("{DOUBLE}{number}"));
        }
        serde_json::from_str(&text)?
    } else {
        serde_json::from_str(text)?
    };
    each_double(&mut data, &mut |double| {
        if let Some(place) = (0..UNWRITTEN.len()).find(|place| stand_in(*place).to_bits() == double.to_bits()) {
            *double = UNWRITTEN[place].0;
        }
    });
    Ok(ExportTraceServiceRequest { resource_spans: data.resource_spans })
}

fn each_double(data: &mut TracesData, change: &mut impl FnMut(&mut f64)) {
    for of_resource in &mut data.resource_spans {
        if let Some(resource) = &mut of_resource.resource {
            in_attributes(&mut resource.attributes, change);
        }
        for of_scope in &mut of_resource.scope_spans {
            if let Some(scope) = &mut of_scope.scope {
                in_attributes(&mut scope.attributes, change);
            }
            for span in &mut of_scope.spans {
                in_attributes(&mut span.attributes, change);
                span.events.iter_mut().for_each(|event| in_attributes(&mut event.attributes, change));
                span.links.iter_mut().for_each(|link| in_attributes(&mut link.attributes, change));
            }
        }
    }
}

fn in_attributes(attributes: &mut [KeyValue], change: &mut impl FnMut(&mut f64)) {
    attributes.iter_mut().filter_map(|attribute| attribute.value.as_mut()).for_each(|value| in_value(value, change));
}

fn in_value(value: &mut AnyValue, change: &mut impl FnMut(&mut f64)) {
    match &mut value.value {
        Some(Value::DoubleValue(double)) => change(double),
        Some(Value::ArrayValue(array)) => array.values.iter_mut().for_each(|value| in_value(value, change)),
        Some(Value::KvlistValue(list)) => in_attributes(&mut list.values, change),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

    use super::*;

    fn data(doubles: &[f64]) -> TracesData {
        let value = |double: &f64| AnyValue { value: Some(Value::DoubleValue(*double)) };
        let array = opentelemetry_proto::tonic::common::v1::ArrayValue { values: doubles.iter().map(value).collect() };
        let list = AnyValue { value: Some(Value::ArrayValue(array)) };
        let attributes =
            vec![KeyValue { key: "\"doubleValue\":\"NaN\"".into(), value: Some(list), ..KeyValue::default() }];
        let span = Span { trace_id: vec![1; 16], span_id: vec![2; 8], attributes, ..Span::default() };
        let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
        TracesData { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }
    }

    #[test]
    fn every_double_comes_back() {
        for doubles in [vec![1.5, -0.0, 1e300], vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 2.0]] {
            let line = to_line(data(&doubles)).unwrap();
            assert!(!line.contains('\n') && !line.contains("Value\":null"), "{line}");
            let mut read = Vec::new();
            let request = from_line(line.as_bytes()).unwrap();
            let mut back = TracesData { resource_spans: request.resource_spans };
            each_double(&mut back, &mut |double| read.push(*double));
            assert_eq!(format!("{read:?}"), format!("{doubles:?}"));
        }
    }

    #[test]
    fn pieces_are_one_file_and_long_lines_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"] {
            let path = dir.path().join(name);
            let compression = Compression::of(&path);
            let mut writer = LineWriter::open(&path, compression, 0).unwrap();
            writer.add("one");
            let length = writer.end_piece().unwrap();
            writer.add("lost");
            writer.end_piece().unwrap();
            let mut writer = LineWriter::open(&path, compression, length).unwrap();
            writer.add("two");
            writer.end_piece().unwrap();
            let mut reader = LineReader::new(File::open(&path).unwrap(), compression, 3).unwrap();
            assert_eq!(reader.next().unwrap().as_deref(), Some(b"one".as_slice()), "{name}");
            assert_eq!(reader.next().unwrap().as_deref(), Some(b"two".as_slice()), "{name}");
            assert_eq!(reader.next().unwrap(), None, "{name}");
            let mut reader = LineReader::new(File::open(&path).unwrap(), compression, 2).unwrap();
            assert!(reader.next().is_err(), "{name}");
        }
    }
}
