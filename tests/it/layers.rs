//! Modules import only from those to their left.

use std::{fs, path::Path};

const LAYERS: [&[&str]; 10] = [
    &["domain"],
    &["error"],
    &["config", "telemetry"],
    &["db"],
    &["store"],
    &["auth", "ingest", "mail", "usage"],
    &["notify"],
    &["service"],
    &["api", "jobs"],
    &["app", "cli"],
];

fn layer(room: &str) -> usize {
    LAYERS.iter().position(|rooms| rooms.contains(&room)).unwrap_or_else(|| panic!("no layer holds `{room}`"))
}

fn rust_files(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The rooms that a text names as `crate::room`, also within a `use crate::{ .. }` group.
fn imports(text: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        if text[..at].ends_with('$') {
            continue;
        }
        let rest = &text[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => {
                        rooms.push(std::mem::take(&mut word));
                        break;
                    }
                    '}' => depth -= 1,
                    ',' if depth == 0 => rooms.push(std::mem::take(&mut word)),
                    c if depth == 0 => word.push(c),
                    _ => {}
                }
            }
        } else {
            rooms.push(rest.to_owned());
        }
    }
    let first =
        |path: &String| path.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    rooms.iter().map(first).filter(|room| !room.is_empty()).collect()
}

#[test]
fn every_import_points_left() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let path = file.strip_prefix(&src).unwrap();
        let room = path.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned();
        if room == "lib" || room == "main" {
            continue;
        }
        for imported in imports(&fs::read_to_string(&file).unwrap()) {
            let known = LAYERS.iter().any(|rooms| rooms.contains(&imported.as_str()));
            if !known || imported == room {
                continue;
            }
            // Rooms side by side do not see each other; cli stands on app, logging is set up by its configuration.
            let beside = matches!(
                (room.as_str(), imported.as_str()),
                ("cli", "app") | ("telemetry", "config") | ("domain", "error")
            );
            if layer(&imported) >= layer(&room) && !beside {
                wrong.push(format!("{} imports {imported}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_app_and_cli_see_the_configuration_and_api_sees_no_database() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let forbidden: [(&str, &[&str]); 4] = [
        ("api", &["db", "config"]),
        ("mail", &["db", "store", "config"]),
        ("service", &["config"]),
        ("store", &["config", "auth"]),
    ];
    for (room, names) in forbidden {
        let mut files = Vec::new();
        rust_files(&src.join(room), &mut files);
        for file in files {
            let imported = imports(&fs::read_to_string(&file).unwrap());
            for name in names {
                assert!(!imported.iter().any(|i| i == name), "{} imports {name}", file.display());
            }
        }
    }
}
