//! A small disk of its own: a file with a file system in it, mounted.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::deployment::scratch;
use super::process::run;
use crate::Result;

/// Megabytes it holds.
const SIZE: u64 = 48;

/// A mounted disk. It is taken off when dropped.
pub(crate) struct Disk {
    directory: tempfile::TempDir,
}

impl Disk {
    /// Why there can be none: a container may lack the rights.
    pub(crate) fn lacks() -> Option<String> {
        let why = Self::new().err()?;
        Some(format!("a mount of a small disk ({})", why.trim()))
    }

    pub(crate) fn new() -> Result<Self> {
        let disk = Self {
            directory: scratch()?,
        };
        let image = disk.image();
        fs::File::create(&image)
            .and_then(|file| file.set_len(SIZE << 20))
            .map_err(|error| format!("disk: {error}"))?;
        fs::create_dir(disk.path()).map_err(|error| format!("disk: {error}"))?;
        // No blocks kept for root, who we are: full is full.
        run(Command::new("mkfs.ext4")
            .args(["-q", "-m", "0"])
            .arg(&image))?;
        disk.mount()?;
        Ok(disk)
    }

    fn image(&self) -> PathBuf {
        self.directory.path().join("image")
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("disk")
    }

    fn mount(&self) -> Result {
        run(Command::new("mount")
            .args(["-o", "loop"])
            .arg(self.image())
            .arg(self.path()))
        .map(drop)
    }

    /// Fills it to the last byte.
    pub(crate) fn fill(&self) -> Result {
        for (number, block) in [1_u64 << 20, 1 << 12, 1 << 9].into_iter().enumerate() {
            // Ends with an error, which is what is wanted.
            let full = run(Command::new("dd")
                .arg("if=/dev/zero")
                .arg(format!("of={}", self.ballast(number).display()))
                .arg(format!("bs={block}"))
                .arg("conv=fsync"));
            if full.is_ok() {
                return Err("the disk did not get full".to_owned());
            }
        }
        Ok(())
    }

    /// Makes room again.
    pub(crate) fn clear(&self) -> Result {
        for number in 0..3 {
            fs::remove_file(self.ballast(number)).map_err(|error| format!("disk: {error}"))?;
        }
        Ok(())
    }

    fn ballast(&self, number: usize) -> PathBuf {
        self.path().join(format!("ballast{number}"))
    }

    /// As the kernel does it by itself after an error of the device: from now on nothing can be
    /// written, also to files that are open.
    pub(crate) fn break_down(&self) -> Result {
        run(Command::new("mount")
            .args(["-o", "remount,abort"])
            .arg(self.path()))
        .map(drop)
    }

    /// Repaired and mounted again. Nobody may have a file open.
    pub(crate) fn repair(&self) -> Result {
        take_off(&self.path())?;
        // 1: it repaired something.
        let status = Command::new("e2fsck")
            .args(["-y", "-f"])
            .arg(self.image())
            .output()
            .map_err(|error| format!("e2fsck: {error}"))?
            .status;
        if !matches!(status.code(), Some(0 | 1)) {
            return Err(format!("e2fsck: {status}"));
        }
        self.mount()
    }
}

fn take_off(path: &Path) -> Result {
    run(Command::new("umount").arg(path)).map(drop)
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(run(Command::new("umount").arg("-l").arg(self.path())));
    }
}
