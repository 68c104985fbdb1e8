//! The wheel: both programs as a Python package that depends on torch and finds torch's libraries beside itself.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::compile::PROGRAMS;
use super::notices;
use super::stage::Stage;
use crate::{digest, process};

const INIT: &str = include_str!("python/__init__.py");
const MAIN: &str = include_str!("python/__main__.py");
const ZIP: &str = include_str!("python/zip.py");

/// The torch that the programs are built with, which brings CUDA and asks for its own Python.
const TORCH: &str = "torch==2.11.0";
const PYTHON: &str = ">=3.10";

/// What goes into a wheel.
pub struct Wheel<'a> {
    pub root: &'a Path,
    /// The folder of both programs.
    pub programs: &'a Path,
    pub version: &'a str,
    /// `manylinux_2_35_x86_64`.
    pub tag: &'a str,
    pub licences: &'a str,
    pub sbom: &'a str,
    /// The time of every file.
    pub seconds: u64,
}

/// Packs it into `output`, by way of the folder `work`, and gives its path.
pub fn pack(wheel: &Wheel<'_>, work: &Path, output: &Path) -> Result<PathBuf> {
    let stage = Stage::new(&work.join("wheel"))?;
    stage.write("adamllm/__init__.py", INIT)?;
    stage.write("adamllm/__main__.py", MAIN)?;
    for program in PROGRAMS {
        let place = format!("adamllm/bin/{program}");
        stage.copy_program(&wheel.programs.join(program), &place)?;
    }
    let info = format!("adamllm-{}.dist-info", wheel.version);
    let licences = format!("{info}/licenses");
    let names = notices::lay(wheel.root, &stage, &licences, wheel.licences)?;
    let readme = fs::read_to_string(wheel.root.join("README.md")).context("README.md")?;
    stage.write(
        &format!("{info}/METADATA"),
        &metadata(wheel.version, &names, &readme),
    )?;
    stage.write(
        &format!("{info}/WHEEL"),
        &format!(
            "Wheel-Version: 1.0\nGenerator: adamllm-xtask ({})\nRoot-Is-Purelib: false\nTag: py3-none-{}\n",
            wheel.version, wheel.tag
        ),
    )?;
    stage.write(
        &format!("{info}/entry_points.txt"),
        "[console_scripts]\nadamllm = adamllm.__main__:main\n",
    )?;
    stage.write(&format!("{info}/sboms/adamllm.cdx.json"), wheel.sbom)?;
    let name = format!("{info}/RECORD");
    let record = record(&stage, &name)?;
    stage.write(&name, &record)?;

    let path = output.join(format!(
        "adamllm-{}-py3-none-{}.whl",
        wheel.version, wheel.tag
    ));
    let mut command = Command::new("python3");
    command.args(["-c", ZIP]).arg(&path).arg(&stage.folder);
    process::output(command.arg(wheel.seconds.to_string()))
        .context("the wheel is packed by Python")?;
    Ok(path)
}

fn metadata(version: &str, licence_files: &[String], readme: &str) -> String {
    let mut text = format!(
        "Metadata-Version: 2.4\nName: adamllm\nVersion: {version}\n\
         Summary: Adapts a multimodal LLM to a domain from image-caption pairs, with the evidence that it is better\n\
         License-Expression: Apache-2.0\n"
    );
    for name in licence_files {
        let _ = writeln!(text, "License-File: {name}");
    }
    let _ = write!(
        text,
        "Classifier: Operating System :: POSIX :: Linux\nClassifier: Programming Language :: Rust\n\
         Requires-Python: {PYTHON}\nRequires-Dist: {TORCH}\nDescription-Content-Type: text/markdown\n\n{readme}"
    );
    text
}

/// Every file with its digest and size; `own` is the name of the record, which cannot hold its own.
fn record(stage: &Stage, own: &str) -> Result<String> {
    let mut text = String::new();
    for name in stage.names()? {
        let path = stage.folder.join(&name);
        let size = fs::metadata(&path)?.len();
        let _ = writeln!(
            text,
            "{name},sha256={},{size}",
            base64(&digest::of_path(&path)?)
        );
    }
    let _ = writeln!(text, "{own},,");
    Ok(text)
}

/// In the alphabet for addresses, without padding, as records of wheels have it.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let word = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..=group.len() {
            let value = word >> (18 - 6 * digit) & 63;
            text.push(char::from(DIGITS[value as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_digits_as_the_standard_s_examples_have_them() {
        // RFC 4648, section 10, without padding; the last in the alphabet for addresses.
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg"),
            (b"fo", "Zm8"),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg"),
            (&[0xfb, 0xff], "-_8"),
        ] {
            assert_eq!(base64(bytes), text);
        }
    }

    #[test]
    fn the_record_names_every_file_with_its_digest_and_size() {
        let folder = tempfile::tempdir().unwrap();
        let stage = Stage::new(&folder.path().join("s")).unwrap();
        stage.write("adamllm/b.py", "").unwrap();
        stage.write("adamllm/a.py", "abc").unwrap();
        // The digests of nothing and of `abc` (FIPS 180-2), in base 64 as `openssl` gives them.
        assert_eq!(
            record(&stage, "x.dist-info/RECORD").unwrap(),
            "adamllm/a.py,sha256=ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0,3\n\
             adamllm/b.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n\
             x.dist-info/RECORD,,\n"
        );
    }

    #[test]
    fn metadata_depends_on_torch_and_on_nothing_else() {
        let text = metadata(
            "0.1.0",
            &["LICENSE".into(), "NOTICE".into()],
            "# Title\n\nText.\n",
        );
        let (head, body) = text.split_once("\n\n").unwrap();
        let of = |key: &str| -> Vec<&str> {
            head.lines()
                .filter_map(|line| line.strip_prefix(key)?.strip_prefix(": "))
                .collect()
        };
        assert_eq!(of("Requires-Dist"), ["torch==2.11.0"]);
        assert_eq!(of("Requires-Python"), [">=3.10"]);
        assert_eq!(of("License-File"), ["LICENSE", "NOTICE"]);
        assert_eq!(body, "# Title\n\nText.\n");
    }

    #[test]
    fn one_content_gives_one_wheel_whose_programs_can_be_executed() {
        let folder = tempfile::tempdir().unwrap();
        let pack = |name: &str| {
            let stage = Stage::new(&folder.path().join(name)).unwrap();
            stage.write("x.dist-info/RECORD", "r").unwrap();
            stage.write("x.dist-info/A", "a").unwrap();
            stage.write("adamllm/b", "b").unwrap();
            let program = folder.path().join("program");
            fs::write(&program, "p").unwrap();
            stage.copy_program(&program, "adamllm/bin/p").unwrap();
            let out = folder.path().join(format!("{name}.whl"));
            let mut command = Command::new("python3");
            command
                .args(["-c", ZIP])
                .arg(&out)
                .arg(&stage.folder)
                .arg("1700000000");
            process::output(&mut command).unwrap();
            out
        };
        let (one, other) = (pack("one"), pack("other"));
        assert_eq!(fs::read(&one).unwrap(), fs::read(other).unwrap());
        let tell = "import sys, zipfile\nfor i in zipfile.ZipFile(sys.argv[1]).infolist(): print(i.filename, oct(i.external_attr >> 16), i.date_time[0])";
        let told = process::output(Command::new("python3").args(["-c", tell]).arg(&one)).unwrap();
        assert_eq!(
            told,
            "adamllm/b 0o100644 2023\nadamllm/bin/p 0o100755 2023\nx.dist-info/A 0o100644 2023\nx.dist-info/RECORD 0o100644 2023\n"
        );
    }
}
