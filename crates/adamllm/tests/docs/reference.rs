//! The pages that the program writes.

use crate::published::root;

/// Recipe keys, commands and benchmarks are in the documents as they are in the code.
#[test]
fn the_reference_pages_are_those_of_the_code() {
    for (name, expected) in adamllm::reference::pages() {
        let path = root().join("docs/reference").join(name);
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        let line = found
            .lines()
            .zip(expected.lines())
            .position(|(a, b)| a != b);
        assert!(
            found == expected,
            "docs/reference/{name} is not what the code says (line {}): make it anew with `cargo run -p adamllm -- reference \
             docs/reference`",
            line.map_or(found.lines().count().min(expected.lines().count()), |at| at) + 1
        );
    }
}
