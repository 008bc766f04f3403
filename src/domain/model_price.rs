//! Prices of models: which of them fits a call, and what the call costs by it.
//!
//! A model's pattern may match anywhere in the name that a span bears. Of several that match, prices that people entered win
//! over built-in ones; then those whose provider is the span's; then the more specific pattern; then the later start;
//! then the younger entry. What starts after the call does not count.

use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use regex::bytes::{Regex, RegexBuilder};

use super::{
    cost::{Cost, PricedTokens, Side, TokenUse},
    span::NewSpan,
    time::UnixNanos,
};

/// The most bytes that a compiled pattern may take.
const MAX_PATTERN_SIZE: usize = 256 << 10;

/// What a million tokens of one type cost.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenPrice {
    /// The type.
    pub token_type: String,
    /// The side of the call.
    pub side: Side,
    /// US dollars for a million.
    pub per_million: f64,
}

/// A model with its prices.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Row id.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Provider that it is of, if that matters.
    pub provider: Option<String>,
    /// Regular expression for the names of models in spans.
    pub name_pattern: String,
    /// Whether the server brought it along; such models cannot be changed.
    pub is_built_in: bool,
    /// From when on the prices count.
    pub start_time: Option<UnixNanos>,
    /// The prices.
    pub prices: Vec<TokenPrice>,
    /// When it was made.
    pub created_at: UnixNanos,
    /// When it was last changed.
    pub updated_at: UnixNanos,
}

/// What people enter of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct NewModel {
    /// Name.
    pub name: String,
    /// Provider.
    pub provider: Option<String>,
    /// Pattern.
    pub name_pattern: String,
    /// From when on the prices count.
    pub start_time: Option<UnixNanos>,
    /// The prices.
    pub prices: Vec<TokenPrice>,
}

/// Compiles a pattern, bounded in size; matching it takes time in proportion to the name, whatever it says.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    // Names of models are ASCII: the tables of Unicode would make each of a hundred patterns many times as large.
    let mut builder = RegexBuilder::new(pattern);
    builder.unicode(false).size_limit(MAX_PATTERN_SIZE).dfa_size_limit(MAX_PATTERN_SIZE);
    builder.build().map_err(|error| {
        let text = error.to_string();
        // The library shows the place in several lines; the last one says what is wrong.
        let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("Invalid regex: {last}")
    })
}

/// How much a pattern says: letters that must be there, ends that are fixed, and how little it leaves open. What may be
/// missing (`a?`, `(..)*`) says nothing.
fn specificity(pattern: &str) -> (usize, usize, Reverse<usize>) {
    let mut rest = pattern.chars().peekable();
    let (mut letters, mut ends, mut open, mut in_class) = (0_usize, 0_usize, 0_usize, false);
    let mut groups = Vec::new();
    // Letters before what a quantifier would be about.
    let mut before = 0;
    while let Some(c) = rest.next() {
        match c {
            '\\' => {
                before = letters;
                letters += usize::from(rest.next().is_some_and(|next| !next.is_alphanumeric()));
            }
            ']' if in_class => in_class = false,
            _ if in_class => {}
            '[' => {
                (in_class, open, before) = (true, open + 1, letters);
            }
            '(' => {
                groups.push(letters);
                if rest.next_if_eq(&'?').is_some() {
                    // Flags, or the mark of a group that is not remembered; a group of flags alone ends at once.
                    while rest.next_if(|c| !matches!(c, ':' | ')')).is_some() {}
                    rest.next_if_eq(&':');
                }
            }
            ')' => before = groups.pop().unwrap_or(0),
            '^' | '$' => ends += 1,
            '.' => (open, before) = (open + 2, letters),
            '*' => (open, letters) = (open + 2, before),
            '?' => (open, letters) = (open + 1, before.min(letters)),
            '+' | '|' => open += 1,
            '{' => {
                open += 1;
                while rest.next_if(|c| *c != '}').is_some() {}
            }
            '}' => {}
            _ => {
                before = letters;
                letters += 1;
            }
        }
    }
    (letters, ends, Reverse(open))
}

#[derive(Debug)]
struct Entry {
    model: Model,
    /// Compiled when the first call of a model comes: a server without any keeps none of them.
    pattern: OnceLock<Option<Regex>>,
}

/// Every model with its pattern compiled, in the order in which they win.
#[derive(Debug, Default)]
pub struct PriceTable {
    entries: Vec<Entry>,
    /// What they were read at.
    pub revision: i64,
    /// What fits which name and provider: the patterns are many and the names few.
    known: Mutex<HashMap<(String, Option<String>), Candidates>>,
}

/// Names whose models are remembered.
const KNOWN_NAMES: usize = 10_000;

/// The models that fit a name and a provider, best first.
pub type Candidates = Arc<[usize]>;

impl PriceTable {
    /// Makes the table. A pattern that does not compile any more, as by another version, fits nothing.
    #[must_use]
    pub fn new(models: Vec<Model>, revision: i64) -> Self {
        let mut entries: Vec<Entry> =
            models.into_iter().map(|model| Entry { model, pattern: OnceLock::new() }).collect();
        entries.sort_by_cached_key(|Entry { model, .. }| {
            let key = (!model.is_built_in, specificity(&model.name_pattern), model.start_time.map(|at| at.0), model.id);
            Reverse(key)
        });
        Self { entries, revision, known: Mutex::default() }
    }

    /// Finds what fits a name: the part of the work that is the same for every call of the model.
    #[must_use]
    pub fn candidates(&self, name: &str, provider: Option<&str>) -> Candidates {
        let key = (name.to_owned(), provider.map(str::to_owned));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(&key) {
            return Arc::clone(found);
        }
        let found = self.find(name, provider);
        if known.len() >= KNOWN_NAMES {
            known.clear();
        }
        known.insert(key, Arc::clone(&found));
        found
    }

    fn find(&self, name: &str, provider: Option<&str>) -> Candidates {
        let fits = |at: &usize| {
            let Entry { model, pattern } = &self.entries[*at];
            let pattern = pattern.get_or_init(|| compile(&model.name_pattern).ok());
            pattern.as_ref().is_some_and(|pattern| pattern.is_match(name.as_bytes()))
        };
        let mut found: Vec<usize> = (0..self.entries.len()).filter(fits).collect();
        // Stable: within each group the order is that of the table.
        found.sort_by_key(|at| {
            let model = &self.entries[*at].model;
            (model.is_built_in, !(provider.is_some() && model.provider.as_deref() == provider))
        });
        found.into()
    }

    /// Returns what a new span cost; nothing when it is no call of a model that took tokens.
    #[must_use]
    pub fn cost(&self, span: &NewSpan) -> Cost {
        let (Some(used), Some(name)) = (&span.usage, &span.model_name) else { return Cost::default() };
        let candidates = self.candidates(name, used.provider.as_deref());
        self.price(&candidates, span.start, &used.tokens).map(|(cost, _)| cost).unwrap_or_default()
    }

    fn choose(&self, candidates: &[usize], at: UnixNanos) -> Option<&Model> {
        let models = candidates.iter().map(|at| &self.entries[*at].model);
        models.into_iter().find(|model| model.start_time.is_none_or(|start| start <= at))
    }

    /// Returns what a call cost by the first of the candidates that counts at its time; `None` when it took no tokens.
    #[must_use]
    pub fn price(&self, candidates: &[usize], at: UnixNanos, used: &TokenUse) -> Option<(Cost, Vec<PricedTokens>)> {
        let model = self.choose(candidates, at);
        let mut cost = Cost { model_id: model.map(|model| model.id), prompt: None, completion: None };
        let mut priced = Vec::new();
        for tokens in used.tokens() {
            let price = model.and_then(|model| model.price(tokens.side, &tokens.token_type));
            #[expect(clippy::cast_precision_loss, reason = "fewer than 2^52 tokens")]
            let of_tokens = price.map(|per_million| tokens.count as f64 * (per_million / 1e6));
            let side = match tokens.side {
                Side::Prompt => &mut cost.prompt,
                Side::Completion => &mut cost.completion,
            };
            if let Some(more) = of_tokens {
                *side = Some(side.unwrap_or(0.0) + more);
            }
            priced.push(PricedTokens { tokens, cost: of_tokens });
        }
        (!priced.is_empty()).then_some((cost, priced))
    }
}

impl Model {
    /// Returns the price of a type; details without one cost what plain tokens of their side do.
    fn price(&self, side: Side, token_type: &str) -> Option<f64> {
        let of = |wanted: &str| self.prices.iter().find(|p| p.side == side && p.token_type == wanted);
        of(token_type).or_else(|| of(side.plain())).map(|price| price.per_million)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn model(id: i64, pattern: &str) -> Model {
        let price = |side: Side, per_million| TokenPrice { token_type: side.plain().to_owned(), side, per_million };
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let each = id as f64 * 1e6;
        Model {
            id,
            name: format!("m{id}"),
            provider: None,
            name_pattern: pattern.to_owned(),
            is_built_in: false,
            start_time: None,
            prices: vec![price(Side::Prompt, each), price(Side::Completion, each)],
            created_at: UnixNanos(0),
            updated_at: UnixNanos(0),
        }
    }

    /// Who wins for a name, of models with these patterns and the ids 1, 2, ..
    fn winner(name: &str, patterns: &[&str]) -> i64 {
        let models = (1..).zip(patterns).map(|(id, pattern)| model(id, pattern)).collect();
        let table = PriceTable::new(models, 1);
        table.choose(&table.candidates(name, None), UnixNanos(0)).map_or(0, |model| model.id)
    }

    /// Each of these was asked of the peer.
    #[test]
    fn the_more_specific_pattern_wins() {
        for (name, patterns, expected) in [
            ("pw-ab", ["^pw-.*$", "^pw-a.*$", "pw-a", "^pw-a"].as_slice(), 2),
            ("gpt-4o", &["gpt-4o$", "gpt-4o"], 1),
            ("ts", &["^ts$", "^t[s]$", "^ts.?$", "^ts(1)?$"], 1),
            ("ws", &["^ws$", "^ws.*$"], 1),
            ("aa-bc", &["^aa-.*", "^aa-b|x", "aa-b[a-z]*"], 2),
            ("xsrchx", &["srch", "^aa-b|x"], 2),
            ("abc", &["^ab.$", "^a.c$"], 2),
            ("lit-abc", &["^lit-abc$", "^lit-[a-z]{3}$"], 1),
            ("jacdefgh", &["^ja.*$", "^j[ab]cdefgh$"], 2),
            ("habcdef", &["^ha.*", "habcdef"], 2),
            ("gab", &["^ga", "^ga.*", "ga.*$"], 1),
            ("fabcdefg", &["^fabcdef", "^fa.*$"], 1),
            ("eabcdef", &["eabcdef$", "^eabc"], 1),
            ("dab", &["^da[b-c]+", "^da.*"], 1),
            ("ca", &["(?i)^ca$", "^ca.?$"], 1),
            ("ba.c", &["^ba\\.c$", "^ba.c$"], 1),
            ("PW", &["pw"], 0),
        ] {
            assert_eq!(winner(name, patterns), expected, "{name} of {patterns:?}");
        }
    }

    #[test]
    fn own_prices_win_then_the_provider_then_the_latest_start_that_has_come() {
        let at = UnixNanos(100);
        let choose = |models: Vec<Model>, provider: Option<&str>| {
            let table = PriceTable::new(models, 1);
            table.choose(&table.candidates("x", provider), at).map(|model| model.id)
        };
        let built_in = Model { is_built_in: true, provider: Some("a".to_owned()), ..model(1, "^x$") };
        assert_eq!(choose(vec![built_in, model(2, "x")], Some("a")), Some(2));
        let of =
            |id, pattern: &str, provider: &str| Model { provider: Some(provider.to_owned()), ..model(id, pattern) };
        assert_eq!(choose(vec![model(1, "^x$"), of(2, "^x.*$", "a")], Some("a")), Some(2));
        assert_eq!(choose(vec![model(1, "^x$"), of(2, "^x.*$", "a")], Some("b")), Some(1));
        assert_eq!(choose(vec![of(1, "^x$", "a")], Some("b")), Some(1), "a provider narrows, it does not exclude");
        let from = |id, pattern: &str, start| Model { start_time: Some(UnixNanos(start)), ..model(id, pattern) };
        assert_eq!(choose(vec![from(1, "^.$", 50), from(2, "^.$", 20), model(3, "^.$")], None), Some(1));
        assert_eq!(choose(vec![from(1, "^.$", 101), model(2, "^.$")], None), Some(2));
        assert_eq!(choose(vec![from(1, "^.$", 101)], None), None);
    }

    #[test]
    fn details_without_a_price_cost_what_plain_tokens_do() {
        let mut priced = model(1, "x");
        let audio = TokenPrice { token_type: "audio".to_owned(), side: Side::Prompt, per_million: 5e6 };
        priced.prices.push(audio);
        let table = PriceTable::new(vec![priced], 1);
        let serde_json::Value::Object(sent) = json!({
            "llm.token_count.prompt": 10, "llm.token_count.completion": 2,
            "llm.token_count.prompt_details.audio": 3, "llm.token_count.prompt_details.cache_read": 4,
            "llm.token_count.completion_details.audio": 1,
        }) else {
            panic!()
        };
        let used = TokenUse::of_attributes(&sent);
        let (cost, entries) = table.price(&table.candidates("x", None), UnixNanos(0), &used).unwrap();
        assert_eq!((cost.prompt, cost.completion, cost.total()), (Some(22.0), Some(2.0), Some(24.0)));
        assert_eq!(entries.len(), 5);
        let (cost, entries) = table.price(&[], UnixNanos(0), &used).unwrap();
        assert_eq!((cost, entries[0].cost), (Cost::default(), None), "tokens without a known model are told, too");
    }

    #[test]
    fn a_pattern_that_would_take_too_much_is_refused() {
        assert!(compile("[").unwrap_err().starts_with("Invalid regex: "));
        assert!(compile("(a{1000}){1000}").is_err());
        assert!(compile("(?=a)b").is_err(), "what would need backtracking");
    }
}
