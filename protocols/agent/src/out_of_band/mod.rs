//! out_of_band (in the making).
