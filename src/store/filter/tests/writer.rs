//! Filters written at random.

use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

use crate::domain::filter::Subject;

/// Writes filters at random: well-formed, mostly well-typed.
pub(super) struct Writer {
    rng: StdRng,
    subject: Subject,
    /// Elements of the loops around, and whether they are spans.
    elements: Vec<(String, Element)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Element {
    Span,
    Trace,
    Annotation,
}

impl Writer {
    pub(super) fn new(subject: Subject, seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), subject, elements: Vec::new() }
    }

    /// Writes a filter.
    pub(super) fn filter(&mut self) -> String {
        let depth = self.rng.random_range(0..4);
        self.condition(depth)
    }

    fn pick(&mut self, from: &[&str]) -> String {
        (*from.choose(&mut self.rng).unwrap()).to_owned()
    }

    fn condition(&mut self, depth: u32) -> String {
        let deep = depth > 0;
        match self.rng.random_range(0..if deep { 16 } else { 9 }) {
            0 | 1 => {
                let (cmp, a, b) = (self.cmp(), self.text(depth), self.text(0));
                format!("{a} {cmp} {b}")
            }
            2 | 3 => {
                let (cmp, a, b) = (self.cmp(), self.number(depth), self.number(depth));
                format!("{a} {cmp} {b}")
            }
            4 => {
                let (cmp, a) = (self.cmp(), self.time());
                let instant =
                    self.pick(&["2024-01-01T00:00:02Z", "2024-01-01T05:30:05+05:30", "2024-01-01T00:00:00.000000003Z"]);
                format!("{a} {cmp} '{instant}'")
            }
            5 => {
                let part = self.pick(&["'o'", "'A'", "'1'", "''", "'%'", "'ö'", "'STRASSE'", "'deep'", "'\"'", "'x'"]);
                let part = if self.rng.random_bool(0.1) { self.text(0) } else { part };
                let (not, text) = (self.pick(&["in", "not in"]), self.data_text());
                format!("{part} {not} {text}")
            }
            6 => {
                let (value, is) = (self.any(), self.pick(&["is None", "is not None", "== None", "is None"]));
                format!("{value} {is}")
            }
            7 => {
                let (value, not) = (self.data_text(), self.pick(&["in", "not in"]));
                let list = self.pick(&[
                    "['a', 'llm', 'good']",
                    "('LLM',)",
                    "['1', 'abc']",
                    "[]",
                    "['00', '0000000000000101']",
                ]);
                format!("{value} {not} {list}")
            }
            8 => {
                let (attribute, rest) =
                    (self.attribute(), self.pick(&["== True", "is False", "!= True", "in [1, 2.5]", "is not True"]));
                format!("{attribute} {rest}")
            }
            9 | 10 => {
                let word = self.pick(&["and", "or"]);
                let count = self.rng.random_range(2..4);
                let parts: Vec<String> = (0..count).map(|_| format!("({})", self.condition(depth - 1))).collect();
                parts.join(&format!(" {word} "))
            }
            11 => format!("not ({})", self.condition(depth - 1)),
            12 => {
                let (a, b, c) = (self.number(0), self.number(0), self.number(0));
                format!("{a} < {b} <= {c}")
            }
            13 => format!("({}) == ({})", self.condition(depth - 1), self.condition(depth - 1)),
            14 if self.elements.is_empty() => {
                let name = match self.subject {
                    Subject::Span => self.pick(&["annotations['q']", "evals['r']", "trace_annotations['q']"]),
                    Subject::Trace => "trace_annotations['q']".to_owned(),
                    Subject::Session => "session_annotations['r']".to_owned(),
                };
                let rest =
                    self.pick(&["", ".label == 'good'", ".score > 0.5", ".label is None", ".score != 1", " is True"]);
                format!("{name}{rest}")
            }
            _ => self.quantified(depth - 1).unwrap_or_else(|| "1 == 1".to_owned()),
        }
    }

    /// Opens a loop; what is written within may speak of its element.
    fn looped(&mut self, within: impl FnOnce(&mut Self) -> String) -> Option<(String, String)> {
        if self.elements.len() == 3 {
            return None;
        }
        let mut found: Vec<(String, Element)> = match self.subject {
            Subject::Span => Vec::new(),
            Subject::Trace => vec![
                ("spans".to_owned(), Element::Span),
                ("span_annotations".to_owned(), Element::Annotation),
                ("trace_annotations".to_owned(), Element::Annotation),
            ],
            Subject::Session => vec![
                ("spans".to_owned(), Element::Span),
                ("traces".to_owned(), Element::Trace),
                ("span_annotations".to_owned(), Element::Annotation),
                ("session_annotations".to_owned(), Element::Annotation),
            ],
        };
        for (name, element) in &self.elements {
            match element {
                Element::Span => found.extend([
                    (format!("{name}.children"), Element::Span),
                    (format!("{name}.siblings"), Element::Span),
                    (format!("{name}.annotations"), Element::Annotation),
                ]),
                Element::Trace => found.push((format!("{name}.spans"), Element::Span)),
                Element::Annotation => {}
            }
        }
        let (iterable, element) = found.choose(&mut self.rng)?.clone();
        let name = format!("v{}", self.elements.len());
        self.elements.push((name.clone(), element));
        let within = within(self);
        let only = if self.rng.random_bool(0.3) { format!(" if {}", self.condition(0)) } else { String::new() };
        self.elements.pop();
        Some((within, format!("for {name} in {iterable}{only}")))
    }

    fn quantified(&mut self, depth: u32) -> Option<String> {
        let which = self.pick(&["any", "all"]);
        let (within, of) = self.looped(|w| w.condition(depth))?;
        Some(format!("{which}({within} {of})"))
    }

    fn cmp(&mut self) -> String {
        self.pick(&["==", "!=", "<", "<=", ">", ">="])
    }

    fn attribute(&mut self) -> String {
        let path = self.pick(&[
            "['a']",
            "['b']",
            "['a.b']",
            "['a']['b']",
            "['a']['b']['c']",
            "['b'][0]",
            "['b.0']",
            "['a'][1]['k']",
            "['a'][1]['k'][0]",
            "['llm']['model_name']",
            "['input.value']",
            "['metadata']['a']",
            "['metadata']['b']['c'][0]",
            "['llm']",
            "['metadata']",
            "['tag.tags']",
            "['we\"ird']",
            "['ü']['$x[0]']",
            "['missing']",
            "['llm.token_count.prompt']",
            "['openinference.span.kind']",
            "['session.id']",
            "['metadata']['n']",
            "['a']['c']",
            "['']",
        ]);
        let spans: Vec<String> =
            self.elements.iter().filter(|(_, e)| *e == Element::Span).map(|(n, _)| n.clone()).collect();
        match spans.choose(&mut self.rng) {
            Some(name) => {
                format!("{name}.{}attributes{path}", if self.rng.random_bool(0.1) { "parent_span." } else { "" })
            }
            // In a loop over something else there are none: a text takes their place.
            None if !self.elements.is_empty() => self.data_text(),
            None => format!("attributes{path}"),
        }
    }

    fn any(&mut self) -> String {
        match self.rng.random_range(0..4) {
            0 => self.attribute(),
            1 => self.number(1),
            2 => self.time(),
            _ => self.data_text(),
        }
    }

    fn member(&mut self, span: &[&str], trace: &[&str], annotation: &[&str], root: &[&str]) -> String {
        let Some((name, element)) = self.elements.choose(&mut self.rng).cloned() else { return self.pick(root) };
        let from = match element {
            Element::Span => span,
            Element::Trace => trace,
            Element::Annotation => annotation,
        };
        let via = if element == Element::Span && self.rng.random_bool(0.2) { "parent_span." } else { "" };
        if from.is_empty() { "1".to_owned() } else { format!("{name}.{via}{}", self.pick(from)) }
    }

    fn data_text(&mut self) -> String {
        if self.elements.is_empty() && self.rng.random_bool(0.4) {
            return self.attribute();
        }
        let root: &[&str] = match self.subject {
            Subject::Span => &[
                "name",
                "span_kind",
                "status_code",
                "status_message",
                "trace_id",
                "span_id",
                "parent_id",
                "input.value",
                "llm.model_name",
                "user.id",
            ],
            Subject::Trace => &["trace_id", "input", "output", "user.id"],
            Subject::Session => &["session_id", "first_input", "last_output", "user.id"],
        };
        self.member(
            &["name", "span_kind", "status_code", "span_id", "parent_id"],
            &["trace_id"],
            &["name", "label", "identifier", "explanation"],
            root,
        )
    }

    fn text(&mut self, depth: u32) -> String {
        match self.rng.random_range(0..if depth > 0 { 8 } else { 6 }) {
            0 | 1 => self.pick(&[
                "'llm'",
                "'LLM'",
                "'ERROR'",
                "'abc'",
                "''",
                "'1'",
                "'1.0'",
                "'true'",
                "'0000000000000101'",
                "'good'",
                "'01010101010101010101010101010101'",
                "'ä%_\\'\"'",
                "'gpt-4'",
                "'zzz'",
            ]),
            2..=5 => self.data_text(),
            6 => format!("str({})", self.attribute()),
            _ => format!("{} + {}", self.data_text(), self.text(0)),
        }
    }

    fn number(&mut self, depth: u32) -> String {
        match self.rng.random_range(0..if depth > 0 { 13 } else { 8 }) {
            0 | 1 => self.pick(&["0", "1", "-1", "2.5", "5000", "10", "1e3", "0x10"]),
            2 | 3 => format!("{}({})", self.pick(&["float", "int"]), self.attribute()),
            4..=7 => self.number_field(),
            8 => format!("-{}", self.number(0)),
            9 | 10 => {
                let sign = self.pick(&["+", "-", "*", "/", "%"]);
                format!("({} {sign} {})", self.number(depth - 1), self.number(depth - 1))
            }
            11 => format!("int({})", self.number_field()),
            _ => {
                let which = self.pick(&["len", "sum", "min", "max"]);
                let count = which == "len";
                let name = format!("v{}", self.elements.len());
                let found = self.looped(|w| if count { name } else { w.number_field() });
                match found {
                    Some((within, of)) => format!("{which}([{within} {of}])"),
                    None => "3".to_owned(),
                }
            }
        }
    }

    fn number_field(&mut self) -> String {
        let root: &[&str] = match self.subject {
            Subject::Span => &[
                "latency_ms",
                "llm.token_count.prompt",
                "llm.token_count.completion",
                "llm.token_count.total",
                "cumulative_token_count.total",
                "cumulative_error_count",
                "total_cost",
                "prompt_cost",
            ],
            Subject::Trace => &[
                "latency_ms",
                "error_count",
                "num_spans",
                "llm_span_count",
                "tool_span_count",
                "token_count_total",
                "token_count_prompt",
                "total_cost",
            ],
            Subject::Session => &[
                "duration_ms",
                "num_traces",
                "num_traces_with_error",
                "llm_span_count",
                "token_count_completion",
                "token_count_total",
                "completion_cost",
            ],
        };
        self.member(
            &[
                "latency_ms",
                "llm_token_count_prompt",
                "llm_token_count_total",
                "cumulative_error_count",
                "cumulative_llm_token_count_prompt",
            ],
            &["latency_ms", "num_spans", "error_count"],
            &["score"],
            root,
        )
    }

    fn time(&mut self) -> String {
        let time =
            self.member(&["start_time", "end_time"], &["start_time", "end_time"], &[], &["start_time", "end_time"]);
        if time == "1" { "'2024-01-01T00:00:00Z'".to_owned() } else { time }
    }
}
