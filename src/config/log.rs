//! What is logged, and how.

use super::BadSetting;
use serde::Deserialize;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{Directive, ParseError};

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// Rules of what to log: a level for all, or for what is named. A word that is no level would be taken for the name of
/// something to log, and would silence the rest.
pub(super) fn rules(text: &str) -> Result<String, BadSetting> {
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    let is_rule = |rule: &str| match rule.rsplit_once('=') {
        Some((target, level)) => !target.trim().is_empty() && is_level(level),
        None => is_level(rule),
    };
    let rules: Vec<&str> = split(text).into_iter().map(str::trim).collect();
    let joined = rules.join(",");
    if rules.into_iter().all(is_rule) && filter(&joined).is_ok() {
        return Ok(joined);
    }
    let text = format!(
        "log is “{text}”; it must be off, error, warn, info, debug or trace, or rules such as info,rollcall=debug"
    );
    Err(BadSetting::of("log", text))
}

/// What these rules let through. The library's own way to read several takes each comma for the end of one.
pub fn filter(rules: &str) -> Result<EnvFilter, ParseError> {
    let mut all = split(rules).into_iter().map(str::parse::<Directive>);
    all.try_fold(EnvFilter::new("off"), |filter, rule| Ok(filter.add_directive(rule?)))
}

/// The rules by themselves: a comma between brackets is part of one.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    text.split(|character| {
        match character {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == ',' && depth == 0
    })
    .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::Partial;

    #[test]
    fn what_to_log_is_a_level_or_a_level_for_what_is_named() {
        let resolve = |text: &str| Partial { log: Some(text.into()), ..Partial::default() }.resolve();
        for text in [
            "off",
            "WARN",
            "info,rollcall=debug",
            "warn, actix_server=error",
            "rollcall[request]=trace",
            "rollcall[request{route,client}]=debug",
            "info,[request{client=\"::1\"}]=trace,actix_http=off",
        ] {
            assert!(resolve(text).is_ok(), "{text}");
        }
        for text in [
            "loud",
            "",
            "===",
            "rollcall",
            "info,loud",
            "rollcall=loud",
            "rollcall=",
            "=info",
            "info,",
            "7",
            "a[b=info",
            "rollcall=info=debug",
            "rollcall[request{a,b}]",
            "rollcall[request{a,loud",
        ] {
            let told = resolve(text).unwrap_err().to_string();
            assert!(told.contains("it must be off, error, warn, info, debug or trace"), "{text}: {told}");
        }
    }
}
