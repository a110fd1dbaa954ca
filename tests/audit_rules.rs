//! Whoever changes something takes a `Tx`, and whatever may be called from outside the rules and takes one answers with
//! the proof that the change is in the audit log. Read from the text of `src/domain` as `cargo fmt` leaves it: a function
//! ends at the first brace that stands below its `fn`.

use std::fs;
use std::path::{Path, PathBuf};

/// Entries are written here themselves, by `Tx::note` and its like alone.
const THE_LOG_ITSELF: &str = "src/domain/audit.rs";
/// These make the proof, or hand it on.
const MAKES_THE_PROOF: &str = "src/domain/tx.rs";
const WRITES: [&str; 3] = ["diesel::insert_into(", "diesel::update(", "diesel::delete("];

/// A function: what stands before its body, and the body.
struct Function<'a> {
    head: &'a str,
    body: &'a str,
}

/// The functions of a source, tests left out.
fn functions(source: &str) -> Vec<Function<'_>> {
    let rules = source.split("#[cfg(test)]\n#[").next().unwrap().split("#[cfg(test)]\nmod ").next().unwrap();
    let mut found = Vec::new();
    let mut rest = rules;
    while let Some(at) = rest.find("fn ") {
        let line = rest[..at].rfind('\n').map_or(0, |end| end + 1);
        let before = &rest[line..at];
        let indent = before.len() - before.trim_start().len();
        let is_one = !before.contains("//")
            && before.trim().split(' ').all(|word| {
                word.is_empty()
                    || word.starts_with("pub")
                    || ["async", "const", "in"].contains(&word)
                    || word.ends_with(')')
            });
        let end = format!("\n{}}}", " ".repeat(indent));
        let (Some(open), Some(close)) = (rest[at..].find(" {\n"), rest[at..].find(&end)) else {
            rest = &rest[at + 3..];
            continue;
        };
        if is_one && open < close {
            found.push(Function { head: &rest[line..at + open], body: &rest[at + open..at + close] });
        }
        rest = &rest[at + 3..];
    }
    found
}

fn broken(file: &Path, source: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for Function { head, body } in functions(source) {
        let (inputs, output) = head.rsplit_once("->").unwrap_or((head, ""));
        let takes_tx = inputs.contains("&mut Tx");
        let name = format!("{}: {}", file.display(), head.split_whitespace().collect::<Vec<_>>().join(" "));
        if WRITES.iter().any(|write| body.contains(write)) && !takes_tx && file != Path::new(THE_LOG_ITSELF) {
            broken.push(format!("{name} writes and takes no Tx"));
        }
        let is_public = head.trim_start().starts_with("pub ");
        if is_public && takes_tx && file != Path::new(MAKES_THE_PROOF) && !output.contains("Noted<") {
            broken.push(format!("{name} takes a Tx and returns no Noted"));
        }
    }
    broken
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    let is_test = |path: &PathBuf| {
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        name == "testing" || name == "tests" || name.ends_with("_tests")
    };
    found
        .filter(|path| !is_test(path) && !path.components().any(|part| part.as_os_str() == "tests"))
        .collect()
}

#[test]
fn whoever_writes_takes_a_transaction_and_answers_with_the_proof_of_its_entry() {
    let files = sources(Path::new("src/domain"));
    let read = |file: &PathBuf| fs::read_to_string(file).unwrap();
    let all: usize = files.iter().map(|file| functions(&read(file)).len()).sum();
    assert!(files.len() > 100 && all > 500, "{} files, {all} functions", files.len());
    let faults: Vec<String> = files.iter().flat_map(|file| broken(file, &read(file))).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn a_rule_that_forgets_its_entry_or_writes_beside_the_transaction_is_found() {
    let found = |source: &str| broken(Path::new("src/domain/x.rs"), source).len();
    assert_eq!(found("pub fn f(tx: &mut Tx) -> Result<()> {\n    g(tx)\n}\n"), 1);
    assert_eq!(found("pub fn f(\n    tx: &mut Tx<'_>,\n) -> Result<Noted<()>> {\n    g(tx)\n}\n"), 0);
    assert_eq!(found("pub(super) fn f(tx: &mut Tx) -> Result<()> {\n    g(tx)\n}\n"), 0);
    assert_eq!(found("fn f(conn: &mut Conn) {\n    diesel::delete(t).execute(conn);\n}\n"), 1);
    let method =
        "impl X {\n    pub fn f(tx: &mut Tx) {\n        diesel::update(t).execute(tx.conn);\n    }\n}\n";
    assert_eq!(found(method), 1);
    assert_eq!(found(&method.replace("tx: &mut Tx)", "conn: &mut Conn)")), 1);
    let test = "#[cfg(test)]\nmod tests {\n    fn f(conn: &mut Conn) {\n        diesel::delete(t).execute(conn);\n    }\n}\n";
    assert_eq!(found(test), 0);
}
