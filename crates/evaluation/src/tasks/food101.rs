//! Food-101 (Bossard et al., 2014): one of 101 dishes.

use super::spec::{BuiltIn, Metric, Scoring, Spec};

/// The classes in their published order, which takes `_` for no letter.
#[rustfmt::skip]
const CLASSES: [&str; 101] = [
    "apple pie", "baby back ribs", "baklava", "beef carpaccio", "beef tartare", "beet salad", "beignets",
    "bibimbap", "bread pudding", "breakfast burrito", "bruschetta", "caesar salad", "cannoli", "caprese salad",
    "carrot cake", "ceviche", "cheesecake", "cheese plate", "chicken curry", "chicken quesadilla",
    "chicken wings", "chocolate cake", "chocolate mousse", "churros", "clam chowder", "club sandwich",
    "crab cakes", "creme brulee", "croque madame", "cup cakes", "deviled eggs", "donuts", "dumplings",
    "edamame", "eggs benedict", "escargots", "falafel", "filet mignon", "fish and chips", "foie gras",
    "french fries", "french onion soup", "french toast", "fried calamari", "fried rice", "frozen yogurt",
    "garlic bread", "gnocchi", "greek salad", "grilled cheese sandwich", "grilled salmon", "guacamole", "gyoza",
    "hamburger", "hot and sour soup", "hot dog", "huevos rancheros", "hummus", "ice cream", "lasagna",
    "lobster bisque", "lobster roll sandwich", "macaroni and cheese", "macarons", "miso soup", "mussels",
    "nachos", "omelette", "onion rings", "oysters", "pad thai", "paella", "pancakes", "panna cotta",
    "peking duck", "pho", "pizza", "pork chop", "poutine", "prime rib", "pulled pork sandwich", "ramen",
    "ravioli", "red velvet cake", "risotto", "samosa", "sashimi", "scallops", "seaweed salad",
    "shrimp and grits", "spaghetti bolognese", "spaghetti carbonara", "spring rolls", "steak",
    "strawberry shortcake", "sushi", "tacos", "takoyaki", "tiramisu", "tuna tartare", "waffles",
];

pub(super) fn spec() -> Spec {
    BuiltIn {
        id: "food101",
        title: "Food101",
        domain: super::domain::FOOD,
        scoring: Scoring::Class,
        metrics: &[Metric::Accuracy],
        prompt: "What kind of food does this picture show? {names}\nAnswer with one of these names.",
        max_new_tokens: 256,
        names: &CLASSES,
        ignored: &[],
        splits: &[("test", 25250, None)],
        reference: true,
        version: 2,
        source: "Food-101, test set; packaged as AdaptLLM/food-VQA-benchmark, Food101",
    }
    .into()
}
