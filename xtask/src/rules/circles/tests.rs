use std::path::Path;

use super::in_crate;
use crate::rules::assert_found;

/// Plants a crate, and looks for what is said of it.
fn check(files: &[(&str, &str)], expected: &[&str]) {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join("src").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let file = Path::new("src").join(files[0].0);
    let found = in_crate(root.path(), "planted", &root.path().join(file)).unwrap();
    assert_found(&found, expected);
}

#[test]
fn two_files_that_use_one_another_are_a_circle() {
    check(
        &[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B; pub struct A(B);"),
            ("b.rs", "pub struct B; fn f() { crate::a::A; }"),
        ],
        &[
            "crate `planted`, `src`: 2 files import one another in a circle (`a.rs`, `b.rs`); the shortest: `a.rs` uses \
           `b.rs` (`crate::b::B`, line 1), `b.rs` uses `a.rs` (`crate::a::A`, line 1)",
        ],
    );
}

#[test]
fn files_in_a_row_are_none() {
    check(
        &[
            (
                "main.rs",
                "mod a; mod b; mod c; use a::A; fn main() { b::f(); }",
            ),
            (
                "a.rs",
                "use crate::b::{B, f}; use crate::c; pub struct A(B, c::C);",
            ),
            ("b.rs", "use super::c::C; pub struct B(C); pub fn f() {}"),
            ("c.rs", "pub struct C;"),
        ],
        &[],
    );
}

#[test]
fn a_parent_and_its_child_can_be_a_circle() {
    let child = "use super::Shared; pub fn f(_: Shared) {}";
    check(
        &[
            ("lib.rs", "mod a;"),
            (
                "a/mod.rs",
                "mod b; pub struct Shared; fn g() { b::f(Shared) }",
            ),
            ("a/b.rs", child),
        ],
        &["(`a/b.rs`, `a/mod.rs`)"],
    );
    // It only hands on what the child has.
    for parent in [
        "mod b; pub use b::f; pub struct Shared;",
        "mod b; pub(crate) use b::*; pub struct Shared;",
        "pub mod b; pub use b::f; pub struct Shared; impl Shared { fn f(&self) { self.f() } }",
    ] {
        check(
            &[("lib.rs", "mod a;"), ("a.rs", parent), ("a/b.rs", child)],
            &[],
        );
    }
    // It hands it on, and uses it too.
    for parent in [
        "mod b; pub use b::f; pub struct Shared; fn g() { f(Shared) }",
        "mod b; pub use b::*; pub struct Shared; fn g() { f(Shared) }",
        "mod b; use b::f; pub struct Shared;",
    ] {
        check(
            &[("lib.rs", "mod a;"), ("a.rs", parent), ("a/b.rs", child)],
            &["(`a/b.rs`, `a.rs`)"],
        );
    }
}

#[test]
fn a_name_that_is_handed_on_comes_from_its_own_file() {
    check(
        &[
            (
                "lib.rs",
                "mod a; mod b; pub use a::A; pub use b::*; pub fn main() { B; }",
            ),
            ("a.rs", "pub struct A;"),
            ("b.rs", "use crate::A; pub struct B(A);"),
        ],
        &[],
    );
    check(
        &[
            ("lib.rs", "mod a; mod b; pub use a::A; pub use b::*;"),
            ("a.rs", "use crate::B as Renamed; pub struct A(Renamed);"),
            ("b.rs", "use crate::*; pub struct B(A);"),
        ],
        &["(`a.rs`, `b.rs`)"],
    );
    // What the root file itself defines is the root file's.
    check(
        &[
            ("lib.rs", "mod a; pub struct Error; fn f() { a::g() }"),
            ("a.rs", "use crate::Error; pub fn g() -> Error { Error }"),
        ],
        &["(`a.rs`, `lib.rs`)"],
    );
}

#[test]
fn tests_comments_strings_and_other_crates_do_not_count() {
    let a = "//! See [`crate::b::B`].\nuse b::X; use ::b::Y; /* crate::b::B */ pub struct A; const C: &str = \"crate::b::B\";
        fn f(b: u8) { b.max(1); g(b) }\n#[cfg(test)] mod tests { use crate::b::B; }\n#[cfg(test)] use crate::b::B;";
    check(
        &[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", a),
            ("b.rs", "use crate::a::A; pub struct B(A); pub fn g() {}"),
        ],
        &[],
    );
    check(
        &[
            ("lib.rs", "mod a; mod b; #[cfg(test)] mod c;"),
            ("a.rs", "use crate::b::made_by_a_macro; pub struct A;"),
            (
                "b.rs",
                "use crate::a::A; pub struct B(A); make!(made_by_a_macro);",
            ),
            ("c.rs", "use crate::a::A; use crate::b::B;"),
        ],
        &[],
    );
}

#[test]
fn inline_modules_belong_to_their_file() {
    check(
        &[
            ("lib.rs", "mod a; mod b;"),
            (
                "a.rs",
                "mod inner { use super::super::b::B; } pub struct A;",
            ),
            ("b.rs", "use crate::a::A; pub struct B(A);"),
        ],
        &["(`a.rs`, `b.rs`)"],
    );
    check(
        &[
            ("lib.rs", "mod a;"),
            (
                "a.rs",
                "mod inner { use super::*; pub struct B(A); } use inner::B; pub struct A;",
            ),
        ],
        &[],
    );
}

#[test]
fn paths_of_attributes_and_of_imported_modules_count() {
    check(
        &[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b; pub struct A; fn f() { b::g() }"),
            (
                "b.rs",
                "#[serde(with = \"crate::a::A\")] pub struct B; pub fn g() {}",
            ),
        ],
        &["(`a.rs`, `b.rs`)"],
    );
    check(
        &[
            ("lib.rs", "mod a; #[path = \"elsewhere.rs\"] mod b;"),
            (
                "a.rs",
                "use crate::b::Kind; pub struct A; fn f() { Kind::One; }",
            ),
            (
                "elsewhere.rs",
                "use crate::a::A; pub enum Kind { One, Two(A) }",
            ),
        ],
        &["(`a.rs`, `elsewhere.rs`)"],
    );
}
