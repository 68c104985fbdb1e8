//! The bill of materials, CycloneDX 1.5 as JSON. It holds no time and no random number, so one commit has one.

use serde_json::{Value, json};

use super::parts::Part;

/// Describes the program, made of `parts` (its own crates too), of a commit, by a compiler.
pub fn document(version: &str, commit: &str, rustc: &str, parts: &[Part]) -> String {
    let program = parts
        .iter()
        .find(|part| part.is_own && part.name == "adamllm");
    let own = format!("pkg:cargo/adamllm@{version}");
    let others = parts.iter().filter(|part| part.purl != own);
    let components: Vec<Value> = others.clone().map(component).collect();
    let mut on_program: Vec<String> = program
        .map(|part| part.depends_on.clone())
        .unwrap_or_default();
    // What the engine loads at run time, where the package holds it or says that it depends on it.
    let torch = parts
        .iter()
        .find(|part| part.purl.starts_with("pkg:pypi/torch@"));
    on_program.extend(torch.map(|torch| torch.purl.clone()));
    on_program.sort();
    let mut dependencies = vec![json!({"ref": own, "dependsOn": on_program})];
    dependencies.extend(others.map(|part| json!({"ref": part.purl, "dependsOn": part.depends_on})));
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": "adamllm",
                "version": version,
                "purl": own,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "properties": [{"name": "adamllm:commit", "value": commit}, {"name": "adamllm:rustc", "value": rustc}],
            },
        },
        "components": components,
        "dependencies": dependencies,
    });
    format!("{document:#}\n")
}

fn component(part: &Part) -> Value {
    let mut value = json!({
        "type": "library",
        "bom-ref": part.purl,
        "name": part.name,
        "version": part.version,
        "purl": part.purl,
    });
    if !part.licence.is_empty() {
        value["licenses"] = json!([licence(&part.licence)]);
    }
    if let Some(sum) = &part.sha256 {
        value["hashes"] = json!([{"alg": "SHA-256", "content": sum}]);
    }
    value
}

/// An SPDX expression as such; words that are none, as some lists have, as a name.
fn licence(text: &str) -> Value {
    let is_expression = text
        .split([' ', '(', ')'])
        .filter(|word| !word.is_empty())
        .all(|word| {
            ["OR", "AND", "WITH"].contains(&word)
                || word.starts_with("LicenseRef-")
                || word.contains('-')
                    && word
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "-.+".contains(c))
                || ["MIT", "ISC", "Zlib", "Unlicense", "0BSD"].contains(&word)
        });
    if is_expression {
        json!({"expression": text})
    } else {
        json!({"license": {"name": text}})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_fields_that_cyclonedx_asks_for_and_nothing_that_changes() {
        let part = |name: &str, kind: &str, licence: &str| Part {
            name: name.into(),
            version: "1.0.0".into(),
            licence: licence.into(),
            purl: format!("pkg:{kind}/{name}@1.0.0"),
            ..Part::default()
        };
        let mut own = part("adamllm", "cargo", "Apache-2.0");
        own.is_own = true;
        own.depends_on = vec!["pkg:cargo/tch@1.0.0".into()];
        let mut tch = part("tch", "cargo", "MIT OR Apache-2.0");
        tch.sha256 = Some("ab".into());
        let parts = [
            own,
            tch,
            part("torch", "pypi", "BSD-3-Clause"),
            part("fmt", "generic", "MIT with exception"),
        ];
        let text = document("1.0.0", "c0ffee", "rustc 1.95.0", &parts);
        assert_eq!(text, document("1.0.0", "c0ffee", "rustc 1.95.0", &parts));
        let bom: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(bom["bomFormat"], "CycloneDX");
        assert_eq!(bom["specVersion"], "1.5");
        assert_eq!(
            bom["metadata"]["component"]["purl"],
            "pkg:cargo/adamllm@1.0.0"
        );
        assert!(bom.get("serialNumber").is_none() && bom["metadata"].get("timestamp").is_none());
        let components = bom["components"].as_array().unwrap();
        assert_eq!(components.len(), 3);
        assert_eq!(components[0]["hashes"][0]["content"], "ab");
        assert_eq!(
            components[0]["licenses"][0]["expression"],
            "MIT OR Apache-2.0"
        );
        assert_eq!(
            components[2]["licenses"][0]["license"]["name"],
            "MIT with exception"
        );
        let on = &bom["dependencies"][0]["dependsOn"];
        assert_eq!(on, &json!(["pkg:cargo/tch@1.0.0", "pkg:pypi/torch@1.0.0"]));
        // Each reference leads somewhere.
        let refs: Vec<&Value> = components.iter().map(|c| &c["bom-ref"]).collect();
        assert!(on.as_array().unwrap().iter().all(|on| refs.contains(&on)));
    }
}
