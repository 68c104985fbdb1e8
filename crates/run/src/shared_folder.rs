//! Whether a folder is the same one for all processes: one leaves something in it that nobody can guess, and the others look.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::process::{host, unique};

/// What was left in a folder: a file's name, and what stands in it. Its text is passed on to the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    name: String,
    content: String,
}

impl Token {
    /// Reads its text; nothing if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, content) = text.split_once(':')?;
        // It becomes the name of a file.
        let is_digits = |text: &str| {
            text.len() == DIGITS && text.bytes().all(|digit| digit.is_ascii_hexdigit())
        };
        (is_digits(name) && is_digits(content)).then(|| Self {
            name: name.to_owned(),
            content: content.to_owned(),
        })
    }

    fn path(&self, folder: &Path) -> PathBuf {
        folder.join(format!(".shared-{}", self.name))
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.content)
    }
}

const DIGITS: usize = 32;

/// Long enough for a network file system to show what another machine wrote.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Leaves a token in a folder, which is made if need be. [`remove`] it once all have looked.
///
/// Gives [`Error::MakeRun`] and [`Error::WriteInRun`].
pub fn leave(folder: &Path) -> Result<Token, Error> {
    fs::create_dir_all(folder).map_err(|source| Error::MakeRun {
        path: folder.to_owned(),
        source,
    })?;
    let token = Token {
        name: unique(),
        content: unique(),
    };
    // To close the file sends it to the server.
    match fs::write(token.path(folder), &token.content) {
        Ok(()) => Ok(token),
        Err(source) => Err(Error::WriteInRun {
            path: folder.to_owned(),
            source,
        }),
    }
}

/// Looks for what the process of rank 0 left; `rank` is this one's. A network file system may show it late, so it is looked for
/// again and again.
///
/// Gives [`Error::NotShared`] when the patience is over.
pub fn find(folder: &Path, token: &Token, rank: usize, patience: Duration) -> Result<(), Error> {
    let start = Instant::now();
    let path = token.path(folder);
    // It is opened by its name: listings are remembered for longer.
    while fs::read_to_string(&path).ok().as_deref() != Some(token.content.as_str()) {
        if start.elapsed() >= patience {
            return Err(Error::NotShared {
                path: folder.to_owned(),
                rank,
                host: host(),
            });
        }
        std::thread::sleep((patience / 20).min(BETWEEN_LOOKS));
    }
    Ok(())
}

/// Removes a token. Gives [`Error::Io`].
pub fn remove(folder: &Path, token: &Token) -> Result<(), Error> {
    let path = token.path(folder);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove", &path)(error))
        }
        _ => Ok(()),
    }
}

const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_is_found_until_it_is_removed() {
        let folder = tempfile::tempdir().expect("folder");
        let run = folder.path().join("run");
        let token = leave(&run).expect("left");
        let told = Token::parse(&token.to_string()).expect("a token");
        assert_eq!(told, token);
        find(&run, &told, 1, Duration::ZERO).expect("the same folder");
        remove(&run, &token).expect("removed");
        remove(&run, &token).expect("nothing is there to remove");
        assert_eq!(fs::read_dir(&run).expect("list").count(), 0);
        find(&run, &told, 1, Duration::ZERO).expect_err("it is gone");
    }

    #[test]
    fn each_process_says_that_its_folder_is_another_one() {
        let folder = tempfile::tempdir().expect("folder");
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
        let token = leave(&one).expect("left");
        for patience in [0, 20].map(Duration::from_millis) {
            // It need not even be there.
            let error = find(&other, &token, 2, patience).expect_err("another folder");
            let text = error.to_string();
            assert!(
                text.contains("is not the same folder in the process of rank 2 on host")
                    && text.contains("put it on a file system that all machines share"),
                "{text}"
            );
        }
        fs::create_dir(&other).expect("folder");
        fs::write(token.path(&other), "something else").expect("write");
        find(&other, &token, 2, Duration::ZERO).expect_err("of the same name only");
    }

    #[test]
    fn what_a_network_shows_late_is_found() {
        let folder = tempfile::tempdir().expect("folder");
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
        let token = leave(&one).expect("left");
        std::thread::scope(|scope| {
            let looking = scope.spawn(|| find(&other, &token, 1, Duration::from_mins(5)));
            fs::create_dir(&other).expect("folder");
            fs::copy(token.path(&one), token.path(&other)).expect("shown");
            looking.join().expect("no panic").expect("found");
        });
    }

    #[test]
    fn no_text_leads_out_of_the_folder() {
        let digits = "0".repeat(DIGITS);
        for text in ["", ":", "../x:y", &digits, &format!("{digits}:/")] {
            assert_eq!(Token::parse(text), None, "{text}");
        }
    }
}
