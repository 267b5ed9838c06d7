//! Apache Parquet: a column at a time, in groups of rows.
//!
//! The columns are handed to the crate's own writers of columns, without Arrow between: labels
//! are not in columns before, and Arrow would cost as much to build again.

use crate::format::Sheet;
use label::LabelEvent;
use parquet::basic::{Compression, Encoding};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;
use std::io::{self, Write};
use std::sync::Arc;

/// What the columns are. In a label's texts every byte may be signed, so they stay texts, `cts`
/// and `exp` too.
const SCHEMA: &str = "message label {
    REQUIRED INT64 id;
    REQUIRED INT64 received_at (TIMESTAMP(MILLIS, true));
    REQUIRED BYTE_ARRAY src (UTF8);
    REQUIRED INT64 seq;
    REQUIRED INT32 epoch;
    REQUIRED INT32 place;
    REQUIRED BOOLEAN live;
    REQUIRED BYTE_ARRAY verdict (UTF8);
    REQUIRED INT32 ver;
    REQUIRED BYTE_ARRAY uri (UTF8);
    OPTIONAL BYTE_ARRAY cid (UTF8);
    REQUIRED BYTE_ARRAY val (UTF8);
    OPTIONAL BOOLEAN neg;
    REQUIRED BYTE_ARRAY cts (UTF8);
    OPTIONAL BYTE_ARRAY exp (UTF8);
    REQUIRED BYTE_ARRAY sig;
    OPTIONAL BYTE_ARRAY raw;
}";

/// Columns in which hardly a value comes twice: a dictionary would only be in the way.
const DISTINCT: [&str; 7] = ["id", "received_at", "seq", "uri", "cts", "sig", "raw"];

/// Columns of numbers that grow.
const GROWING: [&str; 3] = ["id", "received_at", "seq"];

/// A group is written down when it has so many rows…
const ROWS: usize = 100_000;

/// …or takes so many bytes in memory.
const BYTES: usize = 64 << 20;

/// Writes Parquet.
pub(crate) struct ParquetFile<W: Write + Send> {
    file: SerializedFileWriter<W>,
    waiting: Vec<LabelEvent>,
    bytes: usize,
}

impl<W: Write + Send> ParquetFile<W> {
    pub(crate) fn begin(out: W) -> io::Result<Self> {
        let schema = Arc::new(parse_message_type(SCHEMA).map_err(failed)?);
        let file = SerializedFileWriter::new(out, schema, Arc::new(properties()));
        Ok(Self { file: file.map_err(failed)?, waiting: Vec::new(), bytes: 0 })
    }

    fn write_down(&mut self) -> Result<(), ParquetError> {
        let labels = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        let mut group = self.file.next_row_group()?;
        write_columns(&mut group, &labels)?;
        group.close().map(|_| ())
    }
}

fn properties() -> WriterProperties {
    let begun = WriterProperties::builder().set_compression(Compression::SNAPPY);
    let plain = |so_far: WriterPropertiesBuilder, name: &str| {
        so_far.set_column_dictionary_enabled(ColumnPath::from(name), false)
    };
    let growing = |so_far: WriterPropertiesBuilder, name: &str| {
        so_far.set_column_encoding(ColumnPath::from(name), Encoding::DELTA_BINARY_PACKED)
    };
    let properties = DISTINCT.into_iter().fold(begun, plain);
    GROWING.into_iter().fold(properties, growing).build()
}

impl<W: Write + Send> Sheet for ParquetFile<W> {
    fn put(&mut self, event: LabelEvent) {
        self.bytes += event.weight();
        self.waiting.push(event);
    }

    fn write(&mut self) -> io::Result<()> {
        if self.waiting.len() >= ROWS || self.bytes >= BYTES {
            self.write_down().map_err(failed)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        if !self.waiting.is_empty() {
            self.write_down().map_err(failed)?;
        }
        let mut out = self.file.into_inner().map_err(failed)?;
        out.flush()
    }
}

/// All columns, in the order of the schema.
fn write_columns<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    labels: &[LabelEvent],
) -> Result<(), ParquetError> {
    let mut columns = Columns { group, labels };
    columns.number(|event| event.id.get())?;
    columns.number(|event| event.received_at.0)?;
    columns.text(|event| event.label.src.as_str())?;
    columns.number(|event| event.seq.get())?;
    columns.small(|event| event.epoch.0)?;
    columns.small(|event| event.place)?;
    columns.required::<BoolType>(|event| event.live)?;
    columns.text(|event| event.verdict.as_str())?;
    columns.required::<Int32Type>(|_| 1)?;
    columns.text(|event| &event.label.uri)?;
    columns.optional::<ByteArrayType>(|event| event.label.cid.as_deref().map(ByteArray::from))?;
    columns.text(|event| &event.label.val)?;
    columns.optional::<BoolType>(|event| event.label.neg)?;
    columns.text(|event| &event.label.cts)?;
    columns.optional::<ByteArrayType>(|event| event.label.exp.as_deref().map(ByteArray::from))?;
    columns.required::<ByteArrayType>(|event| ByteArray::from(event.label.sig.as_slice()))?;
    columns.optional::<ByteArrayType>(|event| event.raw.as_deref().map(ByteArray::from))
}

/// The columns that are still to be written.
struct Columns<'a, 'b, W: Write + Send> {
    group: &'a mut SerializedRowGroupWriter<'b, W>,
    labels: &'a [LabelEvent],
}

impl<W: Write + Send> Columns<'_, '_, W> {
    fn number(&mut self, value: impl Fn(&LabelEvent) -> i64) -> Result<(), ParquetError> {
        self.required::<Int64Type>(value)
    }

    /// Epochs and places are far below where the sign begins.
    fn small(&mut self, value: impl Fn(&LabelEvent) -> u32) -> Result<(), ParquetError> {
        self.required::<Int32Type>(|event| i32::try_from(value(event)).unwrap_or(i32::MAX))
    }

    fn text(&mut self, value: impl Fn(&LabelEvent) -> &str) -> Result<(), ParquetError> {
        self.required::<ByteArrayType>(|event| ByteArray::from(value(event)))
    }

    fn required<T: DataType>(
        &mut self,
        value: impl Fn(&LabelEvent) -> T::T,
    ) -> Result<(), ParquetError> {
        let values: Vec<T::T> = self.labels.iter().map(value).collect();
        self.column::<T>(&values, None)
    }

    fn optional<T: DataType>(
        &mut self,
        value: impl Fn(&LabelEvent) -> Option<T::T>,
    ) -> Result<(), ParquetError> {
        let values: Vec<Option<T::T>> = self.labels.iter().map(value).collect();
        let there: Vec<i16> = values.iter().map(|value| value.is_some().into()).collect();
        let values: Vec<T::T> = values.into_iter().flatten().collect();
        self.column::<T>(&values, Some(&there))
    }

    fn column<T: DataType>(
        &mut self,
        values: &[T::T],
        there: Option<&[i16]>,
    ) -> Result<(), ParquetError> {
        let missing = || ParquetError::General("the schema has fewer columns".to_owned());
        let mut column = self.group.next_column()?.ok_or_else(missing)?;
        column.typed::<T>().write_batch(values, there, None)?;
        column.close()
    }
}

/// What the system said, where it did.
fn failed(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    }
}
