//! The inbox folder: complete files only, nothing lost, nothing twice.

use std::fs;
use std::sync::atomic::Ordering;

use super::{Bench, text};
use crate::model::SkipReason;

fn bench(folder: &std::path::Path, more: &str) -> Bench {
    Bench::new("http://127.0.0.1:1", &format!("kind = 'inbox'\npath = '{}'\n{more}", folder.display()))
}

#[tokio::test]
async fn complete_files_are_taken_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = bench(folder.path(), "settle = '0s'");
    fs::write(folder.path().join("dump.csv"), "a@x.example;Ann").unwrap();
    for unfinished in [".hidden", "x.part", "y.TMP", "z.crdownload", "editor~"] {
        fs::write(folder.path().join(unfinished), "no").unwrap();
    }
    fs::create_dir(folder.path().join("folder")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", folder.path().join("link")).unwrap();
    assert!(bench.visit().await.fault.is_none());
    let posts = bench.kept.take();
    assert_eq!(posts.len(), 1);
    assert_eq!((text(&posts[0]), posts[0].title.as_deref()), ("a@x.example;Ann", Some("dump.csv")));
    assert!(!folder.path().join("dump.csv").exists());
    assert!(folder.path().join("link").symlink_metadata().is_ok());
    bench.visit().await;
    assert!(bench.kept.take().is_empty());
}

#[tokio::test]
async fn a_growing_file_is_left_until_it_stays_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = bench(folder.path(), "settle = '1h'");
    let path = folder.path().join("slow.txt");
    fs::write(&path, "half").unwrap();
    bench.visit().await;
    fs::write(&path, "half and more").unwrap();
    bench.visit().await;
    assert!(bench.kept.take().is_empty());
    // An old date means that nobody has written to it for long: moved in whole.
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
    fs::File::options().append(true).open(&path).unwrap().set_modified(old).unwrap();
    bench.visit().await;
    assert!(bench.kept.take().is_empty(), "it has just changed");
    bench.visit().await;
    assert_eq!(text(&bench.kept.take()[0]), "half and more");
}

#[tokio::test]
async fn a_file_stays_while_the_queue_is_full_and_is_not_taken_twice_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = bench(folder.path(), "settle = '0s'");
    let path = folder.path().join("dump.txt");
    fs::write(&path, "a@x.example").unwrap();
    bench.kept.full.store(true, Ordering::SeqCst);
    assert!(bench.visit().await.fault.is_some());
    assert!(path.exists());
    bench.kept.full.store(false, Ordering::SeqCst);
    bench.visit().await;
    assert_eq!(bench.kept.take().len(), 1);
    // As if the crash had come between the acceptance and the removal.
    fs::write(&path, "a@x.example").unwrap();
    bench.restart().await;
    assert_eq!(bench.visit().await.sight.accepted, 0);
    assert!(bench.kept.take().is_empty() && !path.exists());
}

#[tokio::test]
async fn read_files_are_moved_where_the_configuration_says_without_overwriting() {
    let folder = tempfile::tempdir().unwrap();
    let done = tempfile::tempdir_in(folder.path()).unwrap();
    let mut bench =
        bench(folder.path(), &format!("settle = '0s'\ndone = 'move'\ndone_path = '{}'", done.path().display()));
    for content in ["one", "two"] {
        fs::write(folder.path().join("a.txt"), content).unwrap();
        bench.visit().await;
    }
    assert_eq!(bench.kept.take().len(), 2);
    assert_eq!(fs::read_to_string(done.path().join("a.txt")).unwrap(), "one");
    assert_eq!(fs::read_to_string(done.path().join("a.txt.2")).unwrap(), "two");
}

#[tokio::test]
async fn a_file_larger_than_is_read_is_cut_and_the_cut_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = bench(folder.path(), "settle = '0s'\nmax_body_mib = 1");
    fs::write(folder.path().join("big"), vec![b'x'; (1 << 20) + 1]).unwrap();
    bench.visit().await;
    let post = &bench.kept.take()[0];
    assert_eq!((post.body.bytes.len(), post.skipped[0].reason), (1 << 20, SkipReason::TooLarge));
}

#[tokio::test]
async fn a_missing_folder_is_said_and_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let inbox = folder.path().join("inbox");
    let mut bench = bench(&inbox, "settle = '0s'");
    assert_eq!(bench.visit().await.fault.unwrap().kind(), "folder");
    fs::create_dir(&inbox).unwrap();
    fs::write(inbox.join("a"), "b").unwrap();
    bench.visit().await;
    assert_eq!(bench.kept.take().len(), 1);
}
