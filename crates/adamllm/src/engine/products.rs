//! Which library multiplies matrices on this machine's processor: timed once, and kept in the user's cache folder.

use std::path::PathBuf;

use adamllm::{environment, machine};
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

/// What was timed earlier by this program on this processor with so many threads, or else now. A machine whose cache folder
/// cannot be written to times anew at each start.
fn fastest(threads: usize) -> Products {
    let machine = json!({
        "processor": machine::model(),
        "threads": threads,
        "libtorch": torch::built_version(),
        "program": env!("CARGO_PKG_VERSION"),
    });
    let path = place();
    let known = path.as_deref().and_then(read_sealed::<Value>);
    if let Some(known) = known.filter(|known| known["machine"] == machine)
        && let Some(products) = read(&known["products"])
    {
        return products;
    }
    // What cannot be timed stays libtorch's own choice.
    let (products, timings) = Products::measured().unwrap_or_default();
    let microseconds: Vec<Value> = timings
        .iter()
        .map(|t| json!({"product": t.product.as_str(), "mkl": t.mkl, "onednn": t.onednn}))
        .collect();
    if let Some(path) = path {
        let found = json!({
            "machine": machine,
            "products": written(products),
            "microseconds": microseconds,
        });
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        // Without it the next start takes a quarter of a second longer, no more.
        let _ = folder.map(|()| write_sealed(&path, &found));
    }
    products
}

fn place() -> Option<PathBuf> {
    Some(environment::cache()?.join("products.json"))
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
