//! `--arg-file`: a YAML mapping whose keys are option names without dashes.

use std::collections::HashMap;

use yaml_rust2::parser::{Event, MarkedEventReceiver, Parser};
use yaml_rust2::scanner::{Marker, TScalarStyle};

/// A YAML value with scalars as they are written: a wallet key of digits must not become a number.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// `null`, `~` or nothing.
    Null,
    /// A scalar's text.
    Scalar(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in its order.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The value as JSON text, for options that take JSON.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match self {
            Node::Null => serde_json::Value::Null,
            Node::Scalar(text) => match serde_json::from_str(text) {
                Ok(value @ (serde_json::Value::Bool(_) | serde_json::Value::Number(_))) => value,
                _ => serde_json::Value::String(text.clone()),
            },
            Node::List(items) => items.iter().map(Node::to_json).collect(),
            Node::Map(members) => members.iter().map(|(key, value)| (key.clone(), value.to_json())).collect(),
        }
    }
}

/// Reads the mapping of a file's first document.
///
/// # Errors
/// A sentence saying what is not as it should be.
pub(super) fn parse(text: &str) -> Result<Vec<(String, Node)>, String> {
    let mut builder = Builder::default();
    Parser::new_from_str(text).load(&mut builder, false).map_err(|e| format!("not YAML: {e}"))?;
    if let Some(fault) = builder.fault {
        return Err(fault);
    }
    match builder.document {
        Some(Node::Map(members)) => Ok(members),
        None | Some(Node::Null) => Ok(Vec::new()),
        Some(_) => Err("must hold `option: value` lines".to_owned()),
    }
}

enum Open {
    List(Vec<Node>, usize),
    Map(Vec<(String, Node)>, Option<String>, usize),
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    document: Option<Node>,
    fault: Option<String>,
}

impl Builder {
    fn close(&mut self, node: Node, anchor: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => self.document = self.document.take().or(Some(node)),
            Some(Open::List(items, _)) => items.push(node),
            Some(Open::Map(members, key @ Some(_), _)) => {
                members.push((key.take().unwrap_or_default(), node));
            }
            Some(Open::Map(_, key, _)) => match node {
                Node::Scalar(text) => *key = Some(text),
                _ => self.fault = Some("keys must be plain text".to_owned()),
            },
        }
    }
}

impl MarkedEventReceiver for Builder {
    fn on_event(&mut self, event: Event, _: Marker) {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let empty = style == TScalarStyle::Plain
                    && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
                self.close(if empty { Node::Null } else { Node::Scalar(text) }, anchor);
            }
            Event::SequenceStart(anchor, _) => self.open.push(Open::List(Vec::new(), anchor)),
            Event::MappingStart(anchor, _) => self.open.push(Open::Map(Vec::new(), None, anchor)),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List(items, anchor)) => self.close(Node::List(items), anchor),
                Some(Open::Map(members, _, anchor)) => self.close(Node::Map(members), anchor),
                None => {}
            },
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned().unwrap_or(Node::Null);
                self.close(node, 0);
            }
            _ => {}
        }
    }
}
