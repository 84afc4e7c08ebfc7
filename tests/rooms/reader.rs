//! What a file of a crate names: found by following `mod` from the crate's root, so that tests are left out where the compiler leaves
//! them out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ExprLit, Item, ItemMacro, ItemMod, ItemUse, Lit, Meta, UseTree, Visibility};

/// A file.
pub struct Room {
    /// The root file of its crate.
    pub root: &'static str,
    /// Below the repository.
    pub file: String,
    /// The top module that it belongs to; empty for the root itself.
    pub folder: String,
    /// Paths within its crate, from the root on, as far as they are told: the first name is a top module.
    inner: BTreeSet<String>,
    /// The first two names of paths into other crates.
    pub foreign: BTreeSet<(String, String)>,
    /// Texts in quotes.
    pub texts: BTreeSet<String>,
    /// Single words of code.
    pub words: BTreeSet<String>,
}

impl Room {
    /// The other top modules that it names.
    pub fn neighbours(&self) -> BTreeSet<&str> {
        self.inner.iter().map(String::as_str).filter(|to| *to != self.folder).collect()
    }

    /// Whether its top module is a folder, not a file.
    pub fn is_in_folder(&self) -> bool {
        let below = self.file.strip_prefix(self.root.rsplit_once('/').unwrap().0).unwrap();
        below.matches('/').count() > 1
    }
}

/// All source files below these folders; what is built or written by runs is left out.
pub fn sources(root: &Path, folders: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut next: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    while let Some(folder) = next.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if entry.file_type().unwrap().is_dir() {
                if !name.starts_with('.') && !matches!(&*name, "target" | "out" | "corpus" | "node_modules") {
                    next.push(path);
                }
            } else if name.ends_with(".rs") {
                found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Whether an item is there for tests only.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            let words = list.tokens.to_string();
            let words: Vec<&str> = words.split(|c: char| !c.is_alphanumeric()).collect();
            words.contains(&"test") && !words.contains(&"not")
        }
        Meta::Path(path) => path.is_ident("test"),
        _ => false,
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// A file while it is read.
struct Reader {
    room: Room,
    /// Where it is in the crate.
    module: Vec<String>,
    /// Modules that it declares in other files.
    declared: Vec<String>,
    /// Every path: its names.
    paths: Vec<Vec<String>>,
    /// What it puts into the crate's root: name, path. Exported macros are all there.
    given: Vec<(String, Vec<String>)>,
}

fn leaves(tree: &UseTree, before: &[String], found: &mut Vec<(Option<String>, Vec<String>)>) {
    let with = |name: String| [before, &[name]].concat();
    match tree {
        UseTree::Path(path) => leaves(&path.tree, &with(path.ident.to_string()), found),
        UseTree::Name(name) if name.ident == "self" => {
            found.push((before.last().cloned(), before.to_vec()));
        }
        UseTree::Name(name) => found.push((Some(name.ident.to_string()), with(name.ident.to_string()))),
        UseTree::Rename(name) => found.push((Some(name.rename.to_string()), with(name.ident.to_string()))),
        UseTree::Glob(_) => found.push((None, before.to_vec())),
        UseTree::Group(group) => group.items.iter().for_each(|item| leaves(item, before, found)),
    }
}

impl Reader {
    /// Paths, words and texts of code that isn't parsed: what is given to macros.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.paths.push(std::mem::take(&mut path));
                    }
                    let ident = ident.to_string();
                    self.room.words.insert(ident.clone());
                    path.push(ident);
                    colons = 0;
                    continue;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Literal(literal) => {
                    if let Ok(Lit::Str(text)) = syn::parse_str(&literal.to_string()) {
                        self.room.texts.insert(text.value());
                    }
                }
                TokenTree::Punct(_) => {}
            }
            colons = 0;
            self.paths.push(std::mem::take(&mut path));
        }
        self.paths.push(path);
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let name = item.ident.to_string();
        if item.content.is_none() {
            assert!(!item.attrs.iter().any(|a| a.path().is_ident("path")), "{}: #[path]", self.room.file);
            self.declared.push(name);
            return;
        }
        self.module.push(name);
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let mut found = Vec::new();
        leaves(&item.tree, &[], &mut found);
        for (name, path) in found {
            let given = self.module.is_empty() && !matches!(item.vis, Visibility::Inherited);
            if let (Some(name), true) = (name, given) {
                self.given.push((name, path.clone()));
            }
            self.room.words.extend(path.iter().cloned());
            self.paths.push(path);
        }
    }

    fn visit_item_macro(&mut self, item: &'ast ItemMacro) {
        if let (Some(name), true) =
            (&item.ident, item.attrs.iter().any(|a| a.path().is_ident("macro_export")))
        {
            self.given.push((name.to_string(), self.module.clone()));
        }
        visit::visit_item_macro(self, item);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.paths.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_ident(&mut self, ident: &'ast proc_macro2::Ident) {
        self.room.words.insert(ident.to_string());
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if signature.asyncness.is_some() {
            self.room.words.insert("async".to_owned());
        }
        visit::visit_signature(self, signature);
    }

    fn visit_expr(&mut self, expr: &'ast Expr) {
        match expr {
            Expr::Async(_) => drop(self.room.words.insert("async".to_owned())),
            Expr::Await(_) => drop(self.room.words.insert("await".to_owned())),
            Expr::Closure(closure) if closure.asyncness.is_some() => {
                self.room.words.insert("async".to_owned());
            }
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => drop(self.room.texts.insert(text.value())),
            _ => {}
        }
        visit::visit_expr(self, expr);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.visit_path(&called.path);
        self.tokens(called.tokens.clone());
    }

    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}

/// The file of a module that is declared in another.
fn file_of(declaring: &str, name: &str, root: &Path) -> String {
    let (folder, file) = declaring.rsplit_once('/').unwrap();
    let stem = file.strip_suffix(".rs").unwrap();
    let inside = match stem {
        "mod" | "lib" | "main" => folder.to_owned(),
        _ => format!("{folder}/{stem}"),
    };
    let (flat, deep) = (format!("{inside}/{name}.rs"), format!("{inside}/{name}/mod.rs"));
    if root.join(&flat).exists() { flat } else { deep }
}

/// All files of a crate but those of its tests.
pub fn read(root: &Path, crate_root: &'static str) -> Vec<Room> {
    let mut readers = Vec::new();
    let mut next = vec![(crate_root.to_owned(), Vec::new())];
    while let Some((file, module)) = next.pop() {
        let text = fs::read_to_string(root.join(&file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        let parsed = syn::parse_file(&text).unwrap_or_else(|e| panic!("{file}: {e}"));
        let folder: String = module.first().cloned().unwrap_or_default();
        let room = Room {
            root: crate_root,
            file,
            folder,
            inner: BTreeSet::new(),
            foreign: BTreeSet::new(),
            texts: BTreeSet::new(),
            words: BTreeSet::new(),
        };
        let mut reader = Reader { room, module, declared: Vec::new(), paths: Vec::new(), given: Vec::new() };
        reader.visit_file(&parsed);
        for name in &reader.declared {
            let file = file_of(&reader.room.file, name, root);
            next.push((file, [&*reader.module, std::slice::from_ref(name)].concat()));
        }
        readers.push(reader);
    }
    let tops: BTreeSet<String> = readers.iter().map(|reader| reader.room.folder.clone()).collect();
    let given: BTreeMap<String, String> = readers
        .iter()
        .flat_map(|reader| &reader.given)
        .filter_map(|(name, path)| {
            let top = path.iter().find(|part| *part != "crate" && *part != "self")?;
            tops.contains(top).then(|| (name.clone(), top.clone()))
        })
        .collect();
    readers.into_iter().map(|reader| reader.resolved(&tops, &given)).collect()
}

impl Reader {
    fn resolved(mut self, tops: &BTreeSet<String>, given: &BTreeMap<String, String>) -> Room {
        for path in std::mem::take(&mut self.paths) {
            let Some(first) = path.first() else { continue };
            let supers = path.iter().take_while(|part| *part == "super").count();
            let from_root: &[String] = match &**first {
                "crate" => &path[1..],
                "super" if supers >= self.module.len() => &path[supers..],
                "super" | "self" | "Self" => continue,
                _ => {
                    let second = path.get(1).cloned().unwrap_or_default();
                    self.room.foreign.insert((first.clone(), second));
                    continue;
                }
            };
            let Some(name) = from_root.first() else { continue };
            if let Some(top) = tops.get(name).or_else(|| given.get(name)) {
                self.room.inner.insert(top.clone());
            }
        }
        self.room
    }
}
