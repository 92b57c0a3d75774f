//! Databases of addresses beside the revisions. They are too large to stand in each: a revision names them by their hash,
//! and each is kept once below `data/revisions/geoip`, [`KEPT`] of them, the newest.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The file of a revision that names them.
pub(super) const NAMES: &str = "geoip.json";
/// Databases that are kept.
const KEPT: usize = 16;

/// The hash of each file.
pub(super) fn digests(files: &[PathBuf]) -> Result<Vec<String>> {
    files.iter().map(|file| digest(file)).collect()
}

/// Where the databases of these hashes are kept.
pub(super) fn kept(dir: &Path, digests: &[String]) -> Vec<PathBuf> {
    digests.iter().map(|digest| place(dir, digest)).collect()
}

/// Keeps a copy of each file, durably.
pub(super) fn keep(dir: &Path, files: &[PathBuf]) -> Result<()> {
    let mut current = Vec::new();
    for file in files {
        let digest = digest(file)?;
        let target = place(dir, &digest);
        if !target.exists() {
            copy(file, &target, &digest).with_context(|| format!("copy {} to {}", file.display(), target.display()))?;
        }
        current.push(target);
    }
    if current.is_empty() { Ok(()) } else { prune(&folder(dir), &current) }
}

fn copy(file: &Path, target: &Path, wanted: &str) -> Result<()> {
    let folder = target.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut copy = tempfile::NamedTempFile::new_in(folder)?;
    io::copy(&mut File::open(file)?, copy.as_file_mut())?;
    copy.as_file().sync_all()?;
    ensure!(digest(copy.path())? == wanted, "the file changed while it was being read; try again");
    copy.persist(target)?;
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// Removes the oldest beyond [`KEPT`].
fn prune(folder: &Path, current: &[PathBuf]) -> Result<()> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        all.push((entry.metadata()?.modified()?, entry.path()));
    }
    all.sort();
    let surplus = all.len().saturating_sub(KEPT);
    for (_, path) in all.into_iter().take(surplus).filter(|(_, path)| !current.contains(path)) {
        fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
    }
    Ok(())
}

fn digest(file: &Path) -> Result<String> {
    let read = || -> io::Result<String> {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(File::open(file)?)?;
        Ok(hasher.finalize().to_hex()[..32].to_owned())
    };
    read().with_context(|| format!("read {}", file.display()))
}

fn folder(dir: &Path) -> PathBuf {
    dir.join("geoip")
}

fn place(dir: &Path, digest: &str) -> PathBuf {
    // A hash has no other characters; a damaged revision may.
    let safe: String = digest.chars().filter(char::is_ascii_hexdigit).collect();
    folder(dir).join(format!("{safe}.mmdb"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_database_is_kept_once_and_the_oldest_go() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.mmdb");
        for number in 0..KEPT + 4 {
            fs::write(&file, format!("content {number}")).unwrap();
            keep(dir.path(), std::slice::from_ref(&file)).unwrap();
            keep(dir.path(), &[file.clone(), file.clone()]).unwrap();
        }
        assert_eq!(fs::read_dir(folder(dir.path())).unwrap().count(), KEPT);
        let names = digests(std::slice::from_ref(&file)).unwrap();
        assert_eq!(fs::read_to_string(&kept(dir.path(), &names)[0]).unwrap(), format!("content {}", KEPT + 3));
        let outside = kept(dir.path(), &["../../etc/passwd".to_owned()]);
        assert!(
            outside[0].starts_with(folder(dir.path())) && !outside[0].to_string_lossy().contains(".."),
            "{outside:?}"
        );
        fs::remove_file(&file).unwrap();
        assert!(format!("{:#}", digests(&[file]).unwrap_err()).contains("a.mmdb"));
    }
}
