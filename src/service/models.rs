//! Prices of models. Those that the server brings along are written at the start and cannot be changed; people enter their
//! own, which win over them. Prices are of the whole deployment: who is bound to projects reads them and changes none.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    Services,
    audit::{self, Event},
    cx::Cx,
};
use crate::{
    db::Db,
    domain::{
        audit::{Action, Subject},
        cost::{INPUT, MAX_TYPE_BYTES, OUTPUT, Side, TokenUse},
        id::GlobalId,
        model_price::{Model, NewModel, PriceTable, TokenPrice, compile},
        page::{Page, PageRequest},
        scope::{ProjectsRead, ProjectsWrite},
        span::Span,
        time::UnixNanos,
    },
    error::{Error, Result},
    ingest::prices::Prices,
    store,
};

/// Public list prices, as far as they were known when this version was made.
const CATALOGUE: &str = include_str!("model_prices.json");

/// The most models that people may enter.
const MAX_OWN: usize = 1_000;
const MAX_NAME_BYTES: usize = 256;
const MAX_PATTERN_BYTES: usize = 512;
/// The most prices of a model.
const MAX_PRICES: usize = 64;
/// The highest price of a million tokens, in US dollars.
const MAX_PRICE: f64 = 1e9;

/// An entry of the catalogue: US dollars for a million tokens.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    pattern: String,
    #[serde(default)]
    prompt: std::collections::BTreeMap<String, f64>,
    #[serde(default)]
    completion: std::collections::BTreeMap<String, f64>,
}

fn catalogue() -> Result<Vec<NewModel>> {
    let entries: Vec<Entry> = serde_json::from_str(CATALOGUE).map_err(Error::internal)?;
    let prices = |side, of: std::collections::BTreeMap<String, f64>| {
        of.into_iter().map(move |(token_type, per_million)| TokenPrice { token_type, side, per_million })
    };
    Ok(entries
        .into_iter()
        .map(|entry| NewModel {
            name: entry.name,
            provider: None,
            name_pattern: entry.pattern,
            start_time: None,
            prices: prices(Side::Prompt, entry.prompt).chain(prices(Side::Completion, entry.completion)).collect(),
        })
        .collect())
}

/// Writes the built-in prices, unless those of this version are written already, and reads all prices.
pub async fn sow(db: &Db, prices: &Prices, now: UnixNanos) -> Result<()> {
    let digest = hex::encode(&Sha256::digest(CATALOGUE.as_bytes())[..16]);
    // Looked at before anything is locked: most starts find them written.
    let is_written = {
        let mut reader = db.read().await?;
        store::models::catalogue(reader.conn()).await? == digest
    };
    if !is_written {
        write(db, &digest, now).await?;
    }
    read(db, prices).await
}

async fn write(db: &Db, digest: &str, now: UnixNanos) -> Result<()> {
    let mut tx = db.begin().await?;
    if store::models::set_catalogue(tx.conn(), digest).await? {
        for model in catalogue()? {
            store::models::put_built_in(tx.conn(), &model, now).await?;
        }
        store::models::delete_stale_built_in(tx.conn(), now).await?;
        store::models::bump(tx.conn(), now).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn read(db: &Db, prices: &Prices) -> Result<()> {
    let mut reader = db.read().await?;
    let (revision, models) = store::models::list_all(reader.conn()).await?;
    prices.set(PriceTable::new(models, revision));
    Ok(())
}

/// Reads the prices anew if another process changed them.
pub async fn follow(services: &Services) -> Result<()> {
    let inner = &services.0;
    let prices = inner.ingest.prices();
    let revision = {
        let mut reader = inner.db.read().await?;
        store::models::revision(reader.conn()).await?
    };
    if revision != prices.table().revision {
        read(&inner.db, prices).await?;
    }
    Ok(())
}

/// Returns what a stored span cost by type of token.
#[must_use]
pub fn details(services: &Services, span: &Span) -> Vec<crate::domain::cost::PricedTokens> {
    if !span.counts_tokens() {
        return Vec::new();
    }
    let attributes = span.attribute_map();
    let text = |key: &str| attributes.get(key).and_then(Value::as_str);
    let Some(name) = text(crate::domain::span::keys::MODEL_NAME) else { return Vec::new() };
    let table = services.0.ingest.prices().table();
    let candidates = table.candidates(name, text(crate::domain::cost::PROVIDER));
    let used = TokenUse::of_attributes(&attributes);
    table.price(&candidates, span.start, &used).map(|(_, priced)| priced).unwrap_or_default()
}

/// Lists models, oldest first.
pub async fn list(cx: &Cx<ProjectsRead>, page: PageRequest) -> Result<Page<Model>> {
    let mut reader = cx.read().await?;
    store::models::list(reader.conn(), page).await
}

/// Returns a model.
pub async fn get(cx: &Cx<ProjectsRead>, id: i64) -> Result<Model> {
    let mut reader = cx.read().await?;
    store::models::find(reader.conn(), id).await?.ok_or_else(|| not_found(id))
}

fn not_found(id: i64) -> Error {
    Error::NotFound(format!("Model \"{}\" not found", GlobalId::encode("GenerativeModel", id)).into())
}

/// Checks what was entered.
fn validate(model: &NewModel) -> Result<()> {
    let bounded = |field: &'static str, text: &str, max: usize| {
        if text.is_empty() || text.len() > max || text.contains('\0') {
            return Err(Error::invalid(field, format!("{field} must have 1 to {max} bytes, none of them zero")));
        }
        Ok(())
    };
    bounded("name", &model.name, MAX_NAME_BYTES)?;
    bounded("name_pattern", &model.name_pattern, MAX_PATTERN_BYTES)?;
    if let Some(provider) = &model.provider {
        bounded("provider", provider, MAX_NAME_BYTES)?;
    }
    compile(&model.name_pattern).map_err(|problem| Error::invalid("name_pattern", problem))?;
    if model.prices.len() > MAX_PRICES {
        return Err(Error::invalid("costs", format!("A model has at most {MAX_PRICES} prices")));
    }
    for (at, price) in model.prices.iter().enumerate() {
        bounded("token_type", &price.token_type, MAX_TYPE_BYTES)?;
        if !(0.0..=MAX_PRICE).contains(&price.per_million) {
            let detail = format!("The cost of {} must lie between 0 and {MAX_PRICE}", price.token_type);
            return Err(Error::invalid("cost_per_million_tokens", detail));
        }
        let same = |other: &TokenPrice| other.side == price.side && other.token_type == price.token_type;
        if model.prices[..at].iter().any(same) {
            return Err(Error::invalid("costs", format!("There are two costs of {}", price.token_type)));
        }
    }
    let has = |side, token_type: &str| model.prices.iter().any(|p| p.side == side && p.token_type == token_type);
    if !has(Side::Prompt, INPUT) {
        return Err(Error::invalid("costs", "input cost is required"));
    }
    if !has(Side::Completion, OUTPUT) {
        return Err(Error::invalid("costs", "output cost is required"));
    }
    Ok(())
}

/// Refuses what would leave open which of two models counts.
fn refuse_twin(models: &[Model], new: &NewModel, but: Option<i64>) -> Result<()> {
    let twin = models.iter().filter(|model| !model.is_built_in && Some(model.id) != but).find(|model| {
        model.name_pattern == new.name_pattern && model.provider == new.provider && model.start_time == new.start_time
    });
    let Some(twin) = twin else { return Ok(()) };
    let provider = match &new.provider {
        Some(provider) => format!("provider '{provider}'"),
        None => "no provider".to_owned(),
    };
    let text = format!("Model '{}' already uses name pattern '{}' with {provider}", twin.name, new.name_pattern);
    Err(Error::Conflict(text.into()))
}

fn event(action: Action, model: &Model) -> Event {
    let subject = Subject {
        kind: "model".to_owned(),
        id: Some(GlobalId::encode("GenerativeModel", model.id)),
        name: Some(model.name.clone()),
    };
    let price = |p: &TokenPrice| json!({ "type": p.token_type, "is_prompt": p.side == Side::Prompt, "per_million": p.per_million });
    let prices: Vec<Value> = model.prices.iter().map(price).collect();
    let details = json!({
        "name_pattern": model.name_pattern,
        "provider": model.provider,
        "start_time": model.start_time.map(UnixNanos::to_rfc3339),
        "prices": prices,
    });
    Event { action, subject, details }
}

const CHANGE: &str = "change prices of models";

/// Enters a model.
pub async fn create(cx: &Cx<ProjectsWrite>, new: &NewModel) -> Result<Model> {
    cx.refuse_bound(CHANGE)?;
    validate(new)?;
    let mut tx = cx.begin().await?;
    let (_, models) = store::models::list_all(tx.conn()).await?;
    if models.iter().filter(|model| !model.is_built_in).count() >= MAX_OWN {
        return Err(Error::Conflict(format!("There are {MAX_OWN} models already, which is the most").into()));
    }
    refuse_twin(&models, new, None)?;
    let model = store::models::add(tx.conn(), new, cx.now()).await?;
    store::models::bump(tx.conn(), cx.now()).await?;
    audit::record(&mut tx, cx, event(Action::ModelCreate, &model)).await?;
    tx.commit().await?;
    follow(cx.services()).await?;
    Ok(model)
}

/// Changes a model that people entered.
pub async fn update(cx: &Cx<ProjectsWrite>, id: i64, new: &NewModel) -> Result<Model> {
    cx.refuse_bound(CHANGE)?;
    validate(new)?;
    let mut tx = cx.begin().await?;
    let (_, models) = store::models::list_all(tx.conn()).await?;
    refuse_built_in(&models, id, "Cannot update built-in model")?;
    refuse_twin(&models, new, Some(id))?;
    let model = store::models::update(tx.conn(), id, new, cx.now()).await?.ok_or_else(|| not_found(id))?;
    store::models::bump(tx.conn(), cx.now()).await?;
    audit::record(&mut tx, cx, event(Action::ModelUpdate, &model)).await?;
    tx.commit().await?;
    follow(cx.services()).await?;
    Ok(model)
}

/// Deletes a model that people entered; returns what it was.
pub async fn delete(cx: &Cx<ProjectsWrite>, id: i64) -> Result<Model> {
    cx.refuse_bound(CHANGE)?;
    let mut tx = cx.begin().await?;
    let (_, models) = store::models::list_all(tx.conn()).await?;
    let model = refuse_built_in(&models, id, "Cannot delete built-in model")?.clone();
    if !store::models::delete(tx.conn(), id).await? {
        return Err(not_found(id));
    }
    store::models::bump(tx.conn(), cx.now()).await?;
    audit::record(&mut tx, cx, event(Action::ModelDelete, &model)).await?;
    tx.commit().await?;
    follow(cx.services()).await?;
    Ok(model)
}

fn refuse_built_in<'m>(models: &'m [Model], id: i64, rule: &'static str) -> Result<&'m Model> {
    match models.iter().find(|model| model.id == id) {
        Some(model) if model.is_built_in => Err(Error::forbidden(rule)),
        Some(model) => Ok(model),
        None => Err(not_found(id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_price_passes_the_rules_of_people() {
        let models = catalogue().unwrap();
        for model in &models {
            validate(model).unwrap_or_else(|error| panic!("{}: {error}", model.name));
        }
        let names: std::collections::BTreeSet<&str> = models.iter().map(|model| model.name.as_str()).collect();
        assert_eq!(names.len(), models.len(), "a name twice");
    }
}
