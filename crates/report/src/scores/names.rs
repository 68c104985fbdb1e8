//! What the pages' files are called.

/// The page of all tasks.
pub const INDEX: &str = "index.html";

/// The page of a task's answers.
pub fn task_page(task: &str) -> String {
    format!("{task}.html")
}

/// The script with a page's embedded thumbnails.
pub fn thumbnails(task: &str) -> String {
    format!("{task}.pictures.js")
}

/// The page of a task's items that were found in the training data.
pub fn leaks_page(task: &str) -> String {
    format!("{task}.leaks.html")
}
