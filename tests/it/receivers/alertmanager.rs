//! Prometheus Alertmanager itself: vigie's concerns stand there while they last.

use super::*;
use vigie::alert::alertmanager::RawAlertmanager;

const URL: &str = "http://127.0.0.1:9193";

fn standing() -> Vec<String> {
    let asked = Command::new("curl").args(["-s", "-f", &format!("{URL}/api/v2/alerts")]).output().unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&asked.stdout).unwrap_or_default();
    let alerts = answer.as_array().into_iter().flatten();
    alerts.filter_map(|alert| alert["labels"]["concern"].as_str()).map(str::to_owned).collect()
}

async fn until(told: &str, fits: impl Fn(&[String]) -> bool) {
    for _ in 0..600 {
        if fits(&standing()) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{told}: {:?}", standing());
}

#[tokio::test]
#[ignore = "needs prometheus-alertmanager and curl"]
async fn alertmanager_hears_of_a_concern_and_of_its_end() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.yml"), "route: { receiver: none }\nreceivers: [{ name: none }]\n").unwrap();
    let child = Command::new("prometheus-alertmanager")
        .args(["--config.file=a.yml", "--storage.path=data", "--cluster.listen-address="])
        .arg("--web.listen-address=127.0.0.1:9193")
        .current_dir(dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _stub = Stub { child, port: 9193, folder: dir.path().to_owned() };
    let up = || Command::new("curl").args(["-s", "-f", &format!("{URL}/-/ready")]).output().unwrap().status.success();
    for _ in 0..200 {
        if up() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let concerns = Arc::new(std::sync::Mutex::new(vec!["crm/2026-08-01.vfi: damaged".to_owned()]));
    let settings: RawAlertmanager = toml::from_str(&format!("url = '{URL}'\nevery = '10s'")).unwrap();
    let (settings, seen) = (settings.validate().unwrap(), Arc::clone(&concerns));
    let telling = tokio::spawn(async move {
        settings.keep_told(&NetSettings::default(), || seen.lock().unwrap().clone()).await.unwrap();
    });
    until("the concern stands", |standing| standing == ["crm/2026-08-01.vfi: damaged"]).await;
    concerns.lock().unwrap().clear();
    until("the concern has ended", <[String]>::is_empty).await;
    telling.abort();
}
