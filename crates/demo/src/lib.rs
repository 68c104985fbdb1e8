//! The demo: from a seed a folder with pairs, seed data, task files, truth and recipe.
