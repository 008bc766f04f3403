//! `phoenix-server export` and `import`: what goes out comes back as it was.

use std::{collections::BTreeMap, path::Path};

use opentelemetry_proto::tonic::trace::v1::TracesData;

use crate::support::{app::uuid, both_engines, otlp, shell::Shell};

/// The spans of a file by id, each in full.
fn spans_in(text: &str) -> BTreeMap<Vec<u8>, String> {
    let mut spans = BTreeMap::new();
    for line in text.lines() {
        let data: TracesData = serde_json::from_str(line).unwrap();
        for of_resource in data.resource_spans {
            for of_scope in of_resource.scope_spans {
                for mut span in of_scope.spans {
                    span.attributes.sort_by(|a, b| a.key.cmp(&b.key));
                    let whole = format!("{:?} {:?} {span:?}", of_resource.resource, of_scope.scope);
                    assert_eq!(spans.insert(span.span_id.clone(), whole), None, "a span twice");
                }
            }
        }
    }
    spans
}

fn read(path: &Path) -> BTreeMap<Vec<u8>, String> {
    spans_in(&std::fs::read_to_string(path).unwrap())
}

both_engines! {
    async fn spans_go_out_and_come_back_as_they_were(engine) {
        let dir = tempfile::tempdir().unwrap();
        let shell = Shell::new(engine, dir.path(), &format!("archive_{}", uuid()));
        let file = |name: &str| dir.path().join(name);
        let path = |name: &str| file(name).to_str().unwrap().to_owned();
        let spans: Vec<_> = (1..=50).map(|n| if n % 7 == 0 { otlp::full_span(n, n) } else { otlp::span(n / 5, n) }).collect();
        let lines: Vec<String> = spans
            .chunks(20)
            .map(|chunk| {
                let resource_spans = otlp::request("named in the resource", chunk.to_vec()).resource_spans;
                serde_json::to_string(&TracesData { resource_spans }).unwrap()
            })
            .collect();
        std::fs::write(file("in.jsonl"), lines.join("\n")).unwrap();

        shell.run(&["import", "--project", "p", "--input", &path("in.jsonl")]);
        shell.run(&["export", "--project", "p", "--output", &path("out.jsonl")]);
        let sent = read(&file("in.jsonl"));
        assert_eq!(sent.len(), 50);
        assert_eq!(read(&file("out.jsonl")), sent);
        assert_eq!(spans_in(&shell.run(&["export", "--project", "p", "--output", "-"])), sent);

        // Twice is once, from a compressed file as well.
        for name in ["out.jsonl.gz", "out.jsonl.zst"] {
            shell.run(&["export", "--project", "p", "--output", &path(name)]);
            for _ in 0..2 {
                shell.run(&["import", "--project", name, "--input", &path(name)]);
            }
            assert_eq!(spans_in(&shell.run(&["export", "--project", name, "--output", "-"])), sent, "{name}");
        }

        // A part of the time.
        let bounds = ["--start-time", "2026-01-01T00:00:00Z", "--end-time", "2026-01-02T00:00:00Z"];
        let none = shell.run(&[&["export", "--project", "p", "--output", "-"], bounds.as_slice()].concat());
        assert_eq!(none, "");
    }

    async fn what_was_interrupted_goes_on(engine) {
        let dir = tempfile::tempdir().unwrap();
        let shell = Shell::new(engine, dir.path(), &format!("archive_{}", uuid()));
        let file = |name: &str| dir.path().join(name);
        let path = |name: &str| file(name).to_str().unwrap().to_owned();
        let line = |from: u64, to: u64| {
            let spans = (from..=to).map(|n| otlp::span(1, n)).collect();
            serde_json::to_string(&TracesData { resource_spans: otlp::request("p", spans).resource_spans }).unwrap()
        };
        std::fs::write(file("in.jsonl"), [line(1, 30), "{\"resourceSpans\": 5}".to_owned(), line(31, 60)].join("\n")).unwrap();
        let import = ["import", "--project", "p", "--input", &path("in.jsonl")];
        let told = shell.fails(&import);
        assert!(told.contains("stopped after line 1: --skip-lines 1 goes on there: line 2 is no OTLP TracesData"), "{told}");
        shell.run(&[&import[..], &["--skip-lines", "2"]].concat());

        let output = path("out.jsonl");
        let export = ["export", "--project", "p", "--output", &output];
        shell.run(&export);
        let whole = std::fs::read_to_string(file("out.jsonl")).unwrap();
        let told = shell.fails(&export);
        assert!(told.contains("out.jsonl is there: --overwrite replaces it"), "{told}");

        // As a crash leaves it after the first piece: the note of what is whole, and a file that is longer than that.
        std::fs::remove_file(file("out.jsonl")).unwrap();
        let first = whole.lines().next().unwrap();
        std::fs::write(file("out.jsonl.part"), format!("{first}\n{{\"resourceSp")).unwrap();
        let note = serde_json::json!({
            "project": "p", "start_time": null, "end_time": null, "last": 20, "length": first.len() + 1, "spans": 20,
        });
        std::fs::write(file("out.jsonl.part.json"), note.to_string()).unwrap();
        let told = shell.fails(&export);
        assert!(told.contains("was interrupted: --resume goes on with it"), "{told}");
        let told = shell.fails(&[&export[..], &["--resume", "--start-time", "2026-01-01T00:00:00Z"]].concat());
        assert!(told.contains("of another project or of other instants"), "{told}");
        shell.run(&[&export[..], &["--resume"]].concat());
        assert_eq!(read(&file("out.jsonl")), spans_in(&whole));
        assert_eq!(read(&file("out.jsonl")).len(), 60);
        assert!(!file("out.jsonl.part").exists() && !file("out.jsonl.part.json").exists());
        let told = shell.fails(&["export", "--project", "nosuch", "--output", "-"]);
        assert!(told.contains("There is no such project"), "{told}");
    }
}
