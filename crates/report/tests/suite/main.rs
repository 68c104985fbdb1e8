//! Pages and tables of a grid, made by hand, in every form.

mod hostile;
mod lab;
mod made;
