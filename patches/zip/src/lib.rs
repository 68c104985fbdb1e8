//! The names of `zip` 0.6 that `tch` and `torch-sys` compile against, and nothing behind them.
//!
//! `tch` reads NumPy's `.npz` with that crate and the build script of `torch-sys` unpacks a libtorch that it fetched;
//! both can be had with all ciphers and codecs of ZIP only: some thirty crates, most of them compiled twice. This
//! project reads no `.npz` and fetches libtorch itself, so each way in gives [`result::ZipError::UnsupportedArchive`].

use std::convert::Infallible;
use std::io::{self, Read, Seek, Write};
use std::marker::PhantomData;
use std::path::PathBuf;

use result::{ZipError, ZipResult};
use write::FileOptions;

const ABSENT: &str = "this build has no ZIP";

/// Errors.
pub mod result {
    use std::{error, fmt, io};

    /// What every way in gives.
    pub type ZipResult<T> = Result<T, ZipError>;

    /// Why an archive cannot be used.
    #[derive(Debug)]
    pub enum ZipError {
        /// Reading or writing failed.
        Io(io::Error),
        /// Archives are not opened at all.
        UnsupportedArchive(&'static str),
    }

    impl From<io::Error> for ZipError {
        fn from(error: io::Error) -> Self {
            Self::Io(error)
        }
    }

    impl From<ZipError> for io::Error {
        fn from(error: ZipError) -> Self {
            match error {
                ZipError::Io(error) => error,
                other @ ZipError::UnsupportedArchive(_) => Self::other(other),
            }
        }
    }

    impl fmt::Display for ZipError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                Self::Io(error) => error.fmt(f),
                Self::UnsupportedArchive(problem) => f.write_str(problem),
            }
        }
    }

    impl error::Error for ZipError {}
}

/// What a written file is to be like.
pub mod write {
    use crate::CompressionMethod;

    /// Takes all that it is told, and needs none of it.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct FileOptions(());

    impl FileOptions {
        /// How the file would be packed.
        #[must_use]
        pub fn compression_method(self, _method: CompressionMethod) -> Self {
            self
        }
    }
}

/// How a file would be packed.
#[derive(Clone, Copy, Debug)]
pub enum CompressionMethod {
    /// As it is.
    Stored,
}

/// An archive to read, of which there is none.
#[derive(Debug)]
pub struct ZipArchive<R>(Infallible, PhantomData<R>);

impl<R: Read + Seek> ZipArchive<R> {
    /// Always an error.
    pub fn new(_reader: R) -> ZipResult<Self> {
        Err(ZipError::UnsupportedArchive(ABSENT))
    }

    /// Files in it.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        match self.0 {}
    }

    /// One of its files.
    pub fn by_index(&mut self, _index: usize) -> ZipResult<read::ZipFile<'_>> {
        match self.0 {}
    }
}

/// Files of archives.
pub mod read {
    use super::{Infallible, PathBuf, PhantomData, Read, io};

    /// A file of an archive, of which there is none.
    #[derive(Debug)]
    pub struct ZipFile<'a>(Infallible, PhantomData<&'a ()>);

    impl ZipFile<'_> {
        /// Its name.
        pub fn name(&self) -> &str {
            match self.0 {}
        }

        /// Its name as a path that stays inside of a folder.
        pub fn mangled_name(&self) -> PathBuf {
            match self.0 {}
        }

        /// Its size in bytes.
        pub fn size(&self) -> u64 {
            match self.0 {}
        }
    }

    impl Read for ZipFile<'_> {
        fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
            match self.0 {}
        }
    }
}

/// An archive to write; nothing can be put into it.
#[derive(Debug)]
pub struct ZipWriter<W>(PhantomData<W>);

impl<W: Write + Seek> ZipWriter<W> {
    /// Takes the file; the first thing put into it is an error.
    pub fn new(_writer: W) -> Self {
        Self(PhantomData)
    }

    /// Always an error.
    pub fn start_file<S: Into<String>>(
        &mut self,
        _name: S,
        _options: FileOptions,
    ) -> ZipResult<()> {
        Err(ZipError::UnsupportedArchive(ABSENT))
    }
}

impl<W: Write + Seek> Write for ZipWriter<W> {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(ZipError::UnsupportedArchive(ABSENT).into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
