//! The program.
mod demo;
fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let work = std::path::PathBuf::from(&args[1]);
    demo::base::run(&work, &args[3..].to_vec(), args[2].parse()?)
}
