//! Nothing prints a secret: where a record can be printed, its secrets have a type of their own.

use std::fs;
use std::path::Path;

/// What a field is called that holds a secret.
const WORDS: [&str; 7] = ["password", "secret", "token", "hash", "private_key", "sealed", "digest"];
/// Fields of such a name that hold none, and why.
const EXCEPTIONS: [(&str, &str); 3] = [
    ("token_id", "the key of a row"),
    ("secret_id", "the key of a row"),
    ("digest_value", "of a message of SAML, and public"),
];

#[test]
fn no_record_that_can_be_printed_holds_a_secret_as_plain_text() {
    let mut faults = Vec::new();
    let mut records = 0;
    walk(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut |path, source| {
        for (name, body) in printable(source) {
            records += 1;
            faults.extend(plain_secrets(body).map(|field| format!("{}: {name}.{field}", path.display())));
        }
    });
    assert!(records > 100, "only {records} records were found");
    assert!(faults.is_empty(), "give these the type Secret: {faults:#?}");
}

#[test]
fn a_secret_as_plain_text_would_be_found() {
    let source = "#[derive(Clone, Debug)]\npub struct Key {\n    /// It.\n    pub api_token: Option<String>,\n    id: String,\n}\n";
    let found: Vec<_> = printable(source).flat_map(|(_, body)| plain_secrets(body)).collect();
    assert_eq!(found, ["api_token"]);
}

fn walk(folder: &Path, look: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, look);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            look(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}

/// The structs and enums of a source that derive `Debug`: name and body.
fn printable(source: &str) -> impl Iterator<Item = (&str, &str)> {
    source.match_indices("#[derive(").filter_map(|(at, _)| {
        let rest = &source[at..];
        let (derived, after) = rest.split_once(")]")?;
        let word = |text: &str| text.split(|char: char| !char.is_alphanumeric()).any(|word| word == "Debug");
        let start = after.find("struct ").or_else(|| after.find("enum "))?;
        // Other attributes and comments may stand between.
        let between = after[..start].lines().map(str::trim);
        let is_its = between.clone().all(|line| {
            line.is_empty() || line.starts_with('#') || line.starts_with("//") || line.starts_with("pub")
        });
        let name = after[start..].split(' ').nth(1)?.split(['<', '(', '{', ';']).next()?;
        let body = after[start..].split_once('{')?.1.split_once("\n}")?.0;
        (is_its && word(derived)).then_some((name, body))
    })
}

/// The fields of a body that hold a secret as text.
fn plain_secrets(body: &str) -> impl Iterator<Item = &str> {
    body.lines().filter_map(|line| {
        let line = line.trim().trim_end_matches(',');
        let (field, kind) = line.split_once(": ")?;
        let field = field.rsplit(' ').next()?;
        let is_secret = WORDS.iter().any(|word| field.contains(word))
            && !EXCEPTIONS.iter().any(|(name, _)| *name == field);
        let is_text = ["String", "Option<String>", "Vec<u8>", "Vec<String>"].contains(&kind)
            || (kind.starts_with('&') && kind.ends_with("str"));
        (is_secret && is_text && !line.starts_with("//")).then_some(field)
    })
}
