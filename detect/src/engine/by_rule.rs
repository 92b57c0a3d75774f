//! What some rules have and most have not, by the rule's index.

/// One value for some of the rules.
#[derive(Debug)]
pub(super) struct ByRule<V>(Vec<Option<Box<V>>>);

impl<V> Default for ByRule<V> {
    fn default() -> Self {
        ByRule(Vec::new())
    }
}

impl<V> ByRule<V> {
    pub(super) fn insert(&mut self, index: u32, value: V) {
        let index = index as usize;
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || None);
        }
        self.0[index] = Some(Box::new(value));
    }

    #[inline]
    pub(super) fn get(&self, index: u32) -> Option<&V> {
        self.0.get(index as usize)?.as_deref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: u32) -> Option<&mut V> {
        self.0.get_mut(index as usize)?.as_deref_mut()
    }

    /// In the order of the rules.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &V)> {
        self.0.iter().zip(0..).filter_map(|(value, index)| Some((index, value.as_deref()?)))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut V)> {
        self.0.iter_mut().zip(0..).filter_map(|(value, index)| Some((index, value.as_deref_mut()?)))
    }
}
