//! XML answers as trees, and trees as XML and Query parameters: elements that this program has never
//! heard of go back as they came.

use quick_xml::Reader;
use quick_xml::escape::{escape, resolve_predefined_entity};
use quick_xml::events::Event;

/// An element: its text, or its children.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Element {
    /// Its name, without a namespace prefix.
    pub(super) name: String,
    /// Its own text; empty where it has children.
    pub(super) text: String,
    /// Its children, in order.
    pub(super) children: Vec<Element>,
}

/// Why a text is no tree.
#[derive(Debug, thiserror::Error)]
#[error("not the XML that was expected: {0}")]
pub(super) struct XmlError(String);

impl Element {
    /// An element with a text.
    pub(super) fn leaf(name: &str, text: impl Into<String>) -> Element {
        Element {
            name: name.to_owned(),
            text: text.into(),
            children: Vec::new(),
        }
    }

    /// An element with children.
    pub(super) fn node(name: &str, children: Vec<Element>) -> Element {
        Element {
            name: name.to_owned(),
            text: String::new(),
            children,
        }
    }

    /// Reads the document's root.
    pub(super) fn parse(document: &[u8]) -> Result<Element, XmlError> {
        let broken = |why: &dyn std::fmt::Display| XmlError(why.to_string());
        let document = std::str::from_utf8(document).map_err(|error| broken(&error))?;
        let mut reader = Reader::from_str(document);
        let mut open: Vec<Element> = vec![Element::default()];
        loop {
            let event = reader.read_event().map_err(|error| broken(&error))?;
            let Some(top) = open.last_mut() else {
                return Err(broken(&"an element ends that never began"));
            };
            match event {
                Event::Start(start) => open.push(named(start.local_name().as_ref())),
                Event::Empty(start) => top.children.push(named(start.local_name().as_ref())),
                Event::Text(text) => top.text.push_str(&text.xml10_content()),
                Event::CData(data) => top.text.push_str(&data.xml10_content()),
                Event::GeneralRef(reference) => {
                    let name = &*reference;
                    match reference
                        .resolve_char_ref()
                        .map_err(|error| broken(&error))?
                    {
                        Some(character) => top.text.push(character),
                        None => top.text.push_str(
                            resolve_predefined_entity(name)
                                .ok_or_else(|| broken(&format!("unknown entity &{name};")))?,
                        ),
                    }
                }
                Event::End(_) => close(&mut open).map_err(|why| broken(&why))?,
                Event::Eof => break,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            }
        }
        match (open.pop(), open.is_empty()) {
            (Some(mut document), true) if !document.children.is_empty() => {
                Ok(document.children.remove(0))
            }
            _ => Err(broken(&"it ends early")),
        }
    }

    /// The first child of that name.
    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The first child of that name.
    pub(super) fn child_mut(&mut self, name: &str) -> Option<&mut Element> {
        self.children.iter_mut().find(|child| child.name == name)
    }

    /// The text of the first child of that name.
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }

    /// The members of the list of that name; none where it is missing.
    pub(super) fn members(&self, name: &str) -> &[Element] {
        self.child(name).map_or(&[], |list| &list.children)
    }

    /// Gives the child of that name a text, at its place or at the end.
    pub(super) fn set(&mut self, name: &str, text: impl Into<String>) {
        match self.child_mut(name) {
            Some(child) => child.text = text.into(),
            None => self.children.push(Element::leaf(name, text)),
        }
    }

    /// Takes out every child of that name.
    pub(super) fn remove(&mut self, name: &str) {
        self.children.retain(|child| child.name != name);
    }

    /// The tree as XML again.
    pub(super) fn to_xml(&self) -> String {
        let name = &self.name;
        let inner = match self.children.is_empty() {
            true => escape(self.text.as_str()).into_owned(),
            false => self.children.iter().map(Element::to_xml).collect(),
        };
        format!("<{name}>{inner}</{name}>")
    }

    /// Adds the tree to `parameters` as AWS Query writes it: lists and maps by position from 1.
    pub(super) fn to_query(&self, prefix: &str, parameters: &mut Vec<(String, String)>) {
        if self.children.is_empty() {
            if !is_empty_structure(self) {
                parameters.push((prefix.to_owned(), self.text.clone()));
            }
            return;
        }
        let first = &self.children[0].name;
        let counted = matches!(first.as_str(), "member" | "entry")
            && self.children.iter().all(|child| child.name == *first);
        for (at, child) in self.children.iter().enumerate() {
            let name = &child.name;
            let prefix = match counted {
                true => format!("{prefix}.{name}.{}", at + 1),
                false => format!("{prefix}.{name}"),
            };
            child.to_query(&prefix, parameters);
        }
    }
}

/// An empty element is an empty text or list, which Query writes, or an empty structure or map,
/// which it leaves out. XML doesn't tell; ELBv2's names do.
fn is_empty_structure(element: &Element) -> bool {
    element.text.is_empty()
        && (element.name.ends_with("Config") || element.name.ends_with("ExtraParams"))
}

fn named(name: &str) -> Element {
    Element {
        name: name.to_owned(),
        ..Element::default()
    }
}

fn close(open: &mut Vec<Element>) -> Result<(), &'static str> {
    let mut done = open.pop().ok_or("an element ends that never began")?;
    if !done.children.is_empty() {
        // Only indentation stands between children.
        done.text.clear();
    }
    open.last_mut()
        .ok_or("an element ends that never began")?
        .children
        .push(done);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_keep_every_character() {
        let root = Element::parse(
            b"<?xml version=\"1.0\"?><!-- x --><R xmlns=\"http://x/\">\n  <A>a &amp;&#x20;b&lt; </A>\n  \
              <B><![CDATA[<raw> & ]]></B><C/></R>",
        )
        .unwrap();
        assert_eq!(root.text_of("A"), Some("a & b< "));
        assert_eq!(root.text_of("B"), Some("<raw> & "));
        assert_eq!(root.text_of("C"), Some(""));
        assert_eq!(root.text, "");
    }

    #[test]
    fn what_was_read_is_written_as_it_was() {
        let text = "<R><A>a &amp; b&lt;</A><B><C>1</C><C></C></B></R>";
        assert_eq!(Element::parse(text.as_bytes()).unwrap().to_xml(), text);
    }

    #[test]
    fn a_torn_document_is_an_error() {
        for torn in ["", "<R>", "<R><A></R>", "<R>&nope;</R>", "plain"] {
            assert!(Element::parse(torn.as_bytes()).is_err(), "{torn}");
        }
    }

    #[test]
    fn empty_structures_are_left_out_and_empty_texts_are_not() {
        let root = Element::parse(b"<R><TargetGroupStickinessConfig/><Text/></R>").unwrap();
        let mut parameters = Vec::new();
        root.to_query("P", &mut parameters);
        assert_eq!(parameters, [("P.Text".to_owned(), String::new())]);
    }
}
