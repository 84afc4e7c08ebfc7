use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, Error as _, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Value};

/// JSON in which a struct is an object. serde also takes a list for it, members in the order of the declaration: what
/// no other agent reads so, and this one's own untyped accessors don't.
pub(super) struct Objects<'de>(pub(super) &'de Value);

impl<'de> IntoDeserializer<'de, Error> for Objects<'de> {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Objects<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(list) => {
                let mut entries = SeqDeserializer::new(list.iter().map(Objects));
                let value = visitor.visit_seq(&mut entries)?;
                entries.end()?;
                Ok(value)
            }
            Value::Object(map) => {
                let mut members =
                    MapDeserializer::new(map.iter().map(|(name, value)| (name.as_str(), Objects(value))));
                let value = visitor.visit_map(&mut members)?;
                members.end()?;
                Ok(value)
            }
            plain => plain.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.0.is_array() {
            return Err(Error::invalid_type(Unexpected::Seq, &visitor));
        }
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq
        tuple tuple_struct map identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::{Map, json};

    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner {
        a: String,
        #[serde(default)]
        b: Option<i64>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Outer {
        one: Inner,
        #[serde(default)]
        many: Vec<Inner>,
        #[serde(default)]
        free: Map<String, Value>,
        pair: Option<(u8, f64)>,
    }

    fn read(json: &Value) -> Result<Outer, Error> {
        Outer::deserialize(Objects(json))
    }

    #[test]
    fn objects_are_read_as_ever() {
        let json = json!({
            "one": {"a": "x", "b": null, "other": [1, {}]},
            "many": [{"a": "y", "b": -1}],
            "free": {"z": [1, 2.5, null, true], "a": {}},
            "pair": [1, 2.5],
        });
        assert_eq!(read(&json).unwrap(), serde_json::from_value(json).unwrap());
    }

    #[test]
    fn a_list_is_no_object() {
        for json in [
            json!([{"a": "x"}]),
            json!({"one": ["x"]}),
            json!({"one": {"a": "x"}, "many": [["y", 1]]}),
            json!({"one": {"a": "x"}, "pair": [1]}),
        ] {
            assert!(read(&json).is_err(), "{json}");
        }
    }
}
