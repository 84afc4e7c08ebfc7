//! Header fields of a request, as they are sent.

/// Lines of `name: value`. They may hold secrets: nothing shows them.
#[derive(Default)]
pub struct Fields(Vec<u8>);

/// A value that a header can't hold.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the header {0} can't be written: its value holds something else than visible ASCII")]
pub struct FieldError(&'static str);

impl Fields {
    /// Adds a field.
    ///
    /// Errors: [`FieldError`], when the value holds control characters or is not ASCII (RFC 9110 section 5.5).
    pub fn add(&mut self, name: &'static str, value: &str) -> Result<(), FieldError> {
        if !value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)) {
            return Err(FieldError(name));
        }
        for part in [name, ": ", value, "\r\n"] {
            self.0.extend_from_slice(part.as_bytes());
        }
        Ok(())
    }

    /// The lines.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_begin_another_line() {
        let mut fields = Fields::default();
        fields.add("x-event-id", "a b\t~").unwrap();
        for value in ["a\r\nx: y", "a\nb", "\0", "é", "\x7f"] {
            assert_eq!(fields.add("x-api-key", value), Err(FieldError("x-api-key")), "{value:?}");
        }
        assert_eq!(fields.as_bytes(), b"x-event-id: a b\t~\r\n");
    }
}
