//! wallet (in the making).
