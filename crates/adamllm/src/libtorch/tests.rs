use super::*;

/// The folder of a torch of this version, with the libraries that the engine needs.
fn torch(at: &Path, version: &str) -> PathBuf {
    let lib = at.join("torch/lib");
    std::fs::create_dir_all(&lib).expect("folder");
    for name in ["libtorch_cpu.so", "libc10.so"] {
        std::fs::write(lib.join(name), "").expect("write");
    }
    let text = format!("__all__ = ['__version__']\n__version__ = '{version}'\ndebug = False\n");
    std::fs::write(at.join("torch/version.py"), text).expect("write");
    lib
}

/// What is said of an engine in `bin` that needs libtorch and looks for it as packaged ones do.
fn look(bin: &Path, variables: &Variables) -> Search {
    let needs = Needs {
        libraries: [
            "libstdc++.so.6",
            "libtorch_cpu.so",
            "libc10.so",
            "libc.so.6",
        ]
        .map(str::to_owned)
        .to_vec(),
        folders: vec![
            "$ORIGIN/../torch/lib".to_owned(),
            "$ORIGIN/../../torch/lib".to_owned(),
        ],
    };
    find(&needs, bin, variables)
}

/// The folders of a wheel's installation: of packages, and of the program's binaries.
fn wheel(root: &Path) -> (PathBuf, PathBuf) {
    let packages = root.join("Köln 1/site-packages");
    let bin = packages.join("adamllm/bin");
    std::fs::create_dir_all(&bin).expect("folder");
    std::fs::write(packages.join("adamllm/__main__.py"), "").expect("write");
    (packages, bin)
}

#[test]
fn what_a_program_needs_is_read_from_its_file() {
    let own = std::env::current_exe().expect("a test is a program");
    let needs = needs(&own).expect("ELF");
    let c = |name: &String| name.starts_with("libc.so");
    assert!(needs.libraries.iter().any(c), "{:?}", needs.libraries);
}

#[test]
fn a_text_is_no_program() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("engine");
    std::fs::write(&path, "text").expect("write");
    assert!(search(&path, &Variables::default()).is_err());
}

#[test]
fn a_wheel_takes_the_torch_beside_it_and_says_where_there_is_none() {
    let root = tempfile::tempdir().expect("folder");
    let (packages, bin) = wheel(root.path());
    let found = look(&bin, &Variables::default());
    let said = found.problem.expect("nothing is there");
    assert!(said.contains("`pip install torch==2.11.0`"), "{said}");
    assert!(said.contains(&packages.display().to_string()), "{said}");
    assert_eq!(said.lines().count(), 1);

    let lib = torch(&packages, "2.11.0+cu130");
    let found = look(&bin, &Variables::default());
    assert_eq!(found.problem, None);
    let found = found.folder.expect("found").canonicalize().expect("path");
    assert_eq!(found, lib.canonicalize().expect("path"));
}

#[test]
fn another_torch_is_said_by_both_versions_and_by_its_place() {
    let root = tempfile::tempdir().expect("folder");
    let (packages, bin) = wheel(root.path());
    torch(&packages, "2.10.0+cpu");
    let said = look(&bin, &Variables::default()).problem.expect("another");
    for part in ["libtorch 2.11.0", "2.10.0+cpu", "pip install torch==2.11.0"] {
        assert!(said.contains(part), "{said}");
    }

    // The loader takes that of the variable first, also where the right one lies beside.
    torch(&packages, "2.11.0");
    let other = torch(&root.path().join("other"), "2.13.0");
    let variables = Variables {
        library_path: other.into_os_string(),
        torch_lib: None,
    };
    let said = look(&bin, &variables).problem.expect("another");
    assert!(
        said.contains("2.13.0") && said.contains("LD_LIBRARY_PATH"),
        "{said}"
    );
}

#[test]
fn a_folder_that_the_user_names_is_taken_where_none_lies_beside() {
    let root = tempfile::tempdir().expect("folder");
    let (_, bin) = wheel(root.path());
    let lib = torch(&root.path().join("else"), "2.11.0");
    let mut variables = Variables {
        library_path: "/opt/x".into(),
        torch_lib: Some(lib.clone().into_os_string()),
    };
    let found = look(&bin, &variables);
    assert_eq!(found.problem, None);
    let path = format!("{}:/opt/x", lib.display());
    assert_eq!(found.library_path, Some(OsString::from(path)));

    let old = torch(&root.path().join("old"), "2.1.0");
    variables.torch_lib = Some(old.into_os_string());
    let said = look(&bin, &variables).problem.expect("another");
    assert!(said.contains("2.1.0") && said.contains(VARIABLE), "{said}");
}

#[test]
fn an_archive_that_is_not_whole_says_so() {
    let root = tempfile::tempdir().expect("folder");
    let bin = root.path().join("adamllm-0.1.0/bin");
    std::fs::create_dir_all(&bin).expect("folder");
    let said = look(&bin, &Variables::default()).problem.expect("missing");
    assert!(said.contains("unpack the archive again"), "{said}");
    // Our own copy says its version in another file.
    let lib = torch(&root.path().join("adamllm-0.1.0"), "x");
    let own = root.path().join("adamllm-0.1.0/torch");
    std::fs::remove_file(own.join("version.py")).expect("remove");
    assert_eq!(version_in(&lib), None);
    std::fs::write(own.join("build-version"), "2.11.0\n").expect("write");
    assert_eq!(version_in(&lib).as_deref(), Some("2.11.0"));
    assert_eq!(look(&bin, &Variables::default()).problem, None);
}

#[test]
fn cuda_libraries_of_another_version_do_not_go_with_the_loaded_one() {
    let root = tempfile::tempdir().expect("folder");
    let loaded = torch(&root.path().join("a"), "2.11.0");
    let equal = torch(&root.path().join("b"), "2.11.0+cu130");
    let old = torch(&root.path().join("c"), "2.9.1+cu128");
    assert_eq!(unlike(&equal, &loaded), None);
    let said = unlike(&old, &loaded).expect("another");
    assert!(
        said.contains("2.9.1+cu128") && said.contains("2.11.0"),
        "{said}"
    );
}
