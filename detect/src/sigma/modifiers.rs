//! Modifiers: what a value of a rule asks of the values of an event, by the modifiers appendix of the specification.

use regex::RegexBuilder;
use rsigma_parser::{DetectionItem, Modifier, SigmaString, SigmaValue, SpecialChar, StringPart};

use super::compile::{Compiler, Reason, contains_text};
use super::encoding;
use super::pipeline::Resolver;
use super::predicate::{Compare, Number, Op, Pattern, Shape, Text, TimePart};
use super::text::{Glob, Piece, dashed, fold};

/// The largest compiled regular expression in bytes.
const REGEX_BYTES_MAX: usize = 4 << 20;

/// The modifiers of one item, checked against each other.
#[derive(Debug)]
pub(super) struct Modifiers {
    pub(super) shape: Shape,
    pub(super) all: bool,
    pub(super) not_equal: bool,
    expand: bool,
    cased: bool,
    dashes: bool,
    wide: Option<Modifier>,
    base64: Option<Modifier>,
    /// `re`, `cidr`, `exists`, `fieldref`, a comparison or a time part.
    special: Option<Modifier>,
    flags: [bool; 3],
}

impl Default for Modifiers {
    fn default() -> Self {
        Modifiers {
            shape: Shape::Equals,
            all: false,
            not_equal: false,
            expand: false,
            cased: false,
            dashes: false,
            wide: None,
            base64: None,
            special: None,
            flags: [false; 3],
        }
    }
}

impl Modifiers {
    pub(super) fn read(item: &DetectionItem) -> Result<Modifiers, Reason> {
        let mut read = Modifiers::default();
        for modifier in &item.field.modifiers {
            let clash = match modifier {
                Modifier::Contains => read.shape(Shape::Contains),
                Modifier::StartsWith => read.shape(Shape::StartsWith),
                Modifier::EndsWith => read.shape(Shape::EndsWith),
                Modifier::All => std::mem::replace(&mut read.all, true),
                Modifier::Neq => std::mem::replace(&mut read.not_equal, true),
                Modifier::Cased => std::mem::replace(&mut read.cased, true),
                Modifier::WindAsh => std::mem::replace(&mut read.dashes, true),
                Modifier::Wide | Modifier::Utf16 | Modifier::Utf16be => read.wide.replace(*modifier).is_some(),
                Modifier::Base64 | Modifier::Base64Offset => read.base64.replace(*modifier).is_some(),
                Modifier::IgnoreCase => std::mem::replace(&mut read.flags[0], true),
                Modifier::Multiline => std::mem::replace(&mut read.flags[1], true),
                Modifier::DotAll => std::mem::replace(&mut read.flags[2], true),
                Modifier::Expand => std::mem::replace(&mut read.expand, true),
                _ => read.special.replace(*modifier).is_some(),
            };
            if clash {
                return Err(conflict(item, "two of these modifiers say the same thing or exclude each other"));
            }
        }
        read.check(item)?;
        Ok(read)
    }

    fn shape(&mut self, shape: Shape) -> bool {
        std::mem::replace(&mut self.shape, shape) != Shape::Equals
    }

    fn check(&self, item: &DetectionItem) -> Result<(), Reason> {
        let transforms = self.wide.is_some() || self.base64.is_some() || self.dashes;
        if self.flags != [false; 3] && self.special != Some(Modifier::Re) {
            return Err(conflict(item, "`i`, `m` and `s` are flags of `re`"));
        }
        let Some(special) = self.special else {
            if self.wide.is_some() && self.base64.is_none() {
                return Err(conflict(
                    item,
                    "`wide`, `utf16le`, `utf16be` and `utf16` must be followed by `base64` or `base64offset`: events hold text",
                ));
            }
            if self.base64.is_some() && self.dashes {
                return Err(conflict(item, "`windash` cannot be combined with `base64`"));
            }
            return Ok(());
        };
        if transforms || (self.shape != Shape::Equals && special != Modifier::FieldRef) {
            return Err(conflict(item, "these modifiers exclude each other"));
        }
        let modifiers = &item.field.modifiers;
        if special == Modifier::FieldRef
            && modifiers.first() != Some(&Modifier::FieldRef)
            && self.shape != Shape::Equals
        {
            return Err(conflict(item, "`contains`, `startswith` and `endswith` follow `fieldref`"));
        }
        if special == Modifier::Exists && (item.values.len() != 1 || !matches!(item.values[0], SigmaValue::Bool(_))) {
            return Err(conflict(item, "`exists` takes `true` or `false`"));
        }
        if item.field.name.is_none() && matches!(special, Modifier::Exists | Modifier::FieldRef) {
            return Err(conflict(item, "this modifier needs a field"));
        }
        Ok(())
    }

    /// The operations of one value; several when one value stands for several texts.
    pub(super) fn op(
        &self,
        value: &SigmaValue,
        resolver: &Resolver<'_>,
        compiler: &mut Compiler,
    ) -> Result<Vec<Op>, Reason> {
        if let (true, SigmaValue::String(text)) = (self.expand, value) {
            let plain = Modifiers { expand: false, ..*self };
            let mut ops = Vec::new();
            for text in filled(text, resolver)? {
                ops.extend(plain.op(&SigmaValue::String(SigmaString::new(&text)), resolver, compiler)?);
            }
            return Ok(ops);
        }
        if let Some(special) = self.special {
            return self.special_op(special, value, resolver, compiler).map(|op| vec![op]);
        }
        let folded = !self.cased;
        let plain =
            |text: &str| Op::Text { text: self.text_of(&[Piece::Literal(text.into())], folded), folded, dashes: false };
        Ok(match value {
            SigmaValue::Null => vec![Op::Null],
            SigmaValue::Bool(flag) if self.shape == Shape::Equals => vec![Op::Bool(*flag)],
            SigmaValue::Bool(flag) => vec![plain(&flag.to_string())],
            SigmaValue::Integer(number) if self.shape == Shape::Equals => {
                vec![Op::Number { compare: Compare::Equal, number: Number::Whole(*number) }]
            }
            SigmaValue::Float(number) if self.shape == Shape::Equals => {
                vec![Op::Number { compare: Compare::Equal, number: Number::Real(*number) }]
            }
            SigmaValue::Integer(number) => vec![plain(&number.to_string())],
            SigmaValue::Float(number) => vec![plain(&number.to_string())],
            SigmaValue::String(text) => self.string_ops(text)?,
        })
    }

    fn string_ops(&self, text: &SigmaString) -> Result<Vec<Op>, Reason> {
        let folded = !self.cased;
        if let Some(base64) = self.base64 {
            let Some(plain) = text.as_plain() else {
                return Err(Reason::new(
                    &text.original,
                    "a wildcard cannot be encoded",
                    "escape it (`\\*`) or remove the encoding modifier",
                ));
            };
            let bytes = match self.wide {
                Some(Modifier::Utf16be) => encoding::utf16be(&plain),
                Some(Modifier::Utf16) => encoding::utf16(&plain),
                Some(_) => encoding::utf16le(&plain),
                None => plain.into_bytes(),
            };
            let texts = match base64 {
                Modifier::Base64 => vec![encoding::base64(&bytes)],
                _ => encoding::base64_offsets(&bytes).ok_or_else(|| {
                    Reason::new(
                        &text.original,
                        "a value of one byte leaves nothing to look for with `base64offset`",
                        "write at least two characters",
                    )
                })?,
            };
            let shape = if base64 == Modifier::Base64Offset { Shape::Contains } else { self.shape };
            let encoded = Modifiers { shape, ..Modifiers::default() };
            let texts = texts.into_iter();
            return Ok(texts
                .map(|one| Op::Text {
                    text: encoded.text_of(&[Piece::Literal(one.into())], folded),
                    folded,
                    dashes: false,
                })
                .collect());
        }
        let pieces: Vec<Piece> = text
            .parts
            .iter()
            .map(|part| match part {
                StringPart::Plain(literal) if self.dashes => Piece::Literal(dashed(literal).into()),
                StringPart::Plain(literal) => Piece::Literal(literal.as_str().into()),
                StringPart::Special(SpecialChar::WildcardMulti) => Piece::Many,
                StringPart::Special(SpecialChar::WildcardSingle) => Piece::One,
            })
            .collect();
        Ok(vec![Op::Text { text: self.text_of(&pieces, folded), folded, dashes: self.dashes }])
    }

    /// The comparison for a text of literals and wildcards; shapes that need no wildcard matching get none.
    fn text_of(&self, pieces: &[Piece], folded: bool) -> Text {
        let mut whole = Vec::new();
        if matches!(self.shape, Shape::Contains | Shape::EndsWith) {
            whole.push(Piece::Many);
        }
        for piece in pieces {
            match piece {
                Piece::Literal(literal) if folded => whole.push(Piece::Literal(fold(literal).into())),
                other => whole.push(other.clone()),
            }
        }
        if matches!(self.shape, Shape::Contains | Shape::StartsWith) {
            whole.push(Piece::Many);
        }
        whole.dedup_by(|next, held| *next == Piece::Many && *held == Piece::Many);
        match whole.as_slice() {
            [] => Text::Equals("".into()),
            [Piece::Literal(literal)] => Text::Equals(literal.clone()),
            [Piece::Literal(literal), Piece::Many] => Text::StartsWith(literal.clone()),
            [Piece::Many, Piece::Literal(literal)] => Text::EndsWith(literal.clone()),
            [Piece::Many, Piece::Literal(literal), Piece::Many] => contains_text(literal),
            _ => Text::Glob(Glob(whole.into())),
        }
    }

    fn special_op(
        &self,
        special: Modifier,
        value: &SigmaValue,
        resolver: &Resolver<'_>,
        compiler: &mut Compiler,
    ) -> Result<Op, Reason> {
        let compare = |compare| Ok(Op::Number { compare, number: number(value)? });
        let part = |part| match number(value)? {
            Number::Whole(number) => Ok(Op::TimePart { part, number }),
            Number::Real(_) => Err(wrong(value, "a whole number")),
        };
        match special {
            Modifier::Re => self.regex(value),
            Modifier::Cidr => cidr(value),
            Modifier::Exists => Ok(Op::Exists(*value == SigmaValue::Bool(true))),
            Modifier::FieldRef => {
                let name = text(value).ok_or_else(|| wrong(value, "the name of a field, without wildcards"))?;
                Ok(Op::FieldRef { other: compiler.slots_of(&name, resolver)?, shape: self.shape, folded: !self.cased })
            }
            Modifier::Gt => compare(Compare::Greater),
            Modifier::Gte => compare(Compare::GreaterEqual),
            Modifier::Lt => compare(Compare::Less),
            Modifier::Lte => compare(Compare::LessEqual),
            Modifier::Minute => part(TimePart::Minute),
            Modifier::Hour => part(TimePart::Hour),
            Modifier::Day => part(TimePart::Day),
            Modifier::Week => part(TimePart::Week),
            Modifier::Month => part(TimePart::Month),
            Modifier::Year => part(TimePart::Year),
            other => Err(Reason::new(
                "",
                format!("the modifier {other:?} is not supported"),
                "use a modifier of the Sigma specification 2.1",
            )),
        }
    }

    fn regex(&self, value: &SigmaValue) -> Result<Op, Reason> {
        let pattern = match value {
            SigmaValue::String(text) => text.original.clone(),
            SigmaValue::Null => return Err(wrong(value, "a regular expression")),
            other => other.to_string(),
        };
        let flags: String =
            self.flags.iter().zip(['i', 'm', 's']).filter(|(set, _)| **set).map(|(_, flag)| flag).collect();
        let whole = if flags.is_empty() { pattern.clone() } else { format!("(?{flags}){pattern}") };
        let built = RegexBuilder::new(&whole).size_limit(REGEX_BYTES_MAX).build();
        built.map(|regex| Op::Regex(Box::new(Pattern::new(regex)))).map_err(|error| {
            let error = error.to_string();
            let last = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Reason::new(
                pattern,
                format!("not a regular expression this engine runs: {last}"),
                "look-around and back-references are not supported: write the condition with `and not`",
            )
        })
    }
}

/// The most texts that the placeholders of one value stand for.
const FILLED_MAX: usize = 10_000;

/// The texts that a value with placeholders (`%name%`) stands for: one for each of their values.
fn filled(text: &SigmaString, resolver: &Resolver<'_>) -> Result<Vec<String>, Reason> {
    let mut texts = vec![String::new()];
    let mut parts = text.original.split('%');
    texts[0].push_str(parts.next().unwrap_or_default());
    while let Some(name) = parts.next() {
        let Some(rest) = parts.next() else {
            texts.iter_mut().for_each(|text| text.extend(["%", name]));
            break;
        };
        let values = resolver.placeholder(name).ok_or_else(|| {
            Reason::new(
                format!("%{name}%"),
                format!("the placeholder `%{name}%` has no values"),
                "give it values under `vars` of a field pipeline with a transformation of type value_placeholders, or ask \
                 a register with `sekisho: ledger` instead",
            )
        })?;
        if texts.len() * values.len() > FILLED_MAX {
            return Err(Reason::new(
                format!("%{name}%"),
                format!("placeholders stand for more than {FILLED_MAX} texts"),
                "use fewer values",
            ));
        }
        texts = texts.iter().flat_map(|text| values.iter().map(move |value| format!("{text}{value}{rest}"))).collect();
    }
    Ok(texts)
}

fn cidr(value: &SigmaValue) -> Result<Op, Reason> {
    let text = text(value).ok_or_else(|| wrong(value, "a network such as 192.0.2.0/24"))?;
    let network = text.parse().or_else(|_| text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from));
    network.map(Op::Cidr).map_err(|_| wrong(value, "a network such as 192.0.2.0/24 or 2001:db8::/32"))
}

fn text(value: &SigmaValue) -> Option<String> {
    match value {
        SigmaValue::String(text) => text.as_plain(),
        SigmaValue::Null => None,
        other => Some(other.to_string()),
    }
}

fn number(value: &SigmaValue) -> Result<Number, Reason> {
    match value {
        SigmaValue::Integer(number) => Ok(Number::Whole(*number)),
        SigmaValue::Float(number) => Ok(Number::Real(*number)),
        SigmaValue::String(text) => {
            let plain = text.as_plain().unwrap_or_default();
            let whole = plain.parse().map(Number::Whole);
            whole.or_else(|_| plain.parse().map(Number::Real)).map_err(|_| wrong(value, "a number"))
        }
        _ => Err(wrong(value, "a number")),
    }
}

fn wrong(value: &SigmaValue, wanted: &str) -> Reason {
    Reason::new(value.to_string(), format!("`{value}` is not {wanted}"), format!("write {wanted}"))
}

fn conflict(item: &DetectionItem, message: &str) -> Reason {
    let name = item.field.name.as_deref().unwrap_or("");
    Reason::new(
        format!("{name}|"),
        format!("modifiers of `{name}`: {message}"),
        "use one operator, see the modifiers appendix of the Sigma specification 2.1",
    )
}
