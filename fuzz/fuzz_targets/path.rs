//! Whatever reads as a path prints back and reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rollcall::scim::path;
use rollcall::scim::schema::RESOURCES;

fuzz_target!(|text: &str| {
    for kind in RESOURCES {
        let Ok(read) = path::parse(kind, text) else { continue };
        let printed = read.to_string();
        let again = path::parse(kind, &printed).expect("what was printed can be read");
        assert_eq!(again.to_string(), printed);
    }
});
