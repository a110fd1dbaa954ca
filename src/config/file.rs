//! The settings file: what it says, and where in it.

use super::{BadSetting, Partial};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use toml::{Spanned, Value};

/// What a type is called in a message, by its name in the program.
const KINDS: [(&str, &str); 5] = [
    ("expected u32", "expected a whole number"),
    ("expected a string", "expected a text in quotation marks"),
    ("expected path string", "expected a text in quotation marks"),
    ("expected a boolean", "expected true or false"),
    ("expected a sequence", "expected a list, such as [\"10.0.0.5\"]"),
];

/// A settings file.
#[derive(Clone, Debug, Default)]
pub struct File {
    path: String,
    /// What it says.
    pub says: Partial,
    lines: BTreeMap<String, usize>,
}

impl File {
    /// Reads it.
    pub fn read(path: &Path) -> Result<Self, BadSetting> {
        let path_text = path.display().to_string();
        let bytes = std::fs::read(path)
            .map_err(|cause| BadSetting::new(format!("the settings file {path_text}: {cause}")))?;
        match std::str::from_utf8(&bytes) {
            Ok(text) => Self::parse(path_text, text),
            Err(cause) => {
                let before = String::from_utf8_lossy(&bytes[..cause.valid_up_to()]);
                let line = line_of(&before, before.len());
                Err(BadSetting::new(format!(
                    "the settings file {path_text}, line {line}: this is no UTF-8 text. Save the file as UTF-8"
                )))
            }
        }
    }

    fn parse(path: String, text: &str) -> Result<Self, BadSetting> {
        let places: BTreeMap<String, Spanned<Value>> = toml::from_str(text).unwrap_or_default();
        let says = toml::from_str(text).map_err(|cause| {
            let told = explain(&cause, text, &places);
            BadSetting::new(format!("the settings file {path}{told}"))
        })?;
        let lines = places.into_iter().map(|(key, value)| (key, line_of(text, value.span().start)));
        Ok(Self { says, lines: lines.collect(), path })
    }

    /// A fault in what was settled, with its place where it was this file that said so.
    #[must_use]
    pub fn place(&self, fault: BadSetting) -> BadSetting {
        match fault.key.and_then(|key| self.lines.get(key)) {
            Some(line) => BadSetting::new(format!("the settings file {}, line {line}: {fault}", self.path)),
            None => fault,
        }
    }
}

/// The line and the key that a fault is about, and what is wrong.
fn explain(cause: &toml::de::Error, text: &str, places: &BTreeMap<String, Spanned<Value>>) -> String {
    let kind = |message: String, (name, plain): &(&str, &str)| message.replace(name, plain);
    let message = KINDS.iter().fold(cause.message().replace('\n', " "), kind);
    let Some(Range { start, .. }) = cause.span() else { return format!(": {message}") };
    let line = line_of(text, start);
    let by_place =
        places.iter().find(|(_, value)| value.span().contains(&start)).map(|(key, _)| key.as_str());
    let written = || text.lines().nth(line - 1)?.split_once('=').map(|(key, _)| key.trim());
    match by_place.or_else(written).filter(|key| !key.is_empty() && !message.contains(&format!("`{key}`"))) {
        Some(key) => format!(", line {line}: {key}: {message}"),
        None => format!(", line {line}: {message}"),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_names_the_line_and_the_key() {
        for (text, words) in [
            ("# x\nlistne = '127.0.0.1:1'", ["line 2: ", "listne"]),
            ("log = 'info'\n\nsession_hours = 'ten'", ["line 3: session_hours: ", "expected a whole number"]),
            ("session_hours = -1", ["line 1: session_hours: ", "expected a whole number"]),
            ("listen = ['a']", ["line 1: listen: ", "a text in quotation marks"]),
            ("trusted_proxies = '10.0.0.1'", ["line 1: trusted_proxies: ", "expected a list"]),
            (
                "trusted_proxies = [\n  '10.0.0.1',\n  7,\n]",
                ["line 3: trusted_proxies: ", "a text in quotation marks"],
            ),
            ("hsts_subdomains = 1", ["line 1: hsts_subdomains: ", "true or false"]),
            ("log = 'info'\nlisten = ", ["line 2: listen: ", ""]),
            ("log_format = 'xml'", ["line 1: log_format: ", "`text` or `json`"]),
            ("\nforwarded_header = 'X-Real-IP'", ["line 2: forwarded_header", "X-Forwarded-For"]),
            ("[server]\nlisten = '127.0.0.1:0'", ["line 1: ", "server"]),
            ("log = 'info'\nlog = 'warn'", ["line 2: ", "log"]),
            ("public-url = 'https://x'", ["line 1: ", "public-url"]),
        ] {
            let told = File::parse("c.toml".to_owned(), text).unwrap_err().to_string();
            assert!(words.iter().all(|word| told.contains(word)), "{text}: {told}");
            assert!(
                told.starts_with("the settings file c.toml, line ") && told.lines().count() == 1,
                "{told}"
            );
        }
    }

    #[test]
    fn a_file_in_another_encoding_is_told_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, b"log = 'info'\nlisten = 'caf\xe9:80'\n").unwrap();
        let told = File::read(&path).unwrap_err().to_string();
        assert!(told.contains("c.toml, line 2: ") && told.contains("UTF-8"), "{told}");
    }

    #[test]
    fn a_value_that_cannot_be_is_placed_where_the_file_said_it() {
        let file = File::parse("c.toml".to_owned(), "# first\nsession_hours = 0\n").unwrap();
        let fault = file.says.clone().resolve().unwrap_err();
        let told = file.place(fault).to_string();
        assert!(
            told.starts_with("the settings file c.toml, line 2: session_hours is 0; it must be"),
            "{told}"
        );
        for (text, key) in [("# x\nlog = 'a[b=info'", "log"), ("\ndata_dir = ''", "data_dir")] {
            let file = File::parse("c.toml".to_owned(), text).unwrap();
            let told = file.place(file.says.clone().resolve().unwrap_err()).to_string();
            assert!(told.starts_with(&format!("the settings file c.toml, line 2: {key} is ")), "{told}");
        }
        let elsewhere = BadSetting::of("listen", "listen is “x”".to_owned());
        assert_eq!(file.place(elsewhere.clone()), elsewhere);
    }
}
