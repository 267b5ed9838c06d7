//! The checks that the fuzz targets run, in a library so that they are built once.

pub mod checks;
