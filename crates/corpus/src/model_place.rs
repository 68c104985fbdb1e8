//! How a model is named: by its folder, or as `BASE+ADAPTER`, the folder of a base and that of an adapter on it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The settings that every folder of an adapter has.
pub const ADAPTER: &str = "adapter_config.json";

/// Where a model's weights and texts lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelPlace {
    /// The folder of the model, or of the base that an adapter is on.
    pub base: PathBuf,
    /// The folder of the adapter.
    pub adapter: Option<PathBuf>,
}

impl ModelPlace {
    /// What a path names. A folder of this very name is that folder, whatever it is called; else it is cut at a `+` that has
    /// an adapter behind it; else it is a folder that does not exist.
    ///
    /// ```
    /// # let root = std::env::temp_dir().join("adamllm-model-place");
    /// # std::fs::create_dir_all(root.join("adapter")).unwrap();
    /// # std::fs::write(root.join("adapter/adapter_config.json"), "{}").unwrap();
    /// let named = root.join(format!("base+{}", root.join("adapter").display()));
    /// let place = corpus::ModelPlace::of(&named);
    /// assert_eq!(place.base, root.join("base"));
    /// assert_eq!(place.adapter, Some(root.join("adapter")));
    /// assert_eq!(corpus::ModelPlace::of(&root.join("base")).adapter, None);
    /// # std::fs::remove_dir_all(&root).unwrap();
    /// ```
    pub fn of(named: &Path) -> Self {
        Self::cut(named, |_| true).unwrap_or_else(|| Self {
            base: named.to_owned(),
            adapter: None,
        })
    }

    /// The two folders of `BASE+ADAPTER` whose base is one to `is_base`, or nothing for another path.
    pub fn cut(named: &Path, is_base: impl Fn(&Path) -> bool) -> Option<Self> {
        if named.exists() {
            return None;
        }
        let text = named.to_str()?;
        let cuts = text.match_indices('+');
        let mut places = cuts.map(|(at, _)| (Path::new(&text[..at]), Path::new(&text[at + 1..])));
        let found = places.find(|(base, adapter)| adapter.join(ADAPTER).is_file() && is_base(base));
        found.map(|(base, adapter)| Self {
            base: base.to_owned(),
            adapter: Some(adapter.to_owned()),
        })
    }

    /// One path for both, which [`ModelPlace::of`] takes apart again.
    pub fn path(&self) -> PathBuf {
        let Some(adapter) = &self.adapter else {
            return self.base.clone();
        };
        let mut path: OsString = self.base.clone().into_os_string();
        path.push("+");
        path.push(adapter);
        PathBuf::from(path)
    }

    /// The folder with the model's `config.json`, tokenizer and picture settings.
    pub fn texts(named: &Path) -> PathBuf {
        Self::of(named).base
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_a_plus_in_its_name_is_that_folder() {
        let root = tempfile::tempdir().expect("folder");
        let at = |name: &str| root.path().join(name);
        for name in ["base", "base+more", "adapter", "a+b"] {
            std::fs::create_dir(at(name)).expect("folder");
        }
        for name in ["adapter", "a+b"] {
            std::fs::write(at(name).join(ADAPTER), "{}").expect("file");
        }
        let of = |base: &str, adapter: &str| {
            let place = ModelPlace {
                base: at(base),
                adapter: Some(at(adapter)),
            };
            assert_eq!(ModelPlace::of(&place.path()), place, "{base} {adapter}");
        };
        of("base", "adapter");
        of("base", "a+b");
        of("base+more", "adapter");
        of("base+more", "a+b");
        let plain = ModelPlace::of(&at("base+more"));
        assert_eq!((plain.base, plain.adapter), (at("base+more"), None));
        // No adapter lies there, so it is a folder that does not exist.
        let missing = ModelPlace::of(&at("base+nothing"));
        assert_eq!((missing.base, missing.adapter), (at("base+nothing"), None));
    }
}
