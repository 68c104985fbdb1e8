//! Which library multiplies matrices on this machine's processor: timed once, and kept in the user's cache folder.

use std::fs;
use std::path::Path;

use adamllm::{environment, machine};
use anyhow::Result;
use corpus::sealed::{read_sealed, write_sealed};
use serde_json::{Map, Value, json};
use torch::products::{Library, Product, Products, Timing};

/// Of the machine's memory, the part that packed copies of weights may take.
const PACKED_PART: u64 = 4;

/// Makes products as the run folder says (`kept`), or else in the way that is the fastest here.
pub fn apply(kept: Option<Products>, threads: usize) -> Products {
    let products = kept.unwrap_or_else(|| fastest(threads));
    products.apply(machine::total_memory().unwrap_or(0) / PACKED_PART);
    products
}

/// The kinds of products with the library of each, for a file.
pub fn written(products: Products) -> Value {
    let each = Product::ALL.map(|product| {
        let library = products.of(product).as_str();
        (product.as_str().to_owned(), Value::from(library))
    });
    Value::Object(each.into_iter().collect::<Map<_, _>>())
}

/// What [`written`] gave; nothing where a kind is missing or unknown.
pub fn read(value: &Value) -> Option<Products> {
    Product::ALL
        .into_iter()
        .try_fold(Products::default(), |products, product| {
            let library = value[product.as_str()].as_str().and_then(Library::parse)?;
            Some(products.with(product, library))
        })
}

/// What was timed earlier by this program on this processor with so many threads, or else now. Where the choice cannot be kept it
/// stays libtorch's own: another start could choose otherwise, and what it goes on with would end in other bits.
fn fastest(threads: usize) -> Products {
    let machine = json!({
        "processor": machine::model(),
        "threads": threads,
        "libtorch": torch::built_version(),
        "program": env!("CARGO_PKG_VERSION"),
    });
    let Some(cache) = environment::cache() else {
        return Products::default();
    };
    let name = corpus::digest::bytes(machine.to_string().as_bytes());
    let path = cache.join(format!("products-{}.json", &name[..16]));
    if let Some(products) = known(&path, &machine) {
        return products;
    }
    let Ok((products, timings)) = Products::measured() else {
        return Products::default();
    };
    let microseconds: Vec<Value> = timings
        .iter()
        .map(|t| json!({"product": t.product.as_str(), "mkl": t.mkl, "onednn": t.onednn}))
        .collect();
    let found = json!({
        "machine": machine,
        "products": written(products),
        "microseconds": microseconds,
    });
    let _ = keep(&path, &found);
    // Of several programs that measured at the same time, all take what the first has written.
    known(&path, &machine).unwrap_or_default()
}

fn known(path: &Path, machine: &Value) -> Option<Products> {
    let known = read_sealed::<Value>(path)?;
    let is_ours = known["machine"] == *machine;
    is_ours.then(|| read(&known["products"])).flatten()
}

/// Writes the file unless another program has; a damaged one is replaced.
fn keep(path: &Path, found: &Value) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    if path.exists() && read_sealed::<Value>(path).is_none() {
        fs::remove_file(path)?;
    }
    let own = path.with_extension(format!("{}", std::process::id()));
    write_sealed(&own, found)?;
    let linked = fs::hard_link(&own, path);
    fs::remove_file(&own)?;
    Ok(linked?)
}

/// The times for a person, and what follows of them.
pub fn told(products: Products, timings: &[Timing]) -> String {
    let each: Vec<String> = timings
        .iter()
        .map(|timing| {
            let name = timing.product.as_str().replace('_', " ");
            let taken = match products.of(timing.product) {
                Library::Mkl => "MKL",
                Library::OneDnn => "oneDNN",
            };
            let Timing { mkl, onednn, .. } = timing;
            format!("{name} by {taken} (MKL {mkl:.0} µs, oneDNN {onednn:.0})")
        })
        .collect();
    each.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_choice_stays_and_a_damaged_one_goes() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("below/products.json");
        let machine = json!({"processor": "x", "threads": 2});
        let chosen = |library| {
            let products = Products::default().with(Product::FewRows, library);
            (
                products,
                json!({"machine": machine, "products": written(products)}),
            )
        };
        let (first, text) = chosen(Library::OneDnn);
        keep(&path, &text).expect("written");
        assert!(
            keep(&path, &chosen(Library::Mkl).1).is_err(),
            "there is one"
        );
        assert_eq!(known(&path, &machine), Some(first));
        assert_eq!(known(&path, &json!({"processor": "y", "threads": 2})), None);
        fs::write(&path, "{").expect("damaged");
        assert_eq!(known(&path, &machine), None);
        let (second, text) = chosen(Library::Mkl);
        keep(&path, &text).expect("replaced");
        assert_eq!(known(&path, &machine), Some(second));
        let left: Vec<_> = fs::read_dir(folder.path().join("below"))
            .expect("folder")
            .collect();
        assert_eq!(left.len(), 1);
    }

    #[test]
    fn a_choice_is_written_and_read() {
        for library in [Library::Mkl, Library::OneDnn] {
            let products = Products::default().with(Product::FewRows, library);
            assert_eq!(read(&written(products)), Some(products));
        }
        assert_eq!(read(&json!({"forward": "mkl"})), None);
        let mut other = written(Products::default());
        other["few_rows"] = json!("cublas");
        assert_eq!(read(&other), None);
    }
}
