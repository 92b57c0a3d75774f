//! `sekisho check`

use anyhow::Result;
use detect::{Geo, Tenants};
use ingest::Sources;
use store::archive::Bucket;
use stream::Timestamp;

use crate::cli::Configured;
use crate::commands::{DONE, FAILED};
use crate::config::Config;
use crate::setup;

/// Validates everything that a configuration names, and says all that is wrong at once.
pub fn run(args: &Configured) -> Result<u8> {
    let config = Config::load(&args.config)?;
    if config.forward.is_some() {
        return collector(&config);
    }
    let mut wrong = 0;
    let tenants = match Tenants::load(&config.tenants) {
        Ok(tenants) => {
            eprintln!("{}: {} tenants", config.tenants.display(), tenants.ids().count());
            Some(tenants)
        }
        Err(problems) => {
            setup::report(&problems);
            wrong += problems.len();
            None
        }
    };
    match Geo::open(&config.geoip) {
        Ok(geo) => {
            for (file, kind, built) in geo.describe() {
                let built = Timestamp::from_seconds(i64::try_from(built).unwrap_or(i64::MAX));
                eprintln!("{}: {kind}, built {built}", file.display());
            }
            let damaged = geo.verify();
            setup::report(&damaged);
            wrong += damaged.len();
        }
        Err(problems) => {
            setup::report(&problems);
            wrong += problems.len();
        }
    }
    if let Some(archive) = &config.archive {
        match Bucket::open(archive) {
            Ok(_) => eprintln!("archive: {}", archive.url),
            Err(error) => {
                eprintln!("{}: {error}", args.config.display());
                wrong += 1;
            }
        }
    }
    match Sources::load(&config.sources) {
        Ok(sources) => {
            eprintln!("{}: {} sources", config.sources.display(), sources.iter().count());
            if let Err(error) = config.listen.validate(&sources) {
                eprintln!("{}: {error}", args.config.display());
                wrong += 1;
            }
            let known = |id: &str| tenants.as_ref().is_none_or(|tenants| tenants.get(id).is_some());
            for source in sources.iter().filter(|source| !known(&source.tenant)) {
                let place = config.sources.display();
                eprintln!(
                    "{place}: {}/{}: no folder tenants/{} exists; add it or correct `tenant`",
                    source.tenant, source.id, source.tenant
                );
                wrong += 1;
            }
        }
        Err(error) => {
            eprintln!("{error:#}");
            wrong += 1;
        }
    }
    let (rules, problems) = setup::load_rules(&config.rules)?;
    eprintln!("{} rules", rules.rules().len());
    setup::report(&problems);
    wrong += problems.len();
    if wrong > 0 {
        eprintln!("{wrong} problems");
        return Ok(FAILED);
    }
    eprintln!("all is well");
    Ok(DONE)
}

/// A collector parses and judges nothing: it needs its sources, and where to push to.
fn collector(config: &Config) -> Result<u8> {
    let checked = Sources::load(&config.sources).and_then(|sources| {
        eprintln!("{}: {} sources", config.sources.display(), sources.iter().count());
        config.listen.validate(&sources)
    });
    if let Err(error) = checked {
        eprintln!("{error:#}");
        return Ok(FAILED);
    }
    eprintln!("all is well");
    Ok(DONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin;

    #[test]
    fn a_missing_or_broken_database_of_addresses_fails() {
        let dir = tempfile::tempdir().unwrap();
        builtin::write_config("alpha-town", dir.path()).unwrap();
        builtin::write_rules(&dir.path().join("rules")).unwrap();
        let file = dir.path().join("sekisho.toml");
        let args = Configured { config: file.clone(), role: Vec::new(), data: None, metrics: None };
        assert_eq!(run(&args).unwrap(), DONE);
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("geoip = [\"country.mmdb\"]\n{text}")).unwrap();
        assert_eq!(run(&args).unwrap(), FAILED);
        std::fs::write(dir.path().join("country.mmdb"), "no database").unwrap();
        assert_eq!(run(&args).unwrap(), FAILED);
        let refused = crate::revision::Loaded::from(&Config::load(&file).unwrap()).unwrap_err();
        assert!(format!("{refused:#}").contains("country.mmdb"), "a start is refused too: {refused:#}");
    }
}
