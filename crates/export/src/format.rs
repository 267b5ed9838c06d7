//! The formats, by name, and what each of them is to the loop that writes.

use crate::csv::Csv;
use crate::json_lines::JsonLines;
use crate::parquet_file::ParquetFile;
use label::LabelEvent;
use std::io::{self, Write};

/// How labels are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object on each line.
    JsonLines,
    /// Comma-separated values with a line of names (RFC 4180).
    Csv,
    /// Apache Parquet, columns compressed with Snappy.
    Parquet,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::JsonLines, Self::Csv, Self::Parquet];

    /// Its name on the command line, and the ending of files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::JsonLines => "jsonl",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }

    /// Reads a name back.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    /// Whether a terminal can show it.
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(self, Self::JsonLines | Self::Csv)
    }

    /// Begins to write.
    pub(crate) fn begin<'a>(self, out: impl Write + Send + 'a) -> io::Result<Box<dyn Sheet + 'a>> {
        Ok(match self {
            Self::JsonLines => Box::new(JsonLines::new(out)),
            Self::Csv => Box::new(Csv::new(out)),
            Self::Parquet => Box::new(ParquetFile::begin(out)?),
        })
    }
}

/// Something that labels are written down on.
pub(crate) trait Sheet {
    /// Adds one, in memory.
    fn put(&mut self, event: LabelEvent);

    /// Writes what has been added, or leaves it for when there is more.
    fn write(&mut self) -> io::Result<()>;

    /// Writes the rest, and what comes after the last one.
    fn finish(self: Box<Self>) -> io::Result<()>;
}
