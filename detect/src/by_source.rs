//! One value for each source of each tenant, found by number once its number is known.
//!
//! Numbers are given in the order of insertion and stay: nothing is ever removed. Saved as tenants by name, with their
//! sources by name, so that the same values give the same bytes.

use std::cell::Cell;
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct BySource<V> {
    numbers: BTreeMap<String, BTreeMap<String, u32>>,
    values: Vec<V>,
}

/// The number of a source, once somebody has asked for it. One for each source and each [`BySource`].
#[derive(Debug, Default)]
pub(crate) struct Hint(Cell<Option<u32>>);

impl<V> Default for BySource<V> {
    fn default() -> Self {
        BySource { numbers: BTreeMap::new(), values: Vec::new() }
    }
}

impl<V> BySource<V> {
    /// How many sources of a tenant there are.
    pub(crate) fn sources_of(&self, tenant: &str) -> usize {
        self.numbers.get(tenant).map_or(0, BTreeMap::len)
    }

    pub(crate) fn get(&self, tenant: &str, source: &str) -> Option<&V> {
        self.values.get(self.number(tenant, source)?)
    }

    /// The value of a source, without looking when the hint knows where.
    #[inline]
    pub(crate) fn get_mut(&mut self, tenant: &str, source: &str, hint: &Hint) -> Option<&mut V> {
        if let Some(number) = hint.0.get() {
            return self.values.get_mut(number as usize);
        }
        let number = self.number(tenant, source)?;
        hint.0.set(Some(number as u32));
        self.values.get_mut(number)
    }

    /// Adds a source that has no value yet.
    pub(crate) fn insert(&mut self, tenant: &str, source: &str, value: V) {
        let number = self.values.len() as u32;
        self.values.push(value);
        self.numbers.entry(tenant.to_owned()).or_default().insert(source.to_owned(), number);
    }

    /// Tenants in the order of their names, each with its sources and their values in the order of theirs.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str, &V)> {
        self.numbers().map(|(tenant, source, number)| (tenant, source, &self.values[number]))
    }

    /// Calls this for every source, in the same order.
    pub(crate) fn each_mut(&mut self, mut visit: impl FnMut(&str, &str, &mut V)) {
        for (tenant, sources) in &self.numbers {
            for (source, number) in sources {
                visit(tenant, source, &mut self.values[*number as usize]);
            }
        }
    }

    fn numbers(&self) -> impl Iterator<Item = (&str, &str, usize)> {
        self.numbers.iter().flat_map(|(tenant, sources)| {
            sources.iter().map(|(source, number)| (tenant.as_str(), source.as_str(), *number as usize))
        })
    }

    fn number(&self, tenant: &str, source: &str) -> Option<usize> {
        self.numbers.get(tenant)?.get(source).map(|number| *number as usize)
    }
}

impl<V: Serialize> Serialize for BySource<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tenants: BTreeMap<&str, BTreeMap<&str, &V>> = BTreeMap::new();
        for (tenant, source, value) in self.iter() {
            tenants.entry(tenant).or_default().insert(source, value);
        }
        tenants.serialize(serializer)
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for BySource<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<BySource<V>, D::Error> {
        let tenants = BTreeMap::<String, BTreeMap<String, V>>::deserialize(deserializer)?;
        let mut all = BySource::default();
        for (tenant, sources) in tenants {
            sources.into_iter().for_each(|(source, value)| all.insert(&tenant, &source, value));
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_saved_as_nested_maps_and_found_by_hint() {
        let mut all = BySource::default();
        for (number, (tenant, source)) in [("b", "x"), ("a", "y"), ("a", "x")].into_iter().enumerate() {
            all.insert(tenant, source, number);
        }
        let hint = Hint::default();
        assert_eq!(all.get_mut("a", "z", &hint), None);
        assert_eq!(all.get("a", "x"), Some(&2));
        assert_eq!(all.get_mut("a", "y", &hint), Some(&mut 1));
        assert_eq!(all.get_mut("a", "y", &hint), Some(&mut 1));
        assert_eq!((all.sources_of("a"), all.sources_of("c")), (2, 0));
        let bytes = postcard::to_allocvec(&all).unwrap();
        let plain =
            BTreeMap::from([("a", BTreeMap::from([("x", 2_usize), ("y", 1)])), ("b", BTreeMap::from([("x", 0)]))]);
        assert_eq!(bytes, postcard::to_allocvec(&plain).unwrap());
        let again: BySource<usize> = postcard::from_bytes(&bytes).unwrap();
        assert!(again.iter().eq(all.iter()));
    }
}
