//! The program's own files, for tests that look whether a rule is kept in all of them.

use std::fs;
use std::path::{Path, PathBuf};

/// Where this is in the project, whatever the working folder is.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// All files below a folder of the project, with what is in them.
pub fn files(folder: &str) -> Vec<(PathBuf, String)> {
    let (mut folders, mut files) = (vec![project(folder)], Vec::new());
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path, text));
            }
        }
    }
    assert!(!files.is_empty(), "{folder} is empty");
    files
}
