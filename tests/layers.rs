//! Each layer uses only those below it.

use std::fs;
use std::path::Path;

/// The layers, lowest first. Modules of one layer do not use each other.
const LAYERS: [&[&str]; 5] = [
    &["characters", "keys", "secret", "threads"],
    &[
        "error",
        "config",
        "seal",
        "address",
        "scim",
        "saml",
        "certificate",
        "fetch",
        "network",
        "pool",
        "search_text",
    ],
    &["db"],
    &["domain"],
    &["web", "cli", "worker"],
];
/// The command line starts the server and the worker: the one interface that uses others.
const ALLOWED: [&str; 2] = ["cli uses web", "cli uses worker"];
/// The modules of the domain, lowest first, as `domain/mod.rs` states them.
const MODULES: [&str; 17] = [
    "page",
    "settings",
    "tasks",
    "audit",
    "retention",
    "sessions",
    "sites",
    "users",
    "licenses",
    "sso",
    "admins",
    "identity",
    "provisioning",
    "imports",
    "bulk",
    "demo",
    "text_enum",
];

#[test]
fn no_layer_uses_one_above_it() {
    let mut faults = Vec::new();
    for (level, modules) in LAYERS.iter().enumerate() {
        for module in *modules {
            let source = source_of("src", module);
            for other in LAYERS[level..].concat().into_iter().filter(|other| other != module) {
                if source.contains(&format!("crate::{other}::"))
                    || source.contains(&format!("crate::{other};"))
                {
                    faults.push(format!("{module} uses {other}"));
                }
            }
        }
    }
    faults.retain(|line| !ALLOWED.contains(&line.as_str()));
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn every_module_has_a_layer() {
    let lib = fs::read_to_string("src/lib.rs").unwrap();
    let modules = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    for module in modules {
        assert!(LAYERS.concat().contains(&module), "{module} is in no layer");
    }
}

#[test]
fn a_module_of_the_domain_uses_only_those_before_it() {
    for (order, module) in MODULES.iter().enumerate() {
        let source = source_of("src/domain", module);
        for later in MODULES[order + 1..].iter().filter(|later| **later != "text_enum") {
            assert!(!source.contains(&format!("domain::{later}::")), "{module} uses {later}");
            assert!(
                !source.contains(&format!("super::{later}::")) || *module == "users",
                "{module} uses {later}"
            );
        }
    }
}

#[test]
fn only_the_domain_and_the_storage_speak_to_the_database() {
    for module in ["web", "cli", "scim", "config", "seal", "certificate", "fetch"] {
        assert!(!source_of("src", module).contains("diesel"), "{module} names diesel");
    }
    for module in ["web", "domain", "scim", "seal", "error", "fetch"] {
        let source = source_of("src", module).to_lowercase();
        assert!(!source.contains("sqlite"), "{module} names the engine");
    }
}

#[test]
fn the_time_is_read_in_one_place() {
    let sources: String = LAYERS.concat().iter().map(|module| source_of("src", module)).collect();
    assert_eq!(sources.matches("Utc::now()").count(), 1);
}

#[test]
fn pages_write_on_the_authority_of_a_session() {
    // What stands there looks itself at what it rests on: a password that was verified, and a one-time link.
    let exceptions = ["src/web/console/attempt.rs", "src/web/console/password_link.rs"];
    let web = source_of("src", "web");
    let excepted: String = exceptions.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    assert_eq!(web.matches("Authority::trusted").count(), excepted.matches("Authority::trusted").count());
    assert!(!web.contains("Actor::Person"), "a page names a person as the actor");
}

fn source_of(folder: &str, module: &str) -> String {
    let file = format!("{folder}/{module}.rs");
    if Path::new(&file).exists() {
        fs::read_to_string(file).unwrap()
    } else {
        read_all(Path::new(&format!("{folder}/{module}")))
    }
}

fn read_all(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| if path.is_dir() { read_all(&path) } else { fs::read_to_string(path).unwrap() })
        .collect()
}
