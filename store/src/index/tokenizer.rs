//! How tantivy cuts what it is given: whole values, folded whole values, and words that were cut before.

use stream::Value;
use tantivy::tokenizer::{RawTokenizer, TextAnalyzer, Token, TokenStream, Tokenizer, TokenizerManager};

use crate::query::fold_keyword;

/// The whole text as one token.
pub(crate) const WHOLE: &str = "sekisho_whole";
/// The whole text, folded, as one token.
pub(crate) const FOLDED: &str = "sekisho_folded";
/// Words separated by [`SEPARATOR`].
pub(crate) const WORDS: &str = "sekisho_words";

/// Stands between words; no word contains it.
pub(crate) const SEPARATOR: u8 = 0x1f;

/// The tokenizers of every split.
pub(crate) fn manager() -> TokenizerManager {
    let manager = TokenizerManager::default();
    manager.register(WHOLE, TextAnalyzer::from(RawTokenizer::default()));
    manager.register(FOLDED, TextAnalyzer::from(Cut { split: false, token: Token::default() }));
    manager.register(WORDS, TextAnalyzer::from(Cut { split: true, token: Token::default() }));
    manager
}

#[derive(Clone)]
struct Cut {
    split: bool,
    token: Token,
}

struct Tokens<'a> {
    rest: Option<&'a str>,
    split: bool,
    token: &'a mut Token,
}

impl Tokenizer for Cut {
    type TokenStream<'a> = Tokens<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Tokens<'a> {
        self.token.reset();
        Tokens {
            rest: Some(text).filter(|text| !(self.split && text.is_empty())),
            split: self.split,
            token: &mut self.token,
        }
    }
}

impl TokenStream for Tokens<'_> {
    fn advance(&mut self) -> bool {
        let Some(rest) = self.rest.take() else { return false };
        self.token.position = self.token.position.wrapping_add(1);
        self.token.text.clear();
        if !self.split {
            self.token.text.push_str(&fold_keyword(Value::Str(rest)));
            return true;
        }
        let end = memchr::memchr(SEPARATOR, rest.as_bytes()).unwrap_or(rest.len());
        self.token.text.push_str(&rest[..end]);
        self.rest = rest.get(end + 1..);
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}
