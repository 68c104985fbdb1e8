//! The parts of libtorch, with what they say of their licences: for the archive, which carries them.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::parts::Part;

/// What NVIDIA says of handing its libraries on, by name only.
const OF_NVIDIA: &str = "\
The End User License Agreement below is that of NVIDIA's CUDA Toolkit. Its Attachment A lists what may be handed on with a
program; `libcudart.so` (CUDA Runtime) and `libcupti.so` (CUDA Profiling Tools Interface, CUPTI) are in it. Section 2.3 asks
that object files be handed on unmodified: both lie in the archive byte by byte as they are in NVIDIA's own packages, where
they are called for no more than to load PyTorch's library. Section 1.1.2 has the other requirements; whoever hands the
archive on takes them over.
";

/// What is said of the compiler's library.
const OF_GOMP: &str = "\
`libgomp.so.1` is the OpenMP library of GCC, unmodified as it is in PyTorch's package. It is free software under the GNU
General Public License, version 3 or later, with the GCC Runtime Library Exception, version 3.1; both texts are below. Its
source is GCC's (https://gcc.gnu.org), in the package of the distribution that PyTorch builds on (AlmaLinux 8, gcc-toolset).
";

/// What is said of Intel's library.
const OF_MKL: &str = "\
PyTorch's package links oneMKL into `libtorch_cpu.so`. Copyright (c) Intel Corporation. The archive changes nothing in it; it
leaves out the table of symbols that the loader does not ask for.
";

/// A text of the repository.
fn text(root: &Path, name: &str) -> Result<(String, String)> {
    let path = root.join("assets/licences").join(name);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok((name.to_owned(), text))
}

/// All parts of libtorch; `licences` is the folder of what its wheels say.
pub fn parts(root: &Path, licences: &Path) -> Result<Vec<Part>> {
    let file = |path: &str| -> Result<(String, String)> {
        let full = licences.join(path);
        let text = std::fs::read_to_string(&full)
            .with_context(|| format!("cannot read `{}`", full.display()))?;
        let name = path.rsplit('/').next().unwrap_or(path);
        Ok((name.to_owned(), text))
    };
    let own = |text: &str| ("NOTE".to_owned(), text.to_owned());
    let licence = file("torch-2.11.0.dist-info/licenses/LICENSE")?;
    let mut vendored = vendored(&licence.1);
    ensure!(
        vendored.len() > 20,
        "the licence of torch lists {} parts, which is not what it is known to look like",
        vendored.len()
    );
    let mut parts = vec![
        part(
            "torch",
            "2.11.0",
            "BSD-3-Clause",
            "pypi",
            vec![licence, file("torch-2.11.0.dist-info/licenses/NOTICE")?],
        ),
        part(
            "nvidia-cuda-cupti",
            "13.0.85",
            NVIDIA,
            "pypi",
            vec![
                own(OF_NVIDIA),
                file("nvidia_cuda_cupti-13.0.85.dist-info/licenses/License.txt")?,
            ],
        ),
        part(
            "nvidia-cuda-runtime",
            "13.0.96",
            NVIDIA,
            "pypi",
            vec![
                own(OF_NVIDIA),
                file("nvidia_cuda_runtime-13.0.96.dist-info/licenses/License.txt")?,
            ],
        ),
        part(
            "libgomp",
            "1",
            "GPL-3.0-or-later WITH GCC-exception-3.1",
            "generic",
            vec![
                own(OF_GOMP),
                text(root, "GPL-3.0.txt")?,
                text(root, "GCC-exception-3.1.txt")?,
            ],
        ),
        part(
            "onemkl",
            "2024.2",
            "LicenseRef-Intel-Simplified",
            "generic",
            vec![own(OF_MKL), text(root, "Intel-MKL.txt")?],
        ),
    ];
    parts[0].depends_on = parts[1..]
        .iter()
        .chain(&vendored)
        .map(|part| part.purl.clone())
        .collect();
    parts.append(&mut vendored);
    Ok(parts)
}

const NVIDIA: &str = "LicenseRef-NVIDIA-CUDA-EULA";

fn part(
    name: &str,
    version: &str,
    licence: &str,
    kind: &str,
    texts: Vec<(String, String)>,
) -> Part {
    Part {
        name: name.to_owned(),
        version: version.to_owned(),
        licence: licence.to_owned(),
        purl: format!("pkg:{kind}/{name}@{version}"),
        texts,
        ..Part::default()
    }
}

/// The sources that PyTorch carries, as its licence lists them; their texts stand in that same file.
fn vendored(licence: &str) -> Vec<Part> {
    let mut found: Vec<Part> = Vec::new();
    let mut name = None;
    for line in licence.lines() {
        if let Some(text) = line.strip_prefix("Name: ") {
            name = Some(text.trim().to_owned());
        } else if let Some(text) = line.strip_prefix("License: ")
            && let Some(name) = name.take()
        {
            found.push(Part {
                // There is no package of it: it is a folder of PyTorch's sources.
                purl: format!("pkg:generic/pytorch-third-party/{name}@2.11.0"),
                name,
                version: "as in torch 2.11.0".to_owned(),
                licence: text.trim().to_owned(),
                ..Part::default()
            });
        }
    }
    found.sort_by(|a, b| a.purl.cmp(&b.purl));
    found.dedup_by(|a, b| a.purl == b.purl);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_list_in_torch_s_licence() {
        let text = "From PyTorch:\n\nName: fmt\nLicense: MIT with exception\nFiles: /pytorch/third_party/fmt,\n     /x/fmt\n\n\
                    Name: FP16\nLicense: MIT\nFiles: /pytorch/third_party/FP16\n\nName: fmt\nLicense: MIT with exception\n\
                    License: nothing\n";
        let parts = vendored(text);
        let found: Vec<_> = parts
            .iter()
            .map(|p| (p.name.as_str(), p.licence.as_str()))
            .collect();
        assert_eq!(found, [("FP16", "MIT"), ("fmt", "MIT with exception")]);
    }
}
