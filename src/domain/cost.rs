//! What a call of a model cost: which kinds of tokens it took, and what each of them is.

use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value::Value as Otlp};
use serde_json::{Map, Value};

use super::span::keys;

/// Token type of what a prompt has beside its details.
pub const INPUT: &str = "input";
/// Token type of what a completion has beside its details.
pub const OUTPUT: &str = "output";
/// All tokens of a call, for senders that do not tell prompt from completion.
const TOTAL: &str = "llm.token_count.total";
const PROMPT_DETAILS: &str = "llm.token_count.prompt_details.";
const COMPLETION_DETAILS: &str = "llm.token_count.completion_details.";
/// Name of the provider.
pub const PROVIDER: &str = "llm.provider";
/// Kinds of details that a call may have.
const MAX_DETAILS: usize = 32;
/// The longest name of a kind, in bytes.
pub const MAX_TYPE_BYTES: usize = 64;

/// The side of a call that tokens belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// What went in.
    Prompt,
    /// What came out.
    Completion,
}

impl Side {
    /// Returns the token type of what is no detail.
    #[must_use]
    pub const fn plain(self) -> &'static str {
        match self {
            Self::Prompt => INPUT,
            Self::Completion => OUTPUT,
        }
    }
}

/// Tokens of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// The type: `input`, `output`, `cache_read`, `audio`, …
    pub token_type: String,
    /// The side.
    pub side: Side,
    /// How many.
    pub count: i64,
}

/// What a span says of the tokens of its call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenUse {
    prompt: Option<i64>,
    completion: Option<i64>,
    total: Option<i64>,
    details: Vec<(Side, String, i64)>,
}

impl TokenUse {
    /// Takes an attribute in, if it is about tokens.
    pub fn see(&mut self, key: &str, count: impl FnOnce() -> Option<i64>) {
        match key {
            keys::PROMPT_TOKENS => self.prompt = count(),
            keys::COMPLETION_TOKENS => self.completion = count(),
            TOTAL => self.total = count(),
            _ => {
                let (side, name) = match (key.strip_prefix(PROMPT_DETAILS), key.strip_prefix(COMPLETION_DETAILS)) {
                    (Some(name), _) => (Side::Prompt, name),
                    (_, Some(name)) => (Side::Completion, name),
                    _ => return,
                };
                let fits = !name.is_empty() && name.len() <= MAX_TYPE_BYTES && self.details.len() < MAX_DETAILS;
                if let Some(count) = count().filter(|count| fits && *count > 0) {
                    self.details.push((side, name.to_owned(), count));
                }
            }
        }
    }

    /// Reads stored attributes, keys as they were sent.
    #[must_use]
    pub fn of_attributes(attributes: &Map<String, Value>) -> Self {
        let mut found = Self::default();
        for (key, value) in attributes.iter().filter(|(key, _)| key.starts_with("llm.token_count.")) {
            found.see(key, || match value {
                Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)).and_then(bounded),
                Value::String(text) => text.trim().parse().ok().and_then(bounded),
                _ => None,
            });
        }
        found
    }

    /// Returns the tokens by type: what a side has beside its details is plain input or output. The details of a side may
    /// be more than its sum says; then it has nothing else.
    #[must_use]
    pub fn tokens(&self) -> Vec<Tokens> {
        let completion = self.completion.unwrap_or(0);
        let prompt = self.prompt.or_else(|| Some(self.total?.saturating_sub(completion))).unwrap_or(0);
        let mut tokens = Vec::new();
        for (side, sum) in [(Side::Prompt, prompt), (Side::Completion, completion)] {
            let mut rest = sum;
            for (_, token_type, count) in self.details.iter().filter(|(of, ..)| *of == side) {
                rest = rest.saturating_sub(*count);
                tokens.push(Tokens { token_type: token_type.clone(), side, count: *count });
            }
            if rest > 0 {
                tokens.push(Tokens { token_type: side.plain().to_owned(), side, count: rest });
            }
        }
        tokens.sort_unstable_by(|a, b| (a.side, &a.token_type).cmp(&(b.side, &b.token_type)));
        tokens
    }
}

/// Returns a token count, which some instrumentations send as a double or as text.
#[must_use]
pub fn count(value: &AnyValue) -> Option<i64> {
    match &value.value {
        Some(Otlp::IntValue(i)) => bounded(*i),
        Some(Otlp::DoubleValue(d)) => whole(*d).and_then(bounded),
        Some(Otlp::StringValue(s)) => s.trim().parse().ok().and_then(bounded),
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "bounded by the comparison")]
fn whole(number: f64) -> Option<i64> {
    (0.0..1e15).contains(&number).then_some(number as i64)
}

fn bounded(count: i64) -> Option<i64> {
    (0..1_000_000_000_000).contains(&count).then_some(count)
}

/// What a call cost, in US dollars, as it is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Row id of the model whose prices were taken; none when no model is known that fits.
    pub model_id: Option<i64>,
    /// Of the prompt.
    pub prompt: Option<f64>,
    /// Of the completion.
    pub completion: Option<f64>,
}

impl Cost {
    /// Returns what both sides cost together.
    #[must_use]
    pub fn total(&self) -> Option<f64> {
        match (self.prompt, self.completion) {
            (None, None) => None,
            (prompt, completion) => Some(prompt.unwrap_or(0.0) + completion.unwrap_or(0.0)),
        }
    }
}

/// Tokens of one type with their cost.
#[derive(Clone, Debug, PartialEq)]
pub struct PricedTokens {
    /// The tokens.
    pub tokens: Tokens,
    /// What they cost, if prices are known.
    pub cost: Option<f64>,
}

/// Costs and tokens of many calls together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CostSum {
    /// Cost of prompts.
    pub prompt_cost: f64,
    /// Cost of completions.
    pub completion_cost: f64,
    /// Tokens of prompts.
    pub prompt_tokens: i64,
    /// Tokens of completions.
    pub completion_tokens: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tokens(attributes: &Value) -> Vec<(String, i64)> {
        let Value::Object(map) = attributes else { panic!() };
        TokenUse::of_attributes(map).tokens().into_iter().map(|t| (t.token_type, t.count)).collect()
    }

    fn of(pairs: &[(&str, i64)]) -> Vec<(String, i64)> {
        pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn what_is_no_detail_is_plain_input_or_output() {
        let sent = json!({
            "llm.token_count.prompt": 10, "llm.token_count.completion": "10",
            "llm.token_count.prompt_details.cache_read": 2, "llm.token_count.prompt_details.audio": 3,
            "llm.token_count.completion_details.reasoning": 4.0,
        });
        let expected = [("audio", 3), ("cache_read", 2), ("input", 5), ("output", 6), ("reasoning", 4)];
        assert_eq!(tokens(&sent), of(&expected));
    }

    #[test]
    fn sums_that_say_less_than_details_or_nothing_are_made_good() {
        let sent = json!({"llm.token_count.prompt": 3, "llm.token_count.prompt_details.cache_read": 5});
        assert_eq!(tokens(&sent), of(&[("cache_read", 5)]));
        assert_eq!(tokens(&json!({"llm.token_count.total": 15})), of(&[("input", 15)]));
        assert_eq!(tokens(&json!({"llm.token_count.prompt": 0, "llm.token_count.completion": 0})), of(&[]));
        assert_eq!(
            tokens(&json!({"llm.token_count.prompt": -1, "llm.token_count.completion": 5})),
            of(&[("output", 5)])
        );
    }
}
