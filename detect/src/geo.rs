//! Country and autonomous system of public addresses, from MMDB files that somebody downloaded: nothing is asked of a network.
//!
//! | Field | Read from, first that says something |
//! |---|---|
//! | `source.geo.country_iso_code`, `destination....` | `country.iso_code`, `country_code` |
//! | `source.as.number` | `autonomous_system_number`, `asn` (`AS64500`) |
//! | `source.as.organization.name` | `autonomous_system_organization`, `as_name` |
//!
//! What the line itself says of a side stays as it is. Files are read whole, at most [`Geo::FILE_BYTES_MAX`] each and
//! [`Geo::FILES_MAX`] together; of several the first that knows the address decides. They belong to the revision that
//! judges, so that a replay sees the same. Source: MaxMind DB File Format Specification 2.0; fields of GeoLite2, DB-IP Lite
//! and IPinfo.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use bumpalo::Bump;
use maxminddb::{PathElement, Reader};
use stream::fields::{self, FieldId};
use stream::{Event, Value};

use crate::Problem;
use crate::zones::is_public;

const COUNTRY: [&[PathElement<'static>]; 2] =
    [&[PathElement::Key("country"), PathElement::Key("iso_code")], &[PathElement::Key("country_code")]];
const NUMBER: [PathElement<'static>; 1] = [PathElement::Key("autonomous_system_number")];
const NUMBER_TEXT: [PathElement<'static>; 1] = [PathElement::Key("asn")];
const ORGANIZATION: [&[PathElement<'static>]; 2] =
    [&[PathElement::Key("autonomous_system_organization")], &[PathElement::Key("as_name")]];

/// Where the values of one side go.
struct Side {
    country: FieldId,
    number: FieldId,
    organization: FieldId,
}

const SOURCE: Side = Side {
    country: fields::SOURCE_GEO_COUNTRY_ISO_CODE,
    number: fields::SOURCE_AS_NUMBER,
    organization: fields::SOURCE_AS_ORGANIZATION_NAME,
};
const DESTINATION: Side = Side {
    country: fields::DESTINATION_GEO_COUNTRY_ISO_CODE,
    number: fields::DESTINATION_AS_NUMBER,
    organization: fields::DESTINATION_AS_ORGANIZATION_NAME,
};

/// The databases of one installation, read-only once loaded.
#[derive(Default)]
pub struct Geo {
    databases: Vec<(PathBuf, Reader<Vec<u8>>)>,
}

/// What is known of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Located<'g> {
    /// Country by ISO 3166-1 alpha-2, or empty.
    pub country: &'g str,
    /// Number of the autonomous system.
    pub number: Option<u32>,
    /// Who runs it, or empty.
    pub organization: &'g str,
}

impl Geo {
    /// The largest file in bytes.
    pub const FILE_BYTES_MAX: u64 = 512 << 20;
    /// The most files.
    pub const FILES_MAX: usize = 4;

    /// Reads databases.
    ///
    /// # Errors
    /// One is missing, too large, or no MMDB file.
    pub fn open(files: &[PathBuf]) -> Result<Geo, Vec<Problem>> {
        let mut geo = Geo::default();
        let mut problems = Vec::new();
        if files.len() > Geo::FILES_MAX {
            let message = format!("is the {}th database; at most {} are read", files.len(), Geo::FILES_MAX);
            problems.push(Problem::whole(
                &files[Geo::FILES_MAX],
                message,
                "name one for countries and one for AS numbers",
            ));
        }
        for file in files.iter().take(Geo::FILES_MAX) {
            match open(file) {
                Ok(database) => geo.databases.push((file.clone(), database)),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(geo) } else { Err(problems) }
    }

    /// Looks through every database whole, which takes seconds: what is damaged would otherwise be met by some address only.
    pub fn verify(&self) -> Vec<Problem> {
        let broken = |(file, database): &(PathBuf, Reader<Vec<u8>>)| {
            let error = database.verify().err()?;
            Some(Problem::whole(file, format!("is damaged: {error}"), DOWNLOAD))
        };
        self.databases.iter().filter_map(broken).collect()
    }

    /// Type and build time in seconds since 1970 of each database.
    pub fn describe(&self) -> impl Iterator<Item = (&Path, &str, u64)> {
        self.databases.iter().map(|(file, database)| {
            let metadata = database.metadata();
            (file.as_path(), metadata.database_type.as_str(), metadata.build_epoch)
        })
    }

    /// What is known of an address; nothing of one that is not public.
    pub fn locate(&self, address: IpAddr) -> Located<'_> {
        let mut located = Located::default();
        let address = address.to_canonical();
        if !is_public(address) {
            return located;
        }
        for (_, database) in &self.databases {
            // An address of the other family, or a damaged record: as if it were not in there.
            let Ok(found) = database.lookup(address) else { continue };
            let text = |path: &[PathElement<'_>]| found.decode_path::<&str>(path).ok().flatten().unwrap_or("");
            let first =
                |paths: &[&[PathElement<'_>]]| paths.iter().map(|path| text(path)).find(|text| !text.is_empty());
            if located.country.is_empty() {
                located.country = first(&COUNTRY).unwrap_or("");
            }
            if located.number.is_none() {
                let number = found.decode_path::<u32>(&NUMBER).ok().flatten();
                located.number = number.or_else(|| text(&NUMBER_TEXT).trim_start_matches("AS").parse().ok());
            }
            if located.organization.is_empty() {
                located.organization = first(&ORGANIZATION).unwrap_or("");
            }
        }
        located
    }

    /// Sets what is known of both ends of an event, and not said by the line.
    pub(crate) fn set<'a>(
        &self,
        event: &mut Event<'a>,
        source: Option<IpAddr>,
        destination: Option<IpAddr>,
        arena: &'a Bump,
    ) {
        if self.databases.is_empty() {
            return;
        }
        for (address, side) in [(source, &SOURCE), (destination, &DESTINATION)] {
            let Some(address) = address else { continue };
            let located = self.locate(address);
            let mut put = |field: FieldId, text: &str| {
                if !text.is_empty() && !event.has(field) {
                    event.push(field, Value::Str(arena.alloc_str(text)));
                }
            };
            put(side.country, located.country);
            put(side.organization, located.organization);
            if let Some(number) = located.number.filter(|_| !event.has(side.number)) {
                event.push(side.number, Value::Int(i64::from(number)));
            }
        }
    }
}

impl fmt::Debug for Geo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.databases.iter().map(|(file, _)| file)).finish()
    }
}

/// What to do about a file that cannot be used.
const DOWNLOAD: &str = "download it again, or take it out of `geoip`";

fn open(file: &Path) -> Result<Reader<Vec<u8>>, Problem> {
    let wrong = |message: String| Problem::whole(file, message, DOWNLOAD);
    let bytes = std::fs::metadata(file).map_err(|error| wrong(format!("cannot be read: {error}")))?.len();
    if bytes > Geo::FILE_BYTES_MAX {
        return Err(wrong(format!("has {bytes} bytes, more than {}", Geo::FILE_BYTES_MAX)));
    }
    let content = std::fs::read(file).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    Reader::from_source(content).map_err(|error| wrong(format!("is no MMDB file: {error}")))
}

#[cfg(test)]
mod tests;
