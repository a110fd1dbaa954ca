//! What is logged, and how.

use super::BadSetting;
use serde::Deserialize;
use tracing::level_filters::LevelFilter;

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
pub(super) fn rules(text: String) -> Result<String, BadSetting> {
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    let is_rule = |rule: &str| match rule.rsplit_once('=') {
        Some((target, level)) => !target.trim().is_empty() && is_level(level),
        None => is_level(rule),
    };
    if text.split(',').all(|rule| is_rule(rule.trim())) {
        return Ok(text);
    }
    let text = format!(
        "log is “{text}”; it must be off, error, warn, info, debug or trace, or rules such as info,rollcall=debug"
    );
    Err(BadSetting::of("log", text))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::Partial;

    #[test]
    fn what_to_log_is_a_level_or_a_level_for_what_is_named() {
        let settle = |text: &str| Partial { log: Some(text.into()), ..Partial::default() }.settle();
        for text in
            ["off", "WARN", "info,rollcall=debug", "warn, actix_server=error", "rollcall[request]=trace"]
        {
            assert!(settle(text).is_ok(), "{text}");
        }
        for text in
            ["loud", "", "===", "rollcall", "info,loud", "rollcall=loud", "rollcall=", "=info", "info,", "7"]
        {
            let told = settle(text).unwrap_err().to_string();
            assert!(told.contains("it must be off, error, warn, info, debug or trace"), "{text}: {told}");
        }
    }
}
