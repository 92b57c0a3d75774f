//! `sekisho collector`: collectors that may push to this centre, and how they get their certificates.
//!
//! `add`, at the centre, declares a collector in sources.toml and makes what it needs: a token with which it enrols over
//! the network, or, for a one-way link or by hand, a folder with key and certificate. `enrol`, in the zone, turns a token
//! into key and certificate. Neither needs any other authority than the centre's own.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use ingest::ListenerKind;
use ingest::collect::enrol::{self, SECRET_BYTES, Token};
use rcgen::{KeyPair, PublicKeyData as _};

use crate::adopt::append;
use crate::authority::{Authority, write_secret};
use crate::cli::{AddCollector, Collector, Enrol};
use crate::commands::source::take_over;
use crate::commands::{DONE, output};
use crate::config::Config;

/// Adds or enrols.
pub fn run(command: &Collector) -> Result<u8> {
    let mut out = output(None)?;
    match command {
        Collector::Add(args) => add(args, &mut *out)?,
        Collector::Enrol(args) => enrol_here(args, &mut *out)?,
    }
    out.flush()?;
    Ok(DONE)
}

fn add(args: &AddCollector, out: &mut dyn Write) -> Result<()> {
    let config = Config::load(&args.config)?;
    let tenants = crate::setup::tenants(&config.tenants)?;
    ensure!(tenants.get(&args.tenant).is_some(), "{} has no tenant {}", config.tenants.display(), args.tenant);
    let authority = Authority::open(&Authority::folder(&config))?;
    let mut entry = toml::Table::new();
    let mut set = |key: &str, value: toml::Value| drop(entry.insert(key.to_owned(), value));
    set("id", args.id.as_str().into());
    set("tenant", args.tenant.as_str().into());
    if !args.source.is_empty() {
        set("sources", args.source.clone().into());
    }
    let made = args.out.as_ref().map(|dir| make(dir, &args.id, &authority)).transpose()?;
    if let Some(public_key) = &made {
        set("public_key", public_key.as_str().into());
    }
    let declared = append(&config.sources, "collector", &entry);
    if let (Err(_), Some(dir)) = (&declared, &args.out) {
        // Made above by this call.
        fs::remove_dir_all(dir).ok();
    }
    declared?;
    writeln!(out, "collector {} is declared in {}", args.id, config.sources.display())?;
    if let Some(dir) = &args.out {
        writeln!(
            out,
            "{} holds its key and certificate: carry it into the zone, and destroy every other copy",
            dir.display()
        )?;
        writeln!(out, "one-way link: [forward] to_folder = \"out\", id = {:?}, key = \"{}.key\"", args.id, args.id)?;
    } else {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret).context("make a random token")?;
        authority.expect(&args.id, &secret, args.within)?;
        let token = Token { secret, authority: authority.hash()? };
        writeln!(out, "in the zone, once and within {} minutes:", args.within.as_secs() / 60)?;
        writeln!(
            out,
            "    sekisho collector enrol {token} --to ADDRESS:PORT --server-name {} --out tls",
            args.server_name
        )?;
    }
    let (certificate, key) = authority.centre(&args.server_name)?;
    let listening = config.listen.listener.iter().any(|listener| listener.kind == ListenerKind::Collector);
    if !listening && args.out.is_none() {
        let ca = Authority::folder(&config).join("ca.pem");
        let place = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        writeln!(
            out,
            "{} has no listener for collectors yet; add this and start sekisho again:",
            args.config.display()
        )?;
        writeln!(out, "[[listen.listener]]\nkind = \"collector\"\nbind = \"0.0.0.0:8687\"")?;
        let (certificate, key, ca) = (place(&certificate), place(&key), place(&ca));
        writeln!(out, "tls = {{ certificate = {certificate:?}, key = {key:?}, client_ca = {ca:?} }}")?;
    }
    take_over(&config, out)
}

/// Makes key and certificate in a new folder; gives the public key.
fn make(dir: &Path, id: &str, authority: &Authority) -> Result<String> {
    fs::create_dir(dir).with_context(|| format!("create {}; it must be new", dir.display()))?;
    let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519)?;
    let pem = authority.sign(id, pair.der_bytes())?;
    write_secret(&dir.join(format!("{id}.key")), &pair.serialize_pem())?;
    fs::write(dir.join(format!("{id}.pem")), pem)?;
    fs::write(dir.join("ca.pem"), &authority.pem)?;
    Ok(base64::engine::general_purpose::STANDARD.encode(pair.der_bytes()))
}

fn enrol_here(args: &Enrol, out: &mut dyn Write) -> Result<()> {
    let token: Token = args.token.parse().map_err(anyhow::Error::msg)?;
    fs::create_dir_all(&args.out).with_context(|| format!("create {}", args.out.display()))?;
    let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519)?;
    let public_key: [u8; 32] = pair.der_bytes().try_into().context("an Ed25519 key has 32 bytes")?;
    // The key is on the disk before the token is used up.
    let waiting = args.out.join("enrolling.key");
    fs::remove_file(&waiting).ok();
    write_secret(&waiting, &pair.serialize_pem())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let enrolled = runtime.block_on(enrol::enrol(args.to, &args.server_name, token, public_key))?;
    let id = &enrolled.id;
    let [key, certificate, ca] =
        [format!("{id}.key"), format!("{id}.pem"), "ca.pem".to_owned()].map(|name| args.out.join(name));
    fs::rename(&waiting, &key).with_context(|| format!("write {}", key.display()))?;
    fs::write(&certificate, &enrolled.certificate)?;
    fs::write(&ca, &enrolled.authority)?;
    writeln!(out, "[forward]\nto = \"{}\"\nserver_name = {:?}", args.to, args.server_name)?;
    writeln!(out, "ca = {ca:?}\ncertificate = {certificate:?}\nkey = {key:?}")?;
    Ok(())
}

/// What signs for collectors that enrol with this centre; nothing where no collector was ever added.
pub fn signer(config: &Config) -> Option<Box<enrol::Signer>> {
    let dir = Authority::folder(config);
    if !dir.join("ca.pem").exists() {
        return None;
    }
    Some(Box::new(move |secret, public_key| {
        // Opened for each: it may have been made anew, and it is asked rarely.
        let authority = Authority::open(&dir).map_err(|error| format!("{error:#}"))?;
        let (certificate, id) = authority.enrol(secret, public_key).map_err(|error| format!("{error:#}"))?;
        Ok(enrol::Enrolled { certificate, authority: authority.pem, id })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin;
    use ingest::Sources;

    fn town() -> (tempfile::TempDir, AddCollector) {
        let dir = tempfile::tempdir().unwrap();
        builtin::write_config("alpha-town", dir.path()).unwrap();
        let config = dir.path().join("sekisho.toml");
        let tenant = crate::setup::tenants(&dir.path().join("tenants")).unwrap().ids().next().unwrap().to_owned();
        let args = AddCollector {
            id: "lgwan-1".into(),
            tenant,
            source: Vec::new(),
            server_name: "sekisho.example".into(),
            out: None,
            within: std::time::Duration::from_secs(600),
            config,
        };
        (dir, args)
    }

    fn declared(config: &Config) -> Vec<String> {
        let sources = Sources::load(&config.sources).unwrap();
        sources.collectors().iter().map(|collector| collector.id.clone()).collect()
    }

    fn said(args: &AddCollector) -> Result<String> {
        let mut out = Vec::new();
        add(args, &mut out)?;
        Ok(String::from_utf8(out)?)
    }

    #[test]
    fn a_collector_is_declared_once_and_told_how_to_enrol() {
        let (_dir, args) = town();
        let text = said(&args).unwrap();
        assert!(text.contains("collector enrol ") && text.contains("kind = \"collector\""), "{text}");
        let config = Config::load(&args.config).unwrap();
        assert_eq!(declared(&config), ["lgwan-1"]);
        assert!(said(&args).is_err(), "a second one of this name");
        let out = args.config.parent().unwrap().join("carry");
        let hand = AddCollector { id: "gap-1".into(), out: Some(out.clone()), ..args };
        let text = said(&hand).unwrap();
        assert!(text.contains("one-way") && out.join("gap-1.key").exists(), "{text}");
        let sources = Sources::load(&config.sources).unwrap();
        let key = ingest::forward::folder::signing_key(&out.join("gap-1.key")).unwrap();
        assert_eq!(sources.collectors()[1].public_key.as_deref(), Some(ingest::forward::folder::public_key(&key)));
    }
}
