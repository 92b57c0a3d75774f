//! Consumer offsets: one small file per group and partition, `groups/NAME`, replaced atomically and synced.

use std::collections::BTreeMap;
use std::path::Path;

use super::disk::{Disk, io_error, refused};
use super::durable::{read_numbers, write_numbers};
use super::partition::Partition;
use crate::{Result, metrics};

/// Folder of the group files within a partition's folder.
pub(super) const FOLDER: &str = "groups";
const NAME_CHARACTERS_MAX: usize = 64;

pub(super) fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    // A dot in front would allow `..`; the ending is that of files that are being replaced.
    (1..=NAME_CHARACTERS_MAX).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.starts_with('.')
        && !name.ends_with(".new")
}

/// Reads every group's offset.
pub(super) fn load(disk: &dyn Disk, dir: &Path) -> Result<BTreeMap<String, u64>> {
    let folder = dir.join(FOLDER);
    let mut groups = BTreeMap::new();
    for name in disk.list(&folder).map_err(io_error("list", &folder))?.into_iter().filter(|name| is_name(name)) {
        if let Some([next]) = read_numbers(disk, &folder.join(&name))? {
            groups.insert(name, next);
        }
    }
    Ok(groups)
}

/// Records a group's offset durably.
pub(super) fn commit(partition: &Partition, group: &str, next: u64) -> Result<()> {
    let folder = partition.dir.join(FOLDER);
    if !is_name(group) {
        let reason = format!("group {group:?} is not 1 to {NAME_CHARACTERS_MAX} of a-z A-Z 0-9 . _ -");
        return Err(refused("commit an offset in", &folder, reason));
    }
    let _one_writer = partition.lock_files();
    // Written even when nothing changed: an earlier call that failed may have left another value on the disk.
    write_numbers(partition.disk.as_ref(), &folder, group, &[next])?;
    partition.lock().groups.insert(group.to_owned(), next);
    let [topic, number] = partition.labels();
    let gauge = metrics::GROUP_OFFSET.with_label_values(&[topic, number, group]);
    gauge.set(i64::try_from(next).unwrap_or(i64::MAX));
    Ok(())
}

/// Removes a group.
pub(super) fn forget(partition: &Partition, group: &str) -> Result<()> {
    let folder = partition.dir.join(FOLDER);
    let _one_writer = partition.lock_files();
    if partition.lock().groups.remove(group).is_some() {
        let path = folder.join(group);
        partition.disk.remove(&path).map_err(io_error("remove", &path))?;
        partition.disk.sync_dir(&folder).map_err(io_error("sync", &folder))?;
    }
    Ok(())
}
