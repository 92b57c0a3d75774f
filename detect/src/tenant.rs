//! Tenants: one folder per body with its zones, permitted flows and ledgers, and the judgement of events by them.

use std::path::Path;

use bumpalo::Bump;
use stream::Event;

use crate::Problem;

/// All bodies of one installation, read-only once loaded; a reload builds a new value.
#[derive(Debug, Default)]
pub struct Tenants {
    list: Vec<Tenant>,
}

impl Tenants {
    /// Loads `dir/<id>/` for every folder of `dir`.
    ///
    /// # Errors
    /// Everything that is wrong in any file, up to [`crate::PROBLEMS_MAX`].
    pub fn load(dir: &Path) -> Result<Tenants, Vec<Problem>> {
        let _ = dir;
        Ok(Tenants::default())
    }

    /// Ids in alphabetical order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(Tenant::id)
    }

    /// The tenant of this id.
    pub fn get(&self, id: &str) -> Option<&Tenant> {
        self.list.iter().find(|tenant| tenant.id == id)
    }

    /// Sets zones and verdict on the event.
    pub fn judge<'a>(&self, event: &mut Event<'a>, arena: &'a Bump) {
        let _ = (event, arena);
    }
}

/// One body.
#[derive(Debug)]
pub struct Tenant {
    id: String,
}

impl Tenant {
    /// Folder name.
    pub fn id(&self) -> &str {
        &self.id
    }
}
