//! Making tasks of recipes by rules.

use std::hint::black_box;

use corpus::Pair;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::json;
use synthesis::Prompts;
use synthesis::makers::rule_tasks;

const RECIPES: usize = 1000;

/// Half of them have their parts as fields of the record, half in the caption; as long as a cookbook's.
fn recipe(at: usize) -> Pair {
    let ingredients: Vec<String> = (0..9 + at % 5)
        .map(|n| format!("{} g of ingredient {n}", 10 * (n + 1)))
        .collect();
    let steps = "Slice what is raw, heat the pan, add all of it and stir until it is soft. "
        .repeat(6 + at % 5);
    let title = format!("Stew number {at}");
    let caption = format!(
        "Title: {title}\nIngredients:\n{}\nInstructions: {steps}",
        ingredients.join("\n")
    );
    let (caption, meta) = if at.is_multiple_of(2) {
        (caption, json!({}))
    } else {
        let fields = json!({"title": title, "ingredients": ingredients, "steps": steps});
        ("Three red bowls of stew on a table.".to_owned(), fields)
    };
    Pair {
        id: at.to_string(),
        images: vec![format!("{at}.jpg").into()],
        caption,
        request: None,
        group: None,
        source: None,
        meta: meta.as_object().cloned().unwrap_or_default(),
    }
}

fn rules(criterion: &mut Criterion) {
    let prompts = Prompts::default();
    let pairs: Vec<Pair> = (0..RECIPES).map(recipe).collect();
    let made = rule_tasks(&pairs, 0, &prompts);
    assert_eq!(made.items.len(), RECIPES, "every recipe has a task");
    let mut group = criterion.benchmark_group("rules");
    group.throughput(Throughput::Elements(RECIPES as u64));
    group.bench_function("recipes", |bencher| {
        bencher.iter(|| rule_tasks(black_box(&pairs), 0, &prompts));
    });
    group.finish();
}

criterion_group!(benches, rules);
criterion_main!(benches);
